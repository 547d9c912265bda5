"""How many processes and threads train a study, and TensorFlow's settings for them."""

import dataclasses
import os

from yosinski_tf.experiment import recipes
from yosinski_tf.experiment.stages import Network
from yosinski_tf.machine import nodes
from yosinski_tf.machine.nodes import Node

_MOST_PROCESSES = 4
# Multiply-accumulates of the largest layer on a batch, about a millisecond of one
# core. On two cores, networks below it train faster if threads share no operation.
_SHARED_WORK = 6e7
# Most cores of a process for which that was measured.
_FEW_CORES = 2


@dataclasses.dataclass(frozen=True)
class Threads:
    """Threads of a process.

    Attributes:
      number: Threads that compute; None for one per core.
      per_operation: How many of them share one operation, which decides how a
        processor rounds; None for all.
    """

    number: int | None
    per_operation: int | None


def default_processes(node: Node | None = None) -> int:
    """Processes side by side on a machine, this one if it is None.

    One per GPU; without GPUs one per core, at most four.
    """
    node = node or nodes.here()
    return len(node.gpus) or min(_MOST_PROCESSES, node.cores)


def choose_threads(
    network: Network,
    recipe: recipes.Recipe,
    num_classes: int,
    processes: int,
    number: int | None = None,
    node: Node | None = None,
) -> Threads:
    """Chooses the threads of each process of a new study.

    Threads that share a small matrix product wait for each other longer than they
    compute; the networks of a cohort, and the two products of every gradient, can
    occupy them instead. The rule looks at one network, so that results do not depend
    on the others of its cohort. Processes whose threads share no operation get twice
    their part of the cores, which keeps cores busy while another process starts or
    ends. With a GPU, or more than two cores a process, threads share every operation:
    nothing else was measured there.

    Of the recipe the crop and the batch size count. The half has `num_classes`
    classes, `processes` run side by side on `node`, this machine if it is None, and
    `number` is what the user gave, if any.
    """
    node = node or nodes.here()
    part = None if node.gpus else max(1, node.cores // processes)
    stages = network.stages(recipe.crop_size, num_classes)
    largest = max(stage.multiply_accumulates for stage in stages)
    small = largest * recipe.batch_size <= _SHARED_WORK
    if small and part is not None and part <= _FEW_CORES:
        return Threads(number or min(node.cores, 2 * part), 1)
    return Threads(number or part, number or part)


def set_threads(threads: Threads) -> None:
    """Limits TensorFlow's threads; call it before TensorFlow computes anything."""
    import tensorflow as tf

    if threads.number is not None:
        tf.config.threading.set_inter_op_parallelism_threads(threads.number)
        os.environ["OMP_NUM_THREADS"] = str(threads.number)
    if threads.per_operation is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads.per_operation)


def set_up(threads: Threads) -> None:
    """Sets up TensorFlow for training; call it before TensorFlow computes anything.

    oneDNN keeps its kernels. By default it makes those of gradients again for every
    step, which takes a third of the time of a small convolution. A value already in
    the environment wins.
    """
    os.environ.setdefault("TF_MKL_OPTIMIZE_PRIMITIVE_MEMUSE", "false")
    set_threads(threads)
