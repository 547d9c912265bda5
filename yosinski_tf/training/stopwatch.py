"""The times of a training: seconds, images per second, and when to report progress."""

import contextlib
import time
from collections.abc import Iterator

from yosinski_tf.training.job import Progress

# Between two reports; also the longest wait after Ctrl-C.
SECONDS_PER_REPORT = 1.0


class Stopwatch:
    """Times the training of a cohort, `batch_size` images a step, from now on."""

    def __init__(self, batch_size: int):
        self._batch_size = batch_size
        self._started = time.monotonic()
        self._train_seconds = self._last_seconds = 0.0
        # While steps are taken: since when.
        self._stepping: float | None = None
        self._reported = (0, self._started)

    def resume(self, step: int, train_seconds: float, total_seconds: float) -> None:
        """Continues after a step, with the seconds of an earlier process."""
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
        """The rate of the last `stepping` block, which took steps from begin to end.

        Without a step in it, the rate is that of the whole training.
        """
        if end > begin:
            return (end - begin) * self._batch_size / self._last_seconds
        return end * self._batch_size / self._train_seconds

    def progress(self, step: int) -> Progress | None:
        """A report on the steps taken; None if the last is less than a second old."""
        before, clock = self._reported
        now = time.monotonic()
        if now - clock < SECONDS_PER_REPORT:
            return None
        self._reported = (step, now)
        return Progress(step, (step - before) * self._batch_size / (now - clock))
