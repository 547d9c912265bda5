"""Which processes of this machine still run, and the variables of new ones."""

import contextlib
import functools
import os
import pathlib
import socket
from collections.abc import Iterator, Mapping

_PROC = pathlib.Path("/proc")


@functools.cache
def machine() -> str:
    """The boot of this machine and its PID namespace, as one word.

    Containers of one machine may share the host name and the process numbers.
    """
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot[:13]}-{os.stat(_PROC / 'self/ns/pid').st_ino}"
    except OSError:  # Not Linux.
        return socket.gethostname()


def pid_lives(pid: int) -> bool:
    """Whether a process of this machine has this number."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        # Not Linux, or the processes of other users are hidden.
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return True
    # The program's name, in brackets, may itself hold brackets and spaces. A zombie
    # has ended; its parent has not yet waited for it.
    return text.rpartition(")")[2].split()[0] not in "ZX"


@contextlib.contextmanager
def environment(values: Mapping[str, str | None]) -> Iterator[None]:
    """Changes variables of this process during a `with` block, for new processes.

    None removes a variable.
    """
    before = {name: os.environ.get(name) for name in values}
    try:
        _set(values)
        yield
    finally:
        _set(before)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
