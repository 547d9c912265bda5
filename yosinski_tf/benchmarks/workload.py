"""What the benchmarks of training train, and on which images."""

import dataclasses
import pathlib
import shutil
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from yosinski_tf.data.sources import study_copy
from yosinski_tf.data.sources.image_set import make_image_set
from yosinski_tf.experiment.cohorts import Cohort
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.experiment.runs import Run
from yosinski_tf.experiment.splits import make_split
from yosinski_tf.experiment.stages import Network
from yosinski_tf.experiment.treatments import parse_treatments
from yosinski_tf.machine import threads
from yosinski_tf.training.job import Job
from yosinski_tf.training.save_clock import Interval

SPLIT = "random:0"


def make_job(
    images: pathlib.Path,
    network: Network,
    recipe: Recipe,
    treatments: Sequence[str] = ("baseB",),
    processes: int = 1,
) -> Job:
    """A cohort of one half, with the threads that the program chooses for it.

    The study folder is beside the folder of the images, see `study_copy`.
    """
    split = make_split(SPLIT, study_copy.load(images).class_names)
    runs = tuple(Run(split, each, 0) for each in parse_treatments(treatments))
    cohort = Cohort("benchmark", runs)
    classes = len(split.classes(cohort.target))
    return Job(
        cohort=cohort,
        network=network,
        recipe=recipe,
        runs=images.with_name(f"bases_{images.name}"),
        images=images,
        command="yosinski-benchmark",
        threads=threads.choose_threads(network, recipe, classes, processes),
        # Saving is no part of a step.
        checkpoint_every=Interval(minutes=1e6),
    )


def train(job: Job) -> list[float]:
    """Trains a cohort by the program's trainer, in a copy of its study folder.

    To be called in a new process, before TensorFlow has computed anything.

    Returns:
      Training images per second in each period between two validations, without the
      first period, in which the model is compiled.
    """
    from yosinski_tf.training import trainer

    threads.set_up(job.threads)
    with tempfile.TemporaryDirectory() as folder:
        runs = pathlib.Path(folder) / "runs"
        if job.cohort.bases:
            shutil.copytree(job.runs, runs)
        records = trainer.train(dataclasses.replace(job, runs=runs))
    return [entry["images_per_second"] for entry in records[0].history[1:]]


def make_recipe(period: int, periods: int = 2, **options: Any) -> Recipe:
    """A recipe of some periods of steps between validations, at a constant rate."""
    steps = period * periods
    options |= {"rate_drops": (), "learning_rate": 0.001}
    return Recipe(steps=steps, validate_every=period, **options)


def noise(
    work: pathlib.Path, side: int = 32, classes: int = 40, per_class: int = 300
) -> pathlib.Path:
    """Folder of a data set of noise, as fast to train on as photographs; made once.

    By default of the size and number of the embedded images.
    """
    folder = work / f"noise_{side}"
    if study_copy.load(folder) is None:
        random, parts = np.random.default_rng(0), []
        for count in (per_class * classes, 10 * classes):
            pixels = random.integers(0, 256, (count, side, side, 3), np.uint8)
            parts.append((pixels, np.arange(count) % classes))
        names = [f"noise{index}" for index in range(classes)]
        study_copy.save(folder, make_image_set("noise", names, None, *parts))
    return folder
