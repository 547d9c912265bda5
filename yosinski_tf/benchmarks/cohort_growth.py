"""Cohorts of growing size through the program's own trainer: time and memory."""

import collections
import dataclasses
import pathlib
import shutil
import tempfile
from typing import Any

from yosinski_tf.benchmarks.measuring import peak_memory, summary
from yosinski_tf.experiment.cohorts import Cohort
from yosinski_tf.experiment.networks import Network
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.experiment.runs import Run
from yosinski_tf.experiment.splits import Split
from yosinski_tf.experiment.treatments import Treatment, parse_treatment
from yosinski_tf.machine import threads
from yosinski_tf.training.job import Job
from yosinski_tf.training.save_clock import Interval

SIZES = (1, 2, 4, 8, 16, 29)
# From the middle of the network outwards.
_DEPTHS = (3, 5, 1, 7, 2, 4, 6)
_BASES = ("baseA", "baseB")


def members(size: int) -> tuple[Treatment, ...]:
    """The first networks of a target half, in an order in which any number is fair.

    The base, then frozen and fine-tuned copies from both halves at one depth after
    the other: 29 in all.
    """
    names = ["baseB"] + [
        f"{source}{n}B{ending}"
        for n in _DEPTHS
        for source in "BA"
        for ending in ("", "+")
    ]
    return tuple(parse_treatment(name) for name in names[:size])


@dataclasses.dataclass(frozen=True)
class Setting:
    """What grows.

    Attributes:
      images: Folder of the data set, see `data.cache`.
      bases: Study folder with both base networks, see `train_bases`.
      split: The halves; half B is trained on.
      network: The network.
      recipe: Its validations divide the steps into periods; the first, in which
        the model is compiled, is not counted.
      threads: Threads that compute.
    """

    images: pathlib.Path
    bases: pathlib.Path
    split: Split
    network: Network
    recipe: Recipe
    threads: int


def train_bases(setting: Setting) -> None:
    """Base networks of one step, for copies that nobody will look at."""
    from yosinski_tf.training import trainer

    recipe = dataclasses.replace(
        setting.recipe, steps=1, rate_drops=(), learning_rate=1e-6
    )
    for name in _BASES:
        job = _job(setting, setting.bases, (parse_treatment(name),), recipe)
        threads.set_up(job.threads)
        trainer.train(job)


def measure(setting: Setting, size: int) -> dict[str, Any]:
    """Trains a cohort of some size, in a process of its own.

    Returns:
      Seconds per step and images per second, with their spread over periods; the
      peak memory that the training added; images read from a store (0 of images
      that are in memory); how many networks, steps and images a batch were trained.
    """
    import tensorflow as tf

    from yosinski_tf.training import trainer

    threads.set_up(_job(setting, setting.bases, members(size), setting.recipe).threads)
    # What TensorFlow takes for itself is there after a first small product.
    tf.linalg.matmul(tf.ones((64, 64)), tf.ones((64, 64))).numpy()
    read = _count_reads()
    before = peak_memory()
    with tempfile.TemporaryDirectory() as folder:
        runs = pathlib.Path(folder) / "runs"
        shutil.copytree(setting.bases, runs)
        job = _job(setting, runs, members(size), setting.recipe)
        records = trainer.train(job)
    rates = [entry["images_per_second"] for entry in records[0].history[1:]]
    batch = setting.recipe.batch_size
    return {
        "networks": size,
        "steps": setting.recipe.steps,
        "batch_size": batch,
        "images_per_second": summary(rates),
        "step_seconds": summary([batch / rate for rate in rates]),
        "memory_bytes": peak_memory() - before,
        "images_read": read["train"],
    }


def _job(setting: Setting, runs: pathlib.Path, treatments, recipe: Recipe) -> Job:
    classes = len(setting.split.classes("B"))
    return Job(
        Cohort("growth", tuple(Run(setting.split, t, 0) for t in treatments)),
        setting.network,
        recipe,
        runs,
        setting.images,
        "yosinski-benchmark train",
        threads.choose(setting.network, recipe, classes, 1, setting.threads),
        # Saving is no part of a step.
        Interval(minutes=1e6),
    )


def _count_reads() -> collections.Counter:
    """Counts the images that this process reads from stores, by their part."""
    from yosinski_tf.data.store.stored_images import StoredImages

    found: collections.Counter = collections.Counter()
    read = StoredImages.read

    def counted(self, indices):
        found[self.part] += len(indices)
        return read(self, indices)

    StoredImages.read = counted
    return found
