"""Signals: how the process that the user started and training processes end."""

import contextlib
import signal
from collections.abc import Iterator


class Terminated(KeyboardInterrupt):
    """SIGTERM, as batch systems send it: like Ctrl-C, with an exit code of its own."""


def terminate(number: int, frame: object) -> None:
    """The handler of SIGTERM in the process that the user started."""
    raise Terminated


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Lets Ctrl-C wait until the end of a `with` block, in the main thread.

    For what may not be done by halves and takes no time.
    """
    caught: list[int] = []
    previous = signal.signal(signal.SIGINT, lambda number, _: caught.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
        if caught:
            signal.raise_signal(signal.SIGINT)


class StopRequest:
    """Whether SIGTERM has asked a training process to stop; call it to ask.

    Until the first call, SIGTERM ends the process at once: starting up takes long,
    and there is nothing to save yet.
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
