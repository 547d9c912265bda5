"""What is running, its rate and the time left, in status lines."""

import contextlib
import time
from collections.abc import Mapping
from typing import TextIO

from yosinski_tf.scheduling.events import Event, EventKind, Fate
from yosinski_tf.scheduling.status_lines import StatusLines

_REDRAW_SECONDS = 0.2


class Display(contextlib.AbstractContextManager):
    """Shows events: a line for each cohort that runs, and one with the time left.

    Each cohort has a cost, its work in any unit, and takes so many steps. At the end of
    a `with` block the lines disappear.

    Attributes:
      finished: Networks trained by this process so far.
    """

    def __init__(
        self, costs: Mapping[str, float], steps: int, stream: TextIO | None = None
    ):
        """Starts the clock; writes to standard error if `stream` is None."""
        self._lines = StatusLines(stream)
        self._steps = steps
        self._cost = dict(costs)
        self._done = dict.fromkeys(self._cost, 0.0)
        # The share done before this start, which says nothing about the speed.
        self._resumed: dict[str, float] = {}
        self._rates: dict[str, str] = {}
        self._started = time.monotonic()
        # When the first steps were taken: starting up is not counted.
        self._training: float | None = None
        self.finished = 0

    def __exit__(self, *unused) -> None:
        self._lines.clear()

    @property
    def seconds(self) -> float:
        """Wall time since the start."""
        return time.monotonic() - self._started

    @property
    def left(self) -> str:
        """Time left, for people."""
        done = sum(
            cost * (self._done[name] - self._resumed.get(name, 0.0))
            for name, cost in self._cost.items()
        )
        left = sum(cost * (1 - self._done[name]) for name, cost in self._cost.items())
        if done <= 0 or self._training is None:
            return "unknown yet"
        return duration(left * (time.monotonic() - self._training) / done)

    def show(self, event: Event) -> None:
        """Shows an event of the scheduler."""
        kind, name, count = event.kind, event.cohort.cohort_id, len(event.cohort.runs)
        if event.progress is not None:
            step, rate = event.progress.step, event.progress.images_per_second
            if event.progress.note:
                self.tell(f"{name}: {event.progress.note}")
            share = step / self._steps
            self._training = self._training or time.monotonic()
            self._resumed.setdefault(name, share)
            self._done[name] = share
            self._rates[name] = (
                f"{name} step {step}/{self._steps} {rate * count:,.0f} network-images/s"
            )
        else:
            self._rates.pop(name, None)
            if kind is EventKind.STARTED:
                self._rates[name] = f"{name} starting"
            elif kind is EventKind.FINISHED:
                self._done[name] = 1.0
                self.finished += count
            elif kind.fate is Fate.FAILED:
                # Neither work that is left nor work that this process did.
                self._cost.pop(name, None)
            networks = f"{count} network" + "s" * (count > 1)
            self.tell(f"{kind.words} {name}: {event.message or networks}")
        self._lines.show([*self._rates.values(), f"time left {self.left}"])

    def tell(self, text: str) -> None:
        """Shows a line of its own, which stays."""
        self._lines.tell(f"[{duration(self.seconds):>6}] {text}")


class ImageCount(contextlib.AbstractContextManager):
    """Shows on one line how many images are done, their rate and the time left."""

    def __init__(self, stream: TextIO | None = None, long_only: bool = False):
        """Writes nothing yet.

        Args:
          stream: Where to write; standard error if None.
          long_only: Whether tasks under half a minute are left out of a log.
        """
        self._lines, self._long_only = StatusLines(stream), long_only
        self._what, self._first = "", 0
        self._started = self._drawn = 0.0

    def __exit__(self, *unused) -> None:
        self.clear()

    def show(self, what: str, done: int, total: int) -> None:
        """Shows how many of all images a task, such as `preparing`, has done.

        Images done before the first call for a task do not count in its rate.
        """
        now = time.monotonic()
        begins, ends = what != self._what, done >= total
        if begins:
            self._what, self._first, self._started = what, done, now
        if not (begins or ends) and now - self._drawn < _REDRAW_SECONDS:
            return
        self._drawn = now
        text = f"{what} {done:,}/{total:,} images"
        seconds, new = now - self._started, done - self._first
        if new and seconds > 0:
            rate = new / seconds
            left = "" if ends else f", time left {duration((total - done) / rate)}"
            text += f", {rate:,.0f} images/s{left}"
        if ends and self._lines.redraws:
            self.tell(text)
        else:
            self._lines.show([text], (begins or ends) and not self._long_only)

    def tell(self, text: str) -> None:
        """Shows a line of its own, which stays, in place of the count."""
        self.clear()
        self._lines.tell(text)

    def clear(self) -> None:
        """Removes the count until it is shown again; others may write now."""
        self._lines.clear()


def duration(seconds: float) -> str:
    """A length of time for people: `45s`, `3m20s`, `2h05m`, `12d07h`, `90 days`."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m{seconds % 60:02d}s"
    if seconds < 4 * 86400:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02d}m"
    if seconds < 30 * 86400:
        return f"{seconds // 86400}d{seconds % 86400 // 3600:02d}h"
    return f"{seconds / 86400:,.0f} days"
