"""What the operating system says about the machine: its processor and its memory."""

import os
import pathlib
import platform

_CPUINFO = pathlib.Path("/proc/cpuinfo")
_MEMINFO = pathlib.Path("/proc/meminfo")
_CONTAINER_LIMITS = (
    pathlib.Path("/sys/fs/cgroup/memory.max"),
    pathlib.Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


IMAGES_SHARE = 0.6
"""The part of the free memory that images may take; the rest is for the network."""


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor_name() -> str:
    """The processor's name, for people."""
    return _field(_CPUINFO, "model name") or platform.processor() or platform.machine()


def processor_flags() -> frozenset[str]:
    """The processor's instruction sets, as Linux names them; elsewhere none."""
    return frozenset(_field(_CPUINFO, "flags").split())


def available_memory() -> int | None:
    """Bytes that a process may still take; None if unknown.

    On Linux the smaller of the free memory (`MemAvailable`) and the container's
    limit; elsewhere all memory of the machine.
    """
    try:
        if kibibytes := _field(_MEMINFO, "MemAvailable"):
            free = int(kibibytes.split()[0]) * 1024
        else:
            free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):  # Windows has no sysconf
        return None
    for path in _CONTAINER_LIMITS:
        try:
            free = min(free, int(path.read_text()))
        except (OSError, ValueError):  # no such limit, or the word `max`
            continue
    return free


def _field(path: pathlib.Path, name: str) -> str:
    """The first value of a field in a file of `name: value` lines; "" without one."""
    try:
        with path.open() as lines:
            for line in lines:
                key, _, value = line.partition(":")
                if key.strip() == name:
                    return value.strip()
    except OSError:
        pass
    return ""
