"""The times of a training: seconds, images per second, and when to report progress."""

import contextlib
import time
from collections.abc import Iterator

from yosinski_tf.training.job import Progress

# Between two reports; also the longest wait after Ctrl-C.
SECONDS_PER_REPORT = 1.0


class Stopwatch:
    """Times the training of a cohort, with the time before an interruption."""

    def __init__(self, batch_size: int):
        """Starts to count the seconds of the cohort.

        Args:
          batch_size: Images per step.
        """
        self._batch_size = batch_size
        self._started = time.monotonic()
        self._train_seconds = self._last_seconds = 0.0
        # While steps are taken: since when.
        self._stepping: float | None = None
        self._reported = (0, self._started)

    def resume(self, step: int, train_seconds: float, total_seconds: float) -> None:
        """Continues at a step, after the seconds of an earlier process.

        Args:
          step: Steps taken.
          train_seconds: Time that these steps took.
          total_seconds: Time that the earlier process spent on the cohort.
        """
        self._train_seconds = train_seconds
        self._started -= total_seconds
        self._reported = (step, time.monotonic())

    @property
    def train_seconds(self) -> float:
        """Time spent in training steps."""
        if self._stepping is None:
            return self._train_seconds
        return self._train_seconds + time.monotonic() - self._stepping

    @property
    def total_seconds(self) -> float:
        """Time spent on the cohort, with start-up and validation."""
        return time.monotonic() - self._started

    @contextlib.contextmanager
    def stepping(self) -> Iterator[None]:
        """Times the training steps that are taken inside a `with` block."""
        self._stepping = time.monotonic()
        yield
        self._last_seconds = time.monotonic() - self._stepping
        self._train_seconds += self._last_seconds
        self._stepping = None

    def images_per_second(self, begin: int, end: int) -> float:
        """The rate of the steps of the last `stepping` block.

        Args:
          begin: Steps taken before the block.
          end: Steps taken after it. If there were none in it, the rate is that of
            the whole training.
        """
        if end > begin:
            return (end - begin) * self._batch_size / self._last_seconds
        return end * self._batch_size / self._train_seconds

    def progress(self, step: int) -> Progress | None:
        """The next report, or None if the last one is less than a second old.

        Args:
          step: Steps taken.
        """
        before, clock = self._reported
        now = time.monotonic()
        if now - clock < SECONDS_PER_REPORT:
            return None
        self._reported = (step, now)
        return Progress(step, (step - before) * self._batch_size / (now - clock))
