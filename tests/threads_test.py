"""TensorFlow's threads, as a job's network wants them."""

import dataclasses
import pathlib

import pytest
from tiny import NETWORK, RECIPE, SPLIT

from yosinski_tf import machine
from yosinski_tf.architectures import get_network
from yosinski_tf.benchmarks.own_process import apart
from yosinski_tf.jobs import Job
from yosinski_tf.plan import Cohort, Run
from yosinski_tf.treatments import parse_treatment


def threads_of(network, recipe, threads):
    """Threads between and within operations; in a process that has none yet."""
    import tensorflow as tf

    from yosinski_tf.threads import set_threads_for

    runs = tuple(Run(SPLIT, parse_treatment(t), 0) for t in ("baseB", "B3B", "A3B+"))
    nowhere = pathlib.Path("nowhere")
    cohort = Cohort("threads", runs)
    set_threads_for(Job(cohort, network, recipe, nowhere, nowhere, "test", threads))
    config = tf.config.threading
    return (
        config.get_inter_op_parallelism_threads(),
        config.get_intra_op_parallelism_threads(),
    )


LARGE = dataclasses.replace(RECIPE, image_size=227, crop_size=227, batch_size=32)
CAFFENET = get_network("caffenet")


@pytest.mark.parametrize(
    ("network", "recipe", "threads", "expected"),
    [
        (NETWORK, RECIPE, 2, (2, 1)),
        (CAFFENET, LARGE, 2, (2, 2)),
        # 0: the library's choice, one for each core.
        (NETWORK, RECIPE, None, (0, 1)),
        (CAFFENET, LARGE, None, (0, 0)),
    ],
)
def test_only_large_operations_are_shared(network, recipe, threads, expected):
    assert apart(threads_of, network, recipe, threads) == expected


@pytest.mark.parametrize(
    ("cores", "processes", "shared", "threads"),
    [(2, 2, True, 1), (2, 2, False, 2), (2, 1, False, 2), (16, 4, False, 8)],
)
def test_threads_that_share_nothing_are_more(
    monkeypatch, cores, processes, shared, threads
):
    monkeypatch.setattr(machine, "cores", lambda: cores)
    monkeypatch.setattr(machine.pathlib.Path, "glob", lambda *_: iter(()))
    assert machine.default_threads(processes, shared) == threads
