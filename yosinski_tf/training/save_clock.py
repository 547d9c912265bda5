"""When a training saves a checkpoint."""

import contextlib
import dataclasses
import re
import time
from collections.abc import Iterator

from yosinski_tf.system.errors import UserError

# The least time between two saves, in multiples of the time that the last one took:
# saving then takes one part in 51.
_TIMES_AS_LONG = 50
_INTERVAL = re.compile(r"(\d+)(?: ?steps?)?|(\d+(?:\.\d*)?|\.\d+) ?min(?:utes?)?")


@dataclasses.dataclass(frozen=True)
class Interval:
    """A number of steps, or a time.

    Attributes:
      steps: At least 1; None for a time.
      minutes: At least 0; None for steps.
    """

    steps: int | None = None
    minutes: float | None = None

    @classmethod
    def parse(cls, text: str) -> "Interval":
        """Reads `500`, `500steps`, `2min` or `0.5min`.

        Raises:
          UserError: If the text is neither steps nor minutes.
        """
        match = _INTERVAL.fullmatch(text.strip())
        if not match or (match[1] and int(match[1]) < 1):
            raise UserError(
                f"needs steps, at least 1, or minutes, such as 500steps or 2min, found"
                f" {text!r}"
            )
        if match[1]:
            return cls(steps=int(match[1]))
        return cls(minutes=float(match[2]))

    def passed(self, steps: int, seconds: float) -> bool:
        """Whether the interval is over after so many steps and seconds."""
        if self.steps is not None:
            return steps >= self.steps
        return seconds >= 60 * (self.minutes or 0.0)

    def __str__(self) -> str:
        return f"{self.minutes:g}min" if self.steps is None else f"{self.steps}steps"


class SaveClock:
    """Says when a training saves: after every interval.

    An interval of minutes becomes longer where saving, which takes seconds for large
    cohorts, would take more than 2% of the time. The first begins at `step`, of which
    there is a checkpoint if it is `saved`.
    """

    def __init__(self, every: Interval, step: int, saved: bool):
        self._every, self._step, self._saved = every, step, saved
        self._since, self._cost = time.monotonic(), 0.0

    def due(self, step: int) -> bool:
        """Whether to save now, at this step."""
        seconds = time.monotonic() - self._since
        if self._every.steps is None and seconds < _TIMES_AS_LONG * self._cost:
            return False
        return self._every.passed(step - self._step, seconds)

    def holds(self, step: int) -> bool:
        """Whether there is a checkpoint of this step."""
        return self._saved and self._step == step

    @contextlib.contextmanager
    def saving(self, step: int) -> Iterator[None]:
        """Times a save, and starts the next interval at its end."""
        began = time.monotonic()
        yield
        self._step, self._saved, self._since = step, True, time.monotonic()
        self._cost = self._since - began
