"""How tests wait for what another process or thread does, and a clock that they set."""

import time
from collections.abc import Callable


class Clock:
    """In the place of the module `time`."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


def wait_until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Asks again and again; fails if the condition does not hold in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
