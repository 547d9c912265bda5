"""The lines in the terminal that say what is running."""

import contextlib
import io
import signal

import pytest
from terminals import Terminal
from waiting import Clock

from yosinski_tf.experiment.cohorts import make_cohorts
from yosinski_tf.experiment.runs import make_runs
from yosinski_tf.experiment.splits import make_split
from yosinski_tf.experiment.treatments import parse_treatments
from yosinski_tf.scheduling import progress, status_lines
from yosinski_tf.scheduling.events import Event, EventKind
from yosinski_tf.scheduling.progress import Display, duration
from yosinski_tf.training.job import Progress

NAMES = [f"class{index}" for index in range(8)]
# random-0_A_seed0_first has one network, random-0_B_seed0_first two.
ONE, TWO = make_cohorts(
    make_runs(
        [(make_split("random:0", NAMES), parse_treatments(["baseA", "baseB", "R1B"]))],
        make_split("whole", NAMES),
        [0],
        with_bases=True,
    )
)
COSTS = {ONE.cohort_id: 100.0, TWO.cohort_id: 300.0}


class Shown(Display):
    """A display that keeps what it has shown."""

    def __init__(self, steps=100, costs=COSTS, stream=None):
        self.stream = stream or io.StringIO()
        super().__init__(costs, steps, self.stream)

    def take(self, kind, cohort, **content):
        self.show(Event(kind, cohort, **content))

    def step(self, cohort, number, rate=64.0, note=""):
        self.take(EventKind.PROGRESS, cohort, progress=Progress(number, rate, note))

    @property
    def text(self):
        return self.stream.getvalue()

    @property
    def last_line(self):
        return self.stream.shown[-1]


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    monkeypatch.setattr(status_lines, "time", clock)
    # As on a machine that builds and tests, whose logs are plain.
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return clock


def test_a_note_for_the_user_has_a_line_of_its_own():
    display = Shown()
    note = "the checkpoint x is damaged: training starts again"
    display.step(ONE, 0, 0.0, note)
    assert f"{ONE.cohort_id}: {note}\n" in display.text
    display.step(ONE, 10)
    assert display.text.count("damaged") == 1


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


def test_without_a_terminal_there_are_few_and_plain_lines(clock):
    display = Shown()
    display.take(EventKind.STARTED, TWO)
    for number in range(1, 100):
        clock.now += 1
        display.step(TWO, number)
    clock.now += 1
    display.take(EventKind.FINISHED, TWO)
    assert "\x1b" not in display.text and "\r" not in display.text
    lines = display.text.splitlines()
    assert lines[0] == "[    0s] started random-0_B_seed0_first: 2 networks"
    assert "[ 1m40s] finished random-0_B_seed0_first: 2 networks" in lines
    assert sum("time left" in line for line in lines) == 3


def test_a_terminal_shows_a_line_for_each_cohort_and_the_time_left(clock):
    display = Shown(stream=Terminal())
    display.take(EventKind.STARTED, ONE)
    display.take(EventKind.STARTED, TWO)
    clock.now += 5
    display.step(TWO, 10, rate=1000.0)
    started = [
        "[    0s] started random-0_A_seed0_first: 1 network",
        "[    0s] started random-0_B_seed0_first: 2 networks",
    ]
    assert display.stream.shown == [
        *started,
        "random-0_A_seed0_first starting",
        # Two networks see each image.
        "random-0_B_seed0_first step 10/100 2,000 network-images/s",
        "time left unknown yet",
    ]
    clock.now += 5
    display.take(EventKind.FINISHED, TWO)
    assert display.stream.shown == [
        *started,
        "[   10s] finished random-0_B_seed0_first: 2 networks",
        "random-0_A_seed0_first starting",
        "time left 2s",
    ]


@pytest.mark.parametrize("columns", [20, 40, 57, 80, 200])
def test_lines_are_cut_to_the_width_of_the_terminal(columns):
    display = Shown(stream=Terminal(columns))
    for number in range(1, 60):
        display.step(TWO, number, rate=1000.0)
    rate = "random-0_B_seed0_first step 59/100 2,000 network-images/s"
    assert display.stream.shown == [rate[:columns], "time left 0s"]


def test_lines_follow_the_terminal_when_its_size_changes():
    display = Shown(stream=Terminal(80))
    display.step(TWO, 10, rate=1000.0)
    for columns in (30, 100):
        display.stream.seek(0)
        display.stream.truncate()
        display.stream.resize(columns)
        display.step(TWO, 50, rate=1000.0)
        rate = "random-0_B_seed0_first step 50/100 2,000 network-images/s"
        assert display.stream.shown == [rate[:columns], "time left 0s"]
    # Of more lines than rows, the last ones are shown.
    display.stream.resize(80, 4)
    display.step(ONE, 50)
    assert display.stream.shown[-2:] == [
        "random-0_A_seed0_first step 50/100 64 network-images/s",
        "time left 0s",
    ]


def test_what_a_terminal_says_of_itself_wins_over_variables(monkeypatch):
    for name, value in {
        "COLUMNS": "300",
        "FORCE_COLOR": "1",
        "TTY_COMPATIBLE": "0",
        "TTY_INTERACTIVE": "0",
    }.items():
        monkeypatch.setenv(name, value)
    display = Shown(stream=Terminal(20))
    display.step(TWO, 10)
    display.step(TWO, 10)
    assert display.stream.shown == ["random-0_B_seed0_fir", "time left unknown ye"]


