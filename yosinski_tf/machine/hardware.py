"""What the machine has, and how a study shares it out."""

import os
import pathlib


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_processes() -> int:
    """One per core on a processor, up to four; one where there is a GPU."""
    if any(pathlib.Path("/dev").glob("nvidia[0-9]*")):
        return 1
    return min(4, cores())


def default_threads(processes: int) -> int | None:
    """Threads of each of several processes; None, all, where there is a GPU."""
    if any(pathlib.Path("/dev").glob("nvidia[0-9]*")):
        return None
    return max(1, cores() // processes)
