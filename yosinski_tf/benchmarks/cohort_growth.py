"""Cohorts of growing size: time, memory, and images decoded for them."""

import collections
import dataclasses
import functools
import itertools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from yosinski_tf.benchmarks import measuring, workload
from yosinski_tf.benchmarks.measuring import in_new_process, peak_memory, tell
from yosinski_tf.benchmarks.table import Tables
from yosinski_tf.benchmarks.workload import Request
from yosinski_tf.data.sources import study_copy
from yosinski_tf.data.sources.image_set import stored_image_set
from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.networks import Network
from yosinski_tf.machine import threads
from yosinski_tf.training.job import Job

_SIZES, _STORED_SIZES = (1, 2, 4, 8, 16, 29), (1, 2, 4, 8)
# From the middle of the network outwards.
_DEPTHS = (3, 5, 1, 7, 2, 4, 6)
# Of the steps of one network's measurement, the steps between validations.
_PERIOD_SHARE = 5
_STORE_RECORDS, _BATCH = 1000, 32
# CaffeNet's shapes, so narrow that reading takes longer than one network's step.
_NARROW = (4, 4, 4, 4, 4, 16, 16)
GROWTH = "Growing cohorts of mini, images in memory"
_TOGETHER, _STEP, _MEMORY = "networks together", "ms per network-step", "memory, MB"


def run_growth(request: Request) -> Tables:
    """Cohorts of `mini` on images in memory."""
    make = _maker(request, workload.noise(request.work), get_network("mini"))
    return {GROWTH: _grow(make, _SIZES)}


def run_decoded(request: Request) -> Tables:
    """Cohorts on a JPEG store, and its input alone."""
    from yosinski_tf.benchmarks import input_pipeline

    sizes = {"image_size": 256, "crop_size": 227}
    settings = {"photographs": "", "records": _STORE_RECORDS, "batch_size": _BATCH}
    measured = {"work": request.work, "rounds": request.rounds, "steps": request.steps}
    reading = input_pipeline.Request(**measured, **settings, **sizes)
    (store,) = reading.make_stores("jpeg")
    images = request.work / "jpeg_store"
    study_copy.save(images, stored_image_set(store))
    alone = input_pipeline.measure_rates(reading, (input_pipeline.OURS,))
    network = get_network("caffenet", widths=_NARROW, lrn=False)
    make = _maker(request, images, network, mirror=True, batch_size=_BATCH, **sizes)
    return {
        "Input alone, JPEG store": measuring.rows(alone),
        "Growing cohorts of a narrow caffenet, JPEG store": _grow(make, _STORED_SIZES),
    }


def _maker(
    request: Request, images: pathlib.Path, network: Network, **options: Any
) -> Callable[..., Job]:
    """What makes the job of a cohort's treatments."""
    period = max(2, request.steps // _PERIOD_SHARE)
    recipe = workload.make_recipe(period, request.rounds + 1, **options)
    common = images, network, recipe, request.threads
    return functools.partial(workload.make_job, *common)


def _grow(make: Callable[..., Job], sizes: Sequence[int]) -> list[dict[str, Any]]:
    tell("base networks to copy from")
    in_new_process(train_bases, make(("baseA",)), make(("baseB",)))
    rows = []
    for size in sizes:
        tell(f"a cohort of {size}")
        rows.append(in_new_process(measure_cohort, make(members(size))))
    return rows


def members(size: int) -> tuple[str, ...]:
    """The first networks of a target half, in an order fair to every size.

    The base, then frozen and fine-tuned copies from both halves at one depth after
    the other: 29 in all.
    """
    copies = itertools.product(_DEPTHS, "BA", ("", "+"))
    return ("baseB", *(f"{source}{n}B{end}" for n, source, end in copies))[:size]


def train_bases(*jobs: Job) -> None:
    """Trains base networks one step, to be copied from. For a new process."""
    from yosinski_tf.training import trainer

    for job in jobs:
        threads.set_up(job.threads)
        recipe = dataclasses.replace(job.recipe, steps=1, learning_rate=1e-6)
        trainer.train(dataclasses.replace(job, recipe=recipe))


def measure_cohort(job: Job) -> dict[str, Any]:
    """Trains a cohort whose bases are in the study folder. For a new process.

    Returns:
      A row of a table: times, images decoded (0 for images in memory), and the memory
      that training added to the process.
    """
    import tensorflow as tf

    threads.set_up(job.threads)
    # What TensorFlow takes for itself it has after a first small product.
    tf.linalg.matmul(tf.ones((64, 64)), tf.ones((64, 64))).numpy()
    read, before = _count_reads(), peak_memory()
    found = workload.train(job)
    added = peak_memory() - before
    networks, batch = len(job.cohort.runs), job.recipe.batch_size
    periods = [
        {
            "ms per step": 1e3 * batch / rate,
            _STEP: 1e3 * batch / rate / networks,
            "images/s": rate,
            "network-images/s": rate * networks,
        }
        for rate in found
    ]
    return {
        _TOGETHER: networks,
        **measuring.summaries(periods),
        "images decoded per network-step": read["train"] / job.recipe.steps / networks,
        _MEMORY: added / 1e6,
    }


def _count_reads() -> collections.Counter:
    """Counts from now on the images that this process reads from stores, by split."""
    from yosinski_tf.data.store.stored_images import StoredImages

    found: collections.Counter = collections.Counter()
    read = StoredImages.read

    def counted(self, indices):
        found[self.part] += len(indices)
        return read(self, indices)

    StoredImages.read = counted
    return found


def draw(
    rows: Sequence[Mapping[str, Any]], path: pathlib.Path, device: str
) -> pathlib.Path:
    """Draws the table of `run_growth` as PNG: times and memory by size."""
    from yosinski_tf.figures import drawing

    sizes = [row[_TOGETHER] for row in rows]
    times = [row[_STEP] for row in rows]
    least, median, most = ([t[k] for t in times] for k in ("min", "median", "max"))
    with drawing.style():
        figure = drawing.new_figure(7.0, 6.4)
        above, below = figure.subplots(2, 1, sharex=True)
        figure.suptitle(f"{GROWTH}, {device}", fontweight="bold")
        above.plot(sizes, median, color="#0072b2", marker="o")
        above.fill_between(sizes, least, most, color="#0072b2", alpha=0.2, linewidth=0)
        above.set_title("Time of one step of one network: median, least to greatest")
        above.set_ylabel("milliseconds")
        below.plot(sizes, [row[_MEMORY] for row in rows], color="#d55e00", marker="D")
        below.set_title("Memory that training adds to its process")
        below.set_ylabel("MB")
        below.set_xlabel(_TOGETHER)
        for axes in (above, below):
            axes.set_ylim(bottom=0)
            axes.set_xscale("log", base=2)
            axes.set_xticks(sizes, [str(size) for size in sizes])
            axes.minorticks_off()
        return drawing.save(figure, path)
