"""Intervals as a user types them, when a training saves, and SIGTERM."""

import signal

import pytest
from commands import python

from yosinski_tf.system.errors import UserError
from yosinski_tf.training.save_clock import Interval, SaveClock


@pytest.mark.parametrize(
    ("text", "steps", "minutes"),
    [
        ("500", 500, None),
        ("500steps", 500, None),
        ("1 step", 1, None),
        ("2min", None, 2.0),
        ("0.5min", None, 0.5),
        (" .5 minutes ", None, 0.5),
        ("0min", None, 0.0),
    ],
)
def test_an_interval_is_read(text, steps, minutes):
    assert Interval.parse(text) == Interval(steps, minutes)


@pytest.mark.parametrize(
    "text", ["", "min", "0", "0steps", "-5", "-1min", "1.5", "2h", "5 s", "nan", "1e3"]
)
def test_other_texts_are_refused(text):
    with pytest.raises(UserError, match="needs steps, at least 1, or minutes"):
        Interval.parse(text)


@pytest.mark.parametrize("text", ["500steps", "0.5min", "2min"])
def test_an_interval_prints_as_it_is_read(text):
    assert str(Interval.parse(text)) == text


def test_an_interval_is_over_after_its_steps_or_minutes():
    assert Interval(steps=5).passed(5, 0.0)
    assert not Interval(steps=5).passed(4, 1e9)
    assert Interval(minutes=0.5).passed(0, 30.0)
    assert not Interval(minutes=0.5).passed(10**9, 29.9)
    assert Interval(minutes=0.0).passed(0, 0.0)


def test_saving_takes_less_than_2_percent_of_a_training(clock):
    saves = SaveClock(Interval(minutes=1.0), step=0, saved=False)
    assert not saves.due(10) and not saves.holds(0)
    clock.now += 60
    assert saves.due(20)
    with saves.saving(20):
        clock.now += 17
    assert saves.holds(20) and not saves.holds(21)
    clock.now += 849
    assert not saves.due(10**9)
    clock.now += 1
    assert saves.due(21)
    with saves.saving(21):
        clock.now += 0.5
    # A short save does not change the interval.
    clock.now += 59
    assert not saves.due(22)
    clock.now += 1
    assert saves.due(22)


def test_an_interval_of_steps_does_not_depend_on_the_time_of_saving(clock):
    saves = SaveClock(Interval(steps=5), step=100, saved=True)
    assert saves.holds(100) and not saves.due(104) and saves.due(105)
    with saves.saving(105):
        clock.now += 17
    assert not saves.due(109) and saves.due(110)


def test_sigterm_ends_a_process_before_its_training_and_stops_it_later():
    made = (
        "import os, signal, sys; from yosinski_tf.system.signals import StopRequest\n"
        "stop = StopRequest(); kill = lambda: os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    assert python(f"{made}kill(); sys.exit(5)").returncode == -signal.SIGTERM
    later = "assert not stop(); kill(); assert stop(); sys.exit(5)"
    assert python(made + later).returncode == 5
