"""Times that can be compared: variants take turns, and every one has its spread."""

import dataclasses
import pathlib
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Sample:
    """One measurement.

    Attributes:
      images: Images after the first delivery.
      seconds: Wall time that they took.
      cpu_seconds: Time of all cores in this process meanwhile.
    """

    images: int
    seconds: float
    cpu_seconds: float


def measure(batches: Iterator[int]) -> Sample:
    """Times a pipeline from its first delivery, which is not counted, to its end.

    Args:
      batches: Gives the number of images of each delivery.
    """
    next(batches)
    cpu, started = _cpu_seconds(), time.perf_counter()
    images = sum(batches)
    return Sample(images, time.perf_counter() - started, _cpu_seconds() - cpu)


def take_turns(
    variants: Mapping[str, Callable[[], Iterator[int]]], rounds: int
) -> dict[str, list[Sample]]:
    """Measures every variant once a round, so that disturbances hit all alike.

    Args:
      variants: What starts each of them.
      rounds: How often; a round more comes first, which is not counted.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in variants}
    for number in range(rounds + 1):
        # Every other round the other way round: ABBA.
        names = list(variants) if number % 2 else list(reversed(variants))
        for name in names:
            sample = measure(variants[name]())
            if number:
                samples[name].append(sample)
    return samples


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Median, range and number of some values."""
    return {
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "n": len(values),
    }


def spread(values: Mapping[str, float], digits: int = 0) -> str:
    """A summary in words: `5 (4 to 7)`."""
    median, least, most = (
        f"{values[key]:,.{digits}f}" for key in ("median", "min", "max")
    )
    return f"{median} ({least} to {most})"


def rates(samples: Sequence[Sample]) -> dict[str, Any]:
    """Images per second and per second of one core."""
    return {
        "images_per_second": summary([s.images / s.seconds for s in samples]),
        "images_per_core_second": summary([s.images / s.cpu_seconds for s in samples]),
    }


def ratios(
    samples: Mapping[str, Sequence[Sample]], one: str, other: str
) -> dict[str, Any]:
    """How many times as fast one variant is as another, round by round.

    By the wall clock, and by the cores' time, which other work disturbs less.
    """
    pairs = list(zip(samples[one], samples[other], strict=True))
    return {
        "of": one,
        "to": other,
        "wall": summary([_wall(a) / _wall(b) for a, b in pairs]),
        "core": summary([_core(a) / _core(b) for a, b in pairs]),
    }


def peak_memory() -> int:
    """Most memory that this process has held so far, bytes (Linux)."""
    # Not the peak of getrusage, which a new process takes over from its parent.
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this system does not tell a process's peak memory")


def _wall(sample: Sample) -> float:
    return sample.images / sample.seconds


def _core(sample: Sample) -> float:
    return sample.images / sample.cpu_seconds


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
