"""Seconds, rates and reports of a training."""

import pytest

from yosinski_tf.training.job import Progress
from yosinski_tf.training.stopwatch import Stopwatch


def test_seconds_of_steps_and_of_all_continue_after_an_interruption(clock):
    stopwatch = Stopwatch(batch_size=10)
    clock.now += 5
    stopwatch.resume(step=100, train_seconds=40.0, total_seconds=60.0)
    assert (stopwatch.train_seconds, stopwatch.total_seconds) == (40, 65)
    with stopwatch.stepping():
        clock.now += 2
        assert (stopwatch.train_seconds, stopwatch.total_seconds) == (42, 67)
        clock.now += 2
    clock.now += 1
    assert (stopwatch.train_seconds, stopwatch.total_seconds) == (44, 70)
    assert stopwatch.images_per_second(100, 120) == 20 * 10 / 4
    with stopwatch.stepping():
        pass
    # Without a step, the rate of the whole training.
    assert stopwatch.images_per_second(120, 120) == pytest.approx(120 * 10 / 44)


def test_a_report_comes_every_second(clock):
    stopwatch = Stopwatch(batch_size=10)
    clock.now += 7
    stopwatch.resume(step=100, train_seconds=0.0, total_seconds=0.0)
    clock.now += 0.9
    assert stopwatch.progress(101) is None
    clock.now += 0.1
    assert stopwatch.progress(103) == Progress(103, pytest.approx(30))
    clock.now += 0.5
    assert stopwatch.progress(104) is None
    clock.now += 1.5
    assert stopwatch.progress(107) == Progress(107, pytest.approx(20))
