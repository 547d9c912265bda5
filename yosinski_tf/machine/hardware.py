"""What the operating system says about the machine: its processor and its memory."""

import math
import os
import pathlib
import platform

from yosinski_tf.machine import cgroups

_CPUINFO = pathlib.Path("/proc/cpuinfo")
_MEMINFO = pathlib.Path("/proc/meminfo")
_STATUS = pathlib.Path("/proc/self/status")


IMAGES_SHARE = 0.6
"""The part of the free memory that images may take; the rest is for the network."""


def cores() -> int:
    """Processor cores that this process may use, at least one.

    A quota of processor time counts as the nearest whole number of cores: half a core
    more makes threads wait for a moment, half a core less leaves it idle.
    """
    if hasattr(os, "sched_getaffinity"):
        number = len(os.sched_getaffinity(0))
    else:
        number = os.cpu_count() or 1
    quota = cgroups.cpu_quota()
    return number if quota is None else max(1, min(number, math.floor(quota + 0.5)))


def processor_name() -> str:
    """The processor's name, for people."""
    return _field(_CPUINFO, "model name") or platform.processor() or platform.machine()


def processor_flags() -> frozenset[str]:
    """The processor's instruction sets, as Linux names them; elsewhere none."""
    return frozenset(_field(_CPUINFO, "flags").split())


def available_memory() -> int | None:
    """Bytes that a process may still take; None if unknown.

    On Linux the smallest of the free memory (`MemAvailable`), what the control groups
    of this process leave (`cgroups.available_memory`), and what `ulimit -v` leaves of
    its addresses, as some batch systems set it. Elsewhere all memory of the machine.
    """
    try:
        if kibibytes := _field(_MEMINFO, "MemAvailable"):
            free = int(kibibytes.split()[0]) * 1024
        else:
            free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):  # Windows has no sysconf
        return None
    limits = (cgroups.available_memory(), _addresses_left())
    return min([free, *(limit for limit in limits if limit is not None)])


def _addresses_left() -> int | None:
    """Bytes of addresses that this process may still take; None without a limit."""
    try:
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    except ImportError:  # Windows
        return None
    if limit == resource.RLIM_INFINITY:
        return None
    taken = _field(_STATUS, "VmSize")
    return max(0, limit - int(taken.split()[0]) * 1024) if taken else limit


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
