"""Cohorts of growing size: time, memory, and images decoded for them."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from yosinski_tf.benchmarks import measuring, workload
from yosinski_tf.benchmarks.measuring import Request, in_new_process, tell
from yosinski_tf.benchmarks.table import Tables
from yosinski_tf.data.sources import study_copy
from yosinski_tf.data.sources.image_set import stored_image_set
from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.stages import Network
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
    images = workload.noise(request.work)
    return {GROWTH: _grow(request, _SIZES, images, get_network("mini"))}


def run_decoded(request: Request) -> Tables:
    """Cohorts on a JPEG store, and its input alone."""
    from yosinski_tf.benchmarks import input_pipeline

    sizes = {"image_size": 256, "crop_size": 227}
    reading = input_pipeline.Request(
        work=request.work,
        photographs="",
        records=_STORE_RECORDS,
        batch_size=_BATCH,
        rounds=request.rounds,
        steps=request.steps,
        **sizes,
    )
    (store,) = reading.make_stores("jpeg")
    images = request.work / "jpeg_store"
    study_copy.save(images, stored_image_set(store))
    alone = input_pipeline.measure_rates(reading, (input_pipeline.OURS,))
    network = get_network("caffenet", widths=_NARROW, lrn=False)
    options = {"mirror": True, "batch_size": _BATCH, **sizes}
    grown = _grow(request, _STORED_SIZES, images, network, **options)
    return {
        "Input alone, JPEG store": measuring.rows(alone),
        "Growing cohorts of a narrow caffenet, JPEG store": grown,
    }


def _grow(
    request: Request,
    sizes: Sequence[int],
    images: pathlib.Path,
    network: Network,
    **options: Any,
) -> list[dict[str, Any]]:
    """Trains cohorts of some sizes by a recipe with some options."""
    period = max(2, request.steps // _PERIOD_SHARE)
    recipe = workload.make_recipe(period, request.rounds + 1, **options)
    tell("base networks to copy from")
    short = dataclasses.replace(recipe, steps=1, learning_rate=1e-6)
    for base in ("baseA", "baseB"):
        job = workload.make_job(images, network, short, (base,))
        in_new_process(train_base, job)
    rows = []
    for size in sizes:
        tell(f"a cohort of {size}")
        job = workload.make_job(images, network, recipe, members(size))
        rows.append(in_new_process(measure_cohort, job))
    return rows


def members(size: int) -> tuple[str, ...]:
    """The first networks of a target half, in an order fair to every size.

    The base, then frozen and fine-tuned copies from both halves at one depth after
    the other: 29 in all.
    """
    copies = [f"{half}{n}B{end}" for n in _DEPTHS for half in "BA" for end in ("", "+")]
    return ("baseB", *copies)[:size]


def train_base(job: Job) -> None:
    """Trains a base network that stays in the study folder. For a new process."""
    from yosinski_tf.training import trainer

    threads.set_up(job.threads)
    trainer.train(job)


def measure_cohort(job: Job) -> dict[str, Any]:
    """Trains a cohort whose bases are in the study folder. For a new process.

    Returns:
      A row of a table: times, images decoded (0 for images in memory), and the memory
      that training added to the process.
    """
    import tensorflow as tf

    from yosinski_tf.data.store.stored_images import StoredImages

    decoded, read = [], StoredImages.read

    def counted(images, indices):
        decoded.append(len(indices) if images.part == "train" else 0)
        return read(images, indices)

    StoredImages.read = counted
    threads.set_up(job.threads)
    # What TensorFlow takes for itself it has after a first small product.
    tf.linalg.matmul(tf.ones((64, 64)), tf.ones((64, 64))).numpy()
    before = measuring.peak_memory()
    found = workload.train(job)
    added = measuring.peak_memory() - before
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
        "images decoded per network-step": sum(decoded) / job.recipe.steps / networks,
        _MEMORY: added / 1e6,
    }


def draw(
    rows: Sequence[Mapping[str, Any]], path: pathlib.Path, device: str
) -> pathlib.Path:
    """Draws the table of `run_growth` as PNG: times and memory by size."""
    from yosinski_tf.figures import drawing

    sizes, memory = ([row[name] for row in rows] for name in (_TOGETHER, _MEMORY))
    least, median, most = (
        [row[_STEP][key] for row in rows] for key in ("min", "median", "max")
    )
    with drawing.new_figure(7.0, 6.4) as figure:
        above, below = figure.subplots(2, 1, sharex=True)
        figure.suptitle(f"{GROWTH}, {device}", fontweight="bold")
        title = "Time of one step of one network: median, least to greatest"
        above.set(title=title, ylabel="milliseconds")
        above.plot(sizes, median, color="#0072b2", marker="o")
        above.fill_between(sizes, least, most, color="#0072b2", alpha=0.2, linewidth=0)
        title = "Memory that training adds to its process"
        below.set(title=title, ylabel="MB", xlabel=_TOGETHER)
        below.plot(sizes, memory, color="#d55e00", marker="D")
        for axes in (above, below):
            axes.set_ylim(bottom=0)
            axes.set_xscale("log", base=2)
            axes.set_xticks(sizes, [str(size) for size in sizes])
            axes.minorticks_off()
        return drawing.save(figure, path)
