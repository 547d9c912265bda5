"""How much memory a process may still take."""

import os
import pathlib

_MEMINFO = pathlib.Path("/proc/meminfo")
_CONTAINER_LIMITS = (
    pathlib.Path("/sys/fs/cgroup/memory.max"),
    pathlib.Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def available_memory() -> int | None:
    """Bytes that a process may still take; None if unknown.

    On Linux the smaller of the free memory (`MemAvailable`) and the container's
    limit; elsewhere all memory of the machine.
    """
    free = _machine_memory()
    if free is None:
        return None
    for path in _CONTAINER_LIMITS:
        try:
            free = min(free, int(path.read_text()))
        except (OSError, ValueError):  # no such limit, or the word `max`
            continue
    return free


def _machine_memory() -> int | None:
    try:
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):  # Windows has no sysconf
        return None
