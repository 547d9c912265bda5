"""Identifies processes, here and on other machines, and says which still run."""

import dataclasses
import functools
import os
import pathlib
import socket

_PROC = pathlib.Path("/proc")


@dataclasses.dataclass(frozen=True)
class Process:
    """The identity of a process, distinct from every other, ended ones included.

    Attributes:
      host: Name of its machine, for people.
      machine: The boot of the machine and the PID namespace: containers of one
        machine may share the host name and the process numbers.
      pid: Its process number.
      started: When it started, in clock ticks since boot, since later processes may
        get the same number. Empty where the system does not say.
    """

    host: str
    machine: str
    pid: int
    started: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def this_process() -> Process:
    """The process that calls this."""
    pid = os.getpid()
    return Process(socket.gethostname(), machine(), pid, _started(pid) or "")


@functools.cache
def machine() -> str:
    """The boot of this machine and its PID namespace, as one word."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot[:13]}-{os.stat(_PROC / 'self/ns/pid').st_ino}"
    except OSError:  # Not Linux.
        return socket.gethostname()


def lives(process: Process) -> bool | None:
    """Whether a process still runs; None if this process cannot know."""
    if process.machine != machine():
        return None
    started = _started(process.pid)
    if started is None:
        return False
    if process.started and not started:
        return None
    return started == process.started


def pid_lives(pid: int) -> bool:
    """Whether a process of this machine has this number."""
    return _started(pid) is not None


def _started(pid: int) -> str | None:
    """When a process of this machine started; None if it has ended.

    Empty if unknown: not Linux, or the processes of other users are hidden.
    """
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            pass
        return ""
    # The program's name, in brackets, may itself hold brackets and spaces.
    state, *numbers = text.rpartition(")")[2].split()
    # A zombie has ended; its parent has not yet waited for it.
    return None if state in "ZX" else numbers[18]
