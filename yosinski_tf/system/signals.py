"""SIGTERM: how the process that the user started, and those that train, end."""

import signal


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
