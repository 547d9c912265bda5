"""Processes and threads: those of a new study, and TensorFlow's settings."""

import pytest

from yosinski_tf.benchmarks.measuring import in_new_process
from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.machine import threads
from yosinski_tf.machine.nodes import Node
from yosinski_tf.machine.threads import Threads

# Its work is almost all in conv1.
NARROW = get_network("caffenet", widths=(4, 4, 4, 4, 4, 16, 16), lrn=False)


def machine(cores, *gpus):
    return Node("host", cores, None, gpus, None)


def chosen(cores, processes, network, size, batch, number=None):
    recipe = Recipe(image_size=size, crop_size=size, batch_size=batch)
    node = machine(cores)
    return threads.choose_threads(network, recipe, 20, processes, number, node)


@pytest.mark.parametrize(
    ("network", "size", "batch", "per_operation"),
    [
        (get_network("mini"), 32, 32, 1),
        (get_network("mini"), 48, 32, 1),
        (get_network("mini"), 64, 32, 2),
        (get_network("mini"), 32, 128, 2),
        (get_network("caffenet"), 227, 32, 2),
        (NARROW, 227, 32, 2),
    ],
)
def test_only_large_operations_are_shared(network, size, batch, per_operation):
    found = chosen(2, 1, network, size, batch)
    assert found == Threads(2, per_operation)


@pytest.mark.parametrize(
    ("cores", "processes", "number", "found"),
    [
        (2, 2, None, Threads(2, 1)),
        (2, 1, None, Threads(2, 1)),
        (2, 1, 6, Threads(6, 1)),
        (8, 4, None, Threads(4, 1)),
        (16, 4, None, Threads(4, 4)),
        (16, 4, 3, Threads(3, 3)),
    ],
)
def test_there_are_more_threads_if_they_share_no_operation(
    cores, processes, number, found
):
    mini = get_network("mini")
    assert chosen(cores, processes, mini, 32, 32, number) == found


@pytest.mark.parametrize("number", [None, 5])
def test_with_a_gpu_threads_share_every_operation(number):
    mini, node = get_network("mini"), machine(8, "a GPU")
    found = threads.choose_threads(mini, Recipe(), 20, 1, number, node)
    assert found == Threads(number, number)


@pytest.mark.parametrize(
    ("node", "processes"),
    [
        (machine(2), 2),
        (machine(64), 4),
        (machine(64, "a GPU"), 1),
        (machine(2, "a", "b", "c"), 3),
    ],
)
def test_gpus_or_the_number_of_cores_decide_how_many_processes(node, processes):
    assert threads.default_processes(node) == processes


def threads_of(wanted):
    """TensorFlow's inter- and intra-operation threads after each setting."""
    import tensorflow as tf

    config, found = tf.config.threading, []
    for each in wanted:
        config.set_inter_op_parallelism_threads(0)
        config.set_intra_op_parallelism_threads(0)
        threads.set_up(each)
        between = config.get_inter_op_parallelism_threads()
        found.append((between, config.get_intra_op_parallelism_threads()))
    return found


def test_tensorflow_uses_the_chosen_threads():
    wanted = [Threads(3, 1), Threads(2, 2), Threads(None, None)]
    # 0 is TensorFlow's own choice: one per core.
    assert in_new_process(threads_of, wanted) == [(3, 1), (2, 2), (0, 0)]
