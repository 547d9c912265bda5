"""A cohort to train, as a value that a process can be handed."""

import contextlib
import dataclasses
import pathlib
import re
import signal
import time
from collections.abc import Iterator

from yosinski_tf.clusters import Distribution
from yosinski_tf.errors import UserError
from yosinski_tf.networks import Network
from yosinski_tf.plan import Cohort
from yosinski_tf.recipes import Recipe
from yosinski_tf.threads import Threads


class Stopped(Exception):
    """Training was asked to stop and has saved where it was."""


class Terminated(KeyboardInterrupt):
    """SIGTERM, which schedulers send: handled like Ctrl-C, with its own exit code."""


def terminate(number: int, frame: object) -> None:
    """A handler of SIGTERM, for the process that the user started."""
    raise Terminated


class StopRequest:
    """Whether SIGTERM has asked a training process to stop.

    Until the question is put for the first time, SIGTERM ends the process as it
    stands: starting up takes long, and there is nothing to save yet.
    """

    def __init__(self):
        self._armed = self._asked = False

    def __call__(self) -> bool:
        if not self._armed:
            signal.signal(signal.SIGTERM, self._note)
            self._armed = True
        return self._asked

    def _note(self, number, frame):
        self._asked = True


# Between two saves, as the last one took: with it, 51 parts of which it is one.
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
          UserError: If it is neither steps nor minutes.
        """
        match = _INTERVAL.fullmatch(text.strip())
        if not match or (match[1] and int(match[1]) < 1):
            raise UserError(
                f"wants steps, at least 1, or minutes, such as 500steps or 2min, got"
                f" {text!r}"
            )
        if match[1]:
            return cls(steps=int(match[1]))
        return cls(minutes=float(match[2]))

    def passed(self, steps: int, seconds: float) -> bool:
        """Whether so many steps or so many seconds are the interval or more."""
        if self.steps is not None:
            return steps >= self.steps
        return seconds >= 60 * (self.minutes or 0.0)

    def __str__(self) -> str:
        return f"{self.minutes:g}min" if self.steps is None else f"{self.steps}steps"


class SaveClock:
    """When a training saves: at its interval, and if that is a time no more
    often than that saving takes 2% of it (large cohorts take seconds)."""

    def __init__(self, every: Interval, step: int, saved: bool):
        """Starts the clock.

        Args:
          every: Least distance between two checkpoints.
          step: Steps taken already.
          saved: Whether there is a checkpoint of this step.
        """
        self._every, self._step, self._saved = every, step, saved
        self._since, self._cost = time.monotonic(), 0.0

    def due(self, step: int) -> bool:
        """Whether to save now, at some step."""
        seconds = time.monotonic() - self._since
        if self._every.steps is None and seconds < _TIMES_AS_LONG * self._cost:
            return False
        return self._every.passed(step - self._step, seconds)

    def holds(self, step: int) -> bool:
        """Whether there is a checkpoint of a step."""
        return self._saved and self._step == step

    @contextlib.contextmanager
    def saving(self, step: int) -> Iterator[None]:
        """Measures a save, and counts from its end."""
        began = time.monotonic()
        yield
        self._step, self._saved, self._since = step, True, time.monotonic()
        self._cost = self._since - began


@dataclasses.dataclass(frozen=True)
class Job:
    """A cohort to train, with all that it takes.

    Attributes:
      cohort: The runs.
      network: Description of all their networks.
      recipe: Everything about the training.
      runs: The study folder.
      images: Folder of the data set's arrays (see `data.cache`).
      command: The command line, for the records.
      threads: Threads that compute.
      checkpoint_every: Least distance between two checkpoints; a time is made
        longer where saving would take more than 2% of it (see `SaveClock`).
      deterministic: Whether to ask for kernels that give the same bits each time.
      distribution: How a batch is shared out among devices.
      feature_cache: Whether outputs of frozen layers are computed once: `auto`,
        `on` or `off`, see `feature_rule.choose`.
    """

    cohort: Cohort
    network: Network
    recipe: Recipe
    runs: pathlib.Path
    images: pathlib.Path
    command: str
    threads: Threads = Threads(None, None)
    checkpoint_every: Interval = Interval(minutes=1.0)
    deterministic: bool = False
    distribution: Distribution = Distribution()
    feature_cache: str = "auto"


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a cohort is.

    Attributes:
      step: Steps taken.
      images_per_second: Training images per second since the last report.
      note: A sentence that the user should see; mostly there is none.
    """

    step: int
    images_per_second: float
    note: str = ""
