"""One way to measure: variants take turns, and every number has its range."""

import dataclasses
import multiprocessing
import os
import pathlib
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from yosinski_tf.system.errors import UserError

# What one measurement found, by name, such as `images/s`.
Sample = dict[str, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What to measure: flags of the command; `work` is its folder."""

    work: pathlib.Path
    rounds: int
    steps: int


def rounds(
    title: str, number: int, variants: Mapping[str, Callable[[], Sample]]
) -> dict[str, list[Sample]]:
    """Takes one sample of each variant a round, in turns."""
    samples: dict[str, list[Sample]] = {name: [] for name in variants}
    for place in range(number):
        for name in turns(variants, place):
            tell(f"{title}: round {place + 1} of {number}: {name}")
            samples[name].append(variants[name]())
    return samples


def turns(variants: Iterable[str], number: int) -> list[str]:
    """The order of the variants in a round: ABBA, every other round is reversed.

    What slows the machine down for a while then hits all variants alike.
    """
    return list(variants)[:: -1 if number % 2 else 1]


def rates(images: int, seconds: float, processor_seconds: float) -> Sample:
    """The rates by wall time and by time of all cores, which others disturb less."""
    return {
        "images/s": images / seconds,
        "images/s of a core": images / processor_seconds,
    }


def measure(batches: Iterator[int]) -> Sample:
    """Times a pipeline from its first batch, which is not counted, to its end.

    It yields the number of images of each batch.
    """
    next(batches)
    processor, started = time.process_time(), time.perf_counter()
    images = sum(batches)
    seconds = time.perf_counter() - started
    return rates(images, seconds, time.process_time() - processor)


def summaries(samples: Sequence[Sample]) -> dict[str, dict[str, float]]:
    """Median, least, greatest and number (`n`) of each number of some samples."""
    found = {}
    for name in samples[0]:
        values = [sample[name] for sample in samples]
        least, most = min(values), max(values)
        median = statistics.median(values)
        found[name] = {"median": median, "min": least, "max": most, "n": len(values)}
    return found


def rows(samples: Mapping[str, Sequence[Sample]]) -> list[dict[str, Any]]:
    """The summaries of each variant's samples: rows of a table."""
    return [{"variant": name} | summaries(taken) for name, taken in samples.items()]


def ratios(
    samples: Mapping[str, Sequence[Sample]], pairs: Iterable[tuple[str, str]]
) -> list[dict[str, Any]]:
    """How many times as fast one variant of each pair is, within each round.

    Only rates are compared: numbers whose names begin with `images/s`.
    """
    within = {
        f"{one} / {other}": [
            {name: a[name] / b[name] for name in a if name.startswith("images/s")}
            for a, b in zip(samples[one], samples[other], strict=True)
        ]
        for one, other in pairs
    }
    return rows(within)


def in_new_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a module's function in a new process, with its own memory and threads.

    Raises:
      UserError: If the process was killed; or what the function raises.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, initializer=_import_quietly) as pool:
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool:
            raise UserError(
                "the process of a measurement was killed, as happens when memory runs"
                " out: close other programs, or measure less"
            ) from None


def _import_quietly() -> None:
    """Imports TensorFlow, which writes lines to stderr at any log level."""
    terminal = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        import tensorflow  # noqa: F401
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)


def peak_memory() -> int:
    """The most memory that this process has held so far, in bytes (Linux)."""
    # Not the peak of getrusage, which a new process takes over from its parent.
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(x.split()[1]) * 1024 for x in lines if x.startswith("VmHWM:"))


def tell(text: str) -> None:
    """Writes a line about progress to standard error."""
    print(text, file=sys.stderr, flush=True)