@pytest.mark.parametrize(
    ("variable", "value"), [("TERM", "dumb"), ("TERM", "unknown"), ("CI", "true")]
)
def test_terminals_that_cannot_redraw_get_plain_lines(
    clock, monkeypatch, variable, value
):
    monkeypatch.setenv(variable, value)
    display = Shown(stream=Terminal())
    display.take(EventKind.STARTED, TWO)
    display.step(TWO, 10)
    clock.now += 30
    display.step(TWO, 50)
    assert display.text == (
        "[    0s] started random-0_B_seed0_first: 2 networks\n"
        "random-0_B_seed0_first step 50/100 128 network-images/s | time left 1m02s\n"
    )


def test_notes_stand_whole_above_the_lines():
    note = "see " + "/long/path" * 10 + " [bold]:smile:\x1b[2J"
    display = Shown(stream=Terminal(40))
    display.step(TWO, 10)
    display.tell(note)
    # As wide as the terminal makes it: a copy of it is one line.
    assert "see " + "/long/path" * 10 + " [bold]:smile:\\x1b[2J\n" in display.text
    assert display.stream.shown[-2:] == [
        "random-0_B_seed0_first step 10/100 128 n",
        "time left unknown yet",
    ]


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, ValueError])
def test_at_the_end_the_lines_are_gone(error):
    stream = Terminal(20)
    with contextlib.suppress(error or ()), Shown(stream=stream) as display:
        display.step(TWO, 10)
        # The terminal writes this when the user presses Ctrl-C.
        stream.write("^C")
        if error:
            raise error
    print("Trained 2 networks", file=stream)
    assert [row for row in stream.shown if row] == ["Trained 2 networks"]
    assert stream.shown[0] == "Trained 2 networks"


def test_ctrl_c_waits_until_the_lines_are_drawn():
    class Interrupting(Terminal):
        def write(self, text):
            signal.raise_signal(signal.SIGINT)
            return super().write(text)

    stream = Interrupting()
    display = Shown(stream=stream)
    # A shell may have started the tests so that they ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            display.step(TWO, 10)
    finally:
        signal.signal(signal.SIGINT, before)
    assert stream.shown == [
        "random-0_B_seed0_first step 10/100 128 network-images/s",
        "time left unknown yet",
    ]


def test_the_time_left_follows_the_work_done(clock):
    display = Shown(steps=10, stream=Terminal())
    display.take(EventKind.STARTED, ONE)
    clock.now += 10
    display.step(ONE, 1)
    clock.now += 10
    display.step(ONE, 5)
    # 40 of 400 units took 10 s since the first step was seen; 350 are left.
    assert display.last_line.endswith("time left 1m28s")
    clock.now += 10
    display.take(EventKind.FINISHED, ONE)
    # 90 units took 20 s; 300 are left.
    assert display.last_line.endswith("time left 1m07s")


def test_work_done_before_a_resumption_does_not_count_as_speed(clock):
    display = Shown(costs={ONE.cohort_id: 100.0}, stream=Terminal())
    display.take(EventKind.STARTED, ONE)
    clock.now += 10
    display.step(ONE, 80)
    assert display.last_line.endswith("time left unknown yet")
    clock.now += 10
    display.step(ONE, 90)
    assert display.last_line.endswith("time left 10s")


@pytest.mark.parametrize(
    ("kind", "left"),
    [
        (EventKind.STOPPED, "13s"),
        (EventKind.FAILED, "3s"),
        (EventKind.LEFT_OUT, "3s"),
    ],
)
def test_a_closed_cohort_is_no_work_that_is_left(clock, kind, left):
    display = Shown(stream=Terminal())
    display.step(TWO, 0)
    clock.now += 27
    display.step(TWO, 90)
    display.take(kind, ONE)
    # 270 units took 27 s; 30 are left, and 100 of the other cohort.
    assert display.last_line.endswith(f"time left {left}")


def test_finished_networks_are_counted_and_failures_explained():
    display = Shown()
    message = "its process ended with code -9"
    display.take(EventKind.FAILED, ONE, message=message)
    assert display.finished == 0
    display.take(EventKind.FINISHED, TWO)
    assert display.finished == 2
    assert f"failed random-0_A_seed0_first: {message}" in display.text


def test_images_are_counted_with_rate_and_time_left(clock):
    stream = io.StringIO()
    count = progress.ImageCount(stream)
    for seconds, *shown in (
        (0, "preparing", 1000),
        (10, "preparing", 2000),  # Too soon after the last line.
        (35, "preparing", 4500),
        (40, "preparing", 9000),
        (60, "checking", 0),
    ):
        clock.now = 1000.0 + seconds
        count.show(*shown, 9000)
    # The 1000 images that were done before do not count as speed.
    assert stream.getvalue().splitlines() == [
        "preparing 1,000/9,000 images",
        "preparing 4,500/9,000 images, 100 images/s, time left 45s",
        "preparing 9,000/9,000 images, 200 images/s",
        "checking 0/9,000 images",
    ]


def test_a_count_of_images_ends_as_a_line_of_its_own(clock):
    stream = Terminal(30)
    with progress.ImageCount(stream) as count:
        count.show("preparing", 0, 9000)
        clock.now += 10
        count.show("preparing", 4500, 9000)
        assert stream.shown == ["preparing 4,500/9,000 images, "]
        count.tell("warning: grey")
        count.show("preparing", 9000, 9000)
        count.show("checking", 0, 9000)
    print("Store", file=stream)
    assert "".join(stream.shown) == (
        "warning: greypreparing 9,000/9,000 images, 900 images/sStore"
    )


def test_a_short_task_may_be_left_out_of_a_log(clock):
    stream = io.StringIO()
    count = progress.ImageCount(stream, long_only=True)
    for seconds, done in ((0, 0), (10, 2000), (31, 3100), (40, 9000)):
        clock.now = 1000.0 + seconds
        count.show("reading", done, 9000)
    assert stream.getvalue() == (
        "reading 3,100/9,000 images, 100 images/s, time left 59s\n"
    )
