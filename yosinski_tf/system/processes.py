"""Which process is which, here and on other machines, and which still lives."""

import dataclasses
import functools
import os
import pathlib
import socket

_PROC = pathlib.Path("/proc")


@dataclasses.dataclass(frozen=True)
class Process:
    """A process, told apart from all others, past ones included.

    Attributes:
      host: Name of its machine, for people.
      machine: One start of one machine, and there one space of process numbers:
        containers of one machine may have the same host name and numbers.
      pid: Its number.
      started: When it started, in the machine's own count: numbers are given
        again to later processes. Empty where the system does not tell.
    """

    host: str
    machine: str
    pid: int
    started: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def this_process() -> Process:
    """The one that runs this."""
    pid = os.getpid()
    return Process(socket.gethostname(), machine(), pid, _started(pid) or "")


@functools.cache
def machine() -> str:
    """This start of this machine and its space of process numbers, in a word."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot[:13]}-{os.stat(_PROC / 'self/ns/pid').st_ino}"
    except OSError:  # Not Linux.
        return socket.gethostname()


def lives(process: Process) -> bool | None:
    """Whether a process still runs; None if that cannot be seen from here."""
    if process.machine != machine():
        return None
    started = _started(process.pid)
    if started is None:
        return False
    if process.started and not started:
        return None
    return started == process.started


def pid_lives(pid: int) -> bool:
    """Whether any process of this machine has a number."""
    return _started(pid) is not None


def _started(pid: int) -> str | None:
    """When a process of this machine started; None if it has ended.

    Empty if that is not told: not Linux, or the processes of others are hidden.
    """
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return _asked(pid)
    # The name, in brackets, may hold anything, brackets and spaces too.
    state, *numbers = text.rpartition(")")[2].split()
    # A zombie has ended and only waits for its parent to notice.
    return None if state in "ZX" else numbers[18]


def _asked(pid: int) -> str | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return ""
