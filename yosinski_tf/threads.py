"""Threads of TensorFlow: how many, and whether they share single operations."""

import os

import tensorflow as tf

from yosinski_tf.jobs import Job

# Multiply-accumulates of a layer on a batch, half a millisecond of a core. On two
# cores, networks below it train faster without sharing, and others do not.
_SHARED_WORK = 3e7


def set_threads(threads: int | None, within_operations: bool = True) -> None:
    """Limits TensorFlow's threads; to be called before it computes anything.

    Args:
      threads: Threads that compute, or None for one for each core.
      within_operations: Whether several share one operation, too; else each is
        computed by one of them, next to others.
    """
    if threads is not None:
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        os.environ["OMP_NUM_THREADS"] = str(threads)
    within = threads if within_operations else 1
    if within is not None:
        tf.config.threading.set_intra_op_parallelism_threads(within)


def set_threads_for(job: Job) -> None:
    """Limits TensorFlow's threads as a job wants it, see `set_threads`.

    Where products of matrices are small, threads that share them wait for each
    other longer than they compute; networks of a cohort, and the two products of
    every layer's gradients, keep them busy. That goes by the network alone, since
    what company it has may not change its numbers.
    """
    classes = job.cohort.split.classes(job.cohort.target)
    layers = job.network.count(job.recipe.crop_size, len(classes))
    work = sum(layer.multiply_accumulates for layer in layers) / len(layers)
    set_threads(job.threads, work * job.recipe.batch_size > _SHARED_WORK)
