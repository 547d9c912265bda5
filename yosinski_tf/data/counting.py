"""Counts finished images and reports the count."""

from collections.abc import Callable


def counter(
    report: Callable[[int, int], None] | None, total: int, done: int = 0
) -> Callable[[int], None]:
    """Returns a function that adds to `done` and calls `report(done, total)`."""

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if report is not None:
            report(done, total)

    return advance
