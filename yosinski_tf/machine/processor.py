"""The processor: its cores, its name and its instructions."""

import os
import pathlib
import platform

_CPUINFO = pathlib.Path("/proc/cpuinfo")


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def name() -> str:
    """The processor's name, for people."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def flags() -> frozenset[str]:
    """The instruction sets of the processor, as Linux names them; else empty."""
    return frozenset(_cpuinfo("flags").split())


def _cpuinfo(field: str) -> str:
    """The first value of a field of `/proc/cpuinfo`; empty if there is none."""
    try:
        with _CPUINFO.open() as lines:
            for line in lines:
                key, _, value = line.partition(":")
                if key.strip() == field:
                    return value.strip()
    except OSError:
        pass
    return ""
