"""How long measuring will still take."""

import collections
import statistics
from collections.abc import Iterable


class TimeLeft:
    """Counts steps that are taken now: those that are kept take no time.

    A step takes as long as it did for other networks, so nothing is known before every
    step that is left was taken once.
    """

    def __init__(self, steps: Iterable[str]):
        """Notes the names of all steps to take, one for each time."""
        self._left = collections.Counter(steps)
        self._seconds: dict[str, list[float]] = {}

    def taken(self, step: str, seconds: float | None) -> None:
        """Notes that a step has ended, and its time; None if it failed."""
        self._left[step] -= 1
        if seconds is not None:
            self._seconds.setdefault(step, []).append(seconds)

    def seconds(self) -> float | None:
        """The time for the steps that are left; None if that is not known yet."""
        left = +self._left
        if left.keys() - self._seconds.keys():
            return None
        return sum(
            count * statistics.fmean(self._seconds[step])
            for step, count in left.items()
        )
