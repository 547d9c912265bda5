"""How TensorFlow computes: threads, how many share an operation, kept kernels."""

import dataclasses
import os

from yosinski_tf.experiment.networks import Network
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.machine.hardware import cores, default_threads

# Multiply-accumulates of the largest layer on a batch, a millisecond of a core. On
# two cores, networks below it train faster without sharing, and others do not.
_SHARED_WORK = 6e7
# Cores of a process, at most, for which that was measured.
_FEW = 2


@dataclasses.dataclass(frozen=True)
class Threads:
    """Threads of a process.

    Attributes:
      number: Threads that compute; None for one for each core.
      per_operation: How many of them share one operation, which decides how a
        processor rounds; None for all.
    """

    number: int | None
    per_operation: int | None


def choose(
    network: Network,
    recipe: Recipe,
    num_classes: int,
    processes: int,
    number: int | None = None,
) -> Threads:
    """The threads of each process of a new study.

    Where products of matrices are small, threads that share them wait for each
    other longer than they compute; networks of a cohort, and the two products of
    every layer's gradients, keep them busy. That goes by the network alone, since
    what company it has may not change its numbers. Processes whose threads share
    nothing get twice their part of the cores, so that these are busy while another
    process begins or ends. Of a process with more than two cores to itself, or
    with a GPU, threads share every operation: nothing else was measured there.

    Args:
      network: The network.
      recipe: Of which the crop and the batch count.
      num_classes: Classes of the half.
      processes: How many are at work side by side.
      number: Threads of each, if that is given.
    """
    part = default_threads(processes)
    layers = network.count(recipe.crop_size, num_classes)
    largest = max(layer.multiply_accumulates for layer in layers)
    small = largest * recipe.batch_size <= _SHARED_WORK
    if small and part is not None and part <= _FEW:
        return Threads(number or min(cores(), 2 * part), 1)
    return Threads(number or part, number or part)


def set_threads(threads: Threads) -> None:
    """Limits TensorFlow's threads; to be called before it computes anything."""
    import tensorflow as tf

    if threads.number is not None:
        tf.config.threading.set_inter_op_parallelism_threads(threads.number)
        os.environ["OMP_NUM_THREADS"] = str(threads.number)
    if threads.per_operation is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads.per_operation)


def keep_kernels() -> None:
    """Has TensorFlow keep what oneDNN makes for an operation's shapes.

    For gradients it would make it again each time, which takes as long as a third of
    a small convolution. To be called before it computes anything; a setting of the
    environment stands.
    """
    os.environ.setdefault("TF_MKL_OPTIMIZE_PRIMITIVE_MEMUSE", "false")


def set_up(threads: Threads) -> None:
    """Has TensorFlow compute as the program does; to be called before it computes."""
    keep_kernels()
    set_threads(threads)
