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

LARGE = dataclasses.replace(RECIPE, image_size=227, crop_size=227, batch_size=32)
CAFFENET = get_network("caffenet")
CASES = [
    (NETWORK, RECIPE, 2, (2, 1)),
    (CAFFENET, LARGE, 2, (2, 2)),
    # 0: the library's choice, one for each core.
    (NETWORK, RECIPE, None, (0, 1)),
    (CAFFENET, LARGE, None, (0, 0)),
]


def threads_of(jobs):
    """Threads between and within operations; in a process that has none yet."""
    import tensorflow as tf

    from yosinski_tf.threads import set_threads_for

    config, found = tf.config.threading, []
    for job in jobs:
        config.set_inter_op_parallelism_threads(0)
        config.set_intra_op_parallelism_threads(0)
        set_threads_for(job)
        between = config.get_inter_op_parallelism_threads()
        found.append((between, config.get_intra_op_parallelism_threads()))
    return found


def test_only_large_operations_are_shared():
    runs = tuple(Run(SPLIT, parse_treatment(t), 0) for t in ("baseB", "B3B", "A3B+"))
    nowhere = pathlib.Path("nowhere")
    jobs = [
        Job(Cohort("threads", runs), *case, nowhere, nowhere, "test", threads)
        for *case, threads, _ in CASES
    ]
    assert apart(threads_of, jobs) == [expected for *_, expected in CASES]


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
