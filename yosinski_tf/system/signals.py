"""Signals: how the process that the user started and training processes end.

SIGTERM comes from batch systems, SIGHUP when the terminal is gone, as after a lost
connection. `nohup` has a command ignore SIGHUP, and it goes on ignoring it.
"""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP: like Ctrl-C, with an exit code of its own.

    Attributes:
      number: The signal.
    """

    def __init__(self, number: int = signal.SIGTERM):
        super().__init__()
        self.number = number


def terminate(number: int, frame: object) -> None:
    """The handler of both in the process that the user started."""
    raise Terminated(number)


def listen() -> None:
    """Has this process end by `Terminated`, from SIGTERM and SIGHUP.

    Python ignores an exception that is raised while it collects garbage or frees an
    object. JAX has it call Python code each time. A signal that is lost there, Ctrl-C
    too, is sent again.
    """
    signal.signal(signal.SIGTERM, terminate)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, terminate)
    sys.unraisablehook = _send_again


def _send_again(lost: "sys.UnraisableHookArgs") -> None:
    if not isinstance(lost.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    number = getattr(lost.exc_value, "number", signal.SIGINT)
    # From another thread and later: here, it would be lost once more.
    main = threading.main_thread().ident
    threading.Timer(0.01, signal.pthread_kill, [main, number]).start()


@contextlib.contextmanager
def ignored(*numbers: int) -> Iterator[None]:
    """A `with` block that ignores signals."""
    previous = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Lets Ctrl-C, SIGTERM and SIGHUP wait until the end of a `with` block.

    For what may not be done by halves and takes no time, in the main thread.
    """
    caught: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = {
        number: signal.signal(number, lambda number, _: caught.append(number))
        for number in numbers
        if callable(signal.getsignal(number))
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        if caught:
            signal.raise_signal(caught[0])


@contextlib.contextmanager
def left_to_parent() -> Iterator[None]:
    """Processes that are started in a `with` block always ignore Ctrl-C and SIGHUP.

    Both go to all processes of a terminal. Here they wait until the end of the block.
    """
    # What is blocked here stays so in new processes. Another thread may take it, so it
    # has to be noted, too.
    with uninterrupted():
        numbers = (signal.SIGINT, signal.SIGHUP)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        try:
            # Python starts it with the first process, and then blocks Ctrl-C no more.
            resource_tracker.ensure_running()
            signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


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
