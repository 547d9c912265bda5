"""Threads of TensorFlow: how many, and whether they share single operations."""

import os

from yosinski_tf.jobs import Job
from yosinski_tf.networks import Network
from yosinski_tf.recipes import Recipe

# Multiply-accumulates of a layer on a batch, half a millisecond of a core. On two
# cores, networks below it train faster without sharing, and others do not.
_SHARED_WORK = 3e7


def share_operations(network: Network, recipe: Recipe, num_classes: int) -> bool:
    """Whether several threads are to compute one operation together.

    Where products of matrices are small, threads that share them wait for each
    other longer than they compute; networks of a cohort, and the two products of
    every layer's gradients, keep them busy. That goes by the network alone, since
    what company it has may not change its numbers.

    Args:
      network: The network.
      recipe: Of which the crop and the batch count.
      num_classes: Classes of the half.
    """
    layers = network.count(recipe.crop_size, num_classes)
    work = sum(layer.multiply_accumulates for layer in layers) / len(layers)
    return work * recipe.batch_size > _SHARED_WORK


def set_threads(threads: int | None, shared: bool = True) -> None:
    """Limits TensorFlow's threads; to be called before it computes anything.

    Args:
      threads: Threads that compute, or None for one for each core.
      shared: Whether several share one operation, too; else each is computed by
        one of them, next to others.
    """
    import tensorflow as tf

    if threads is not None:
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        os.environ["OMP_NUM_THREADS"] = str(threads)
    within = threads if shared else 1
    if within is not None:
        tf.config.threading.set_intra_op_parallelism_threads(within)


def set_threads_for(job: Job) -> None:
    """Limits TensorFlow's threads as suits a job's network, see `set_threads`."""
    classes = job.cohort.split.classes(job.cohort.target)
    shared = share_operations(job.network, job.recipe, len(classes))
    set_threads(job.threads, shared)
