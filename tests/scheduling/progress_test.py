"""The line that says what is running."""

import io
import os

import pytest

from yosinski_tf.experiment.cohorts import make_cohorts
from yosinski_tf.experiment.runs import make_runs
from yosinski_tf.experiment.splits import make_split
from yosinski_tf.experiment.treatments import parse_treatments
from yosinski_tf.scheduling import progress
from yosinski_tf.scheduling.events import Event, EventKind
from yosinski_tf.scheduling.progress import Display, duration
from yosinski_tf.training.job import Progress

NAMES = [f"class{index}" for index in range(8)]
# random-0_A_seed0_first (one network), random-0_B_seed0_first (two).
ONE, TWO = make_cohorts(
    make_runs(
        [(make_split("random:0", NAMES), parse_treatments(["baseA", "baseB", "R1B"]))],
        make_split("whole", NAMES),
        [0],
        with_bases=True,
    )
)
COSTS = {ONE.cohort_id: 100.0, TWO.cohort_id: 300.0}


class Clock:
    now = 1000.0

    def monotonic(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def step(cohort, number, rate=64.0):
    return Event(EventKind.PROGRESS, cohort, progress=Progress(number, rate))


def test_what_the_user_should_know_has_a_line_of_its_own(clock):
    stream = io.StringIO()
    display = Display(COSTS, steps=100, stream=stream)
    note = "the checkpoint x is damaged: training starts again"
    display.show(Event(EventKind.PROGRESS, ONE, progress=Progress(0, 0.0, note)))
    assert f"{ONE.cohort_id}: {note}\n" in stream.getvalue()
    shown = stream.getvalue().count("damaged")
    display.show(step(ONE, 10))
    assert stream.getvalue().count("damaged") == shown == 1


def last_line(stream):
    return stream.getvalue().rsplit("\x1b[K", 1)[-1]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59.4, "59s"),
        (59.6, "1m00s"),
        (200, "3m20s"),
        (3599, "59m59s"),
        (3600, "1h00m"),
        (7500, "2h05m"),
        (100_000, "27h46m"),
        (4 * 86400 - 1, "95h59m"),
        (1_062_000, "12d07h"),
        (7_776_000, "90 days"),
        (125_500_000, "1,453 days"),
    ],
)
def test_lengths_of_time(seconds, text):
    assert duration(seconds) == text


def test_without_a_terminal_there_are_plain_lines_and_few(clock):
    stream = io.StringIO()
    display = Display(COSTS, 100, stream)
    display.show(Event(EventKind.STARTED, TWO))
    for number in range(1, 100):
        clock.now += 1
        display.show(step(TWO, number))
    clock.now += 1
    display.show(Event(EventKind.FINISHED, TWO))
    text = stream.getvalue()
    assert "\x1b" not in text and "\r" not in text
    lines = text.splitlines()
    assert lines[0] == "[    0s] started random-0_B_seed0_first: 2 networks"
    assert "[ 1m40s] finished random-0_B_seed0_first: 2 networks" in lines
    assert sum("time left" in line for line in lines) == 3


def test_a_terminal_shows_what_runs_with_its_rate(clock):
    stream = Terminal()
    display = Display(COSTS, 100, stream)
    display.show(Event(EventKind.STARTED, ONE))
    assert last_line(stream) == (
        "random-0_A_seed0_first starting | time left unknown yet"
    )
    display.show(Event(EventKind.STARTED, TWO))
    clock.now += 5
    display.show(step(TWO, 10, rate=1000.0))
    # Two networks see each image.
    line = last_line(stream)
    assert "random-0_A_seed0_first starting" in line
    assert "random-0_B_seed0_first step 10/100 2,000 network-images/s" in line
    display.show(Event(EventKind.FINISHED, TWO))
    assert "random-0_B" not in last_line(stream)


def test_the_time_left_follows_the_work_done(clock):
    stream = Terminal()
    display = Display(COSTS, 10, stream)
    display.show(Event(EventKind.STARTED, ONE))
    clock.now += 10
    display.show(step(ONE, 1))
    clock.now += 10
    display.show(step(ONE, 5))
    # 40 of 400 units in the 10 s since the first look; 350 are left.
    assert last_line(stream).endswith("time left 1m28s")
    clock.now += 10
    display.show(Event(EventKind.FINISHED, ONE))
    # 90 in 20 s, 300 left.
    assert last_line(stream).endswith("time left 1m07s")


def test_what_was_done_before_a_resumption_is_no_speed(clock):
    stream = Terminal()
    display = Display({ONE.cohort_id: 100.0}, 100, stream)
    display.show(Event(EventKind.STARTED, ONE))
    clock.now += 10
    display.show(step(ONE, 80))
    assert last_line(stream).endswith("time left unknown yet")
    clock.now += 10
    display.show(step(ONE, 90))
    assert last_line(stream).endswith("time left 10s")


def test_finished_networks_are_counted_and_failures_told(clock):
    stream = io.StringIO()
    display = Display(COSTS, 10, stream)
    display.show(Event(EventKind.FAILED, ONE, message="its process ended with code -9"))
    assert display.finished == 0
    display.show(Event(EventKind.FINISHED, TWO))
    assert display.finished == 2
    assert (
        "failed random-0_A_seed0_first: its process ended with code -9"
        in stream.getvalue()
    )


def test_a_reader_that_is_gone_ends_nothing(clock):
    read, write = os.pipe()
    os.close(read)
    with open(write, "w") as stream:
        display = Display(COSTS, 10, stream)
        display.show(Event(EventKind.STARTED, ONE))
        display.show(Event(EventKind.FINISHED, TWO))
        progress.say("Stopped.\n", stream)
        # Nothing is left to fail when the stream is closed.
        stream.flush()
    assert display.finished == 2


def test_images_are_counted_with_rate_and_time_left(monkeypatch):
    clock = iter([0.0, 10.0, 35.0, 40.0, 60.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    stream = io.StringIO()
    count = progress.ImageCount(stream)
    count.show("preparing", 1000, 9000)
    count.show("preparing", 2000, 9000)  # too soon after the last line
    count.show("preparing", 4500, 9000)
    count.show("preparing", 9000, 9000)
    count.show("checking", 0, 9000)
    # The 1000 that were there before do not count as speed.
    assert stream.getvalue().splitlines() == [
        "preparing 1,000/9,000 images",
        "preparing 4,500/9,000 images, 100 images/s, time left 45s",
        "preparing 9,000/9,000 images, 200 images/s",
        "checking 0/9,000 images",
    ]
