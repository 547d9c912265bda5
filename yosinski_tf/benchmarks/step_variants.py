"""One network's steps: the program's own, and those of plain Keras, in turns."""

import dataclasses
import pathlib
from collections.abc import Iterator

from yosinski_tf.benchmarks import keras_baseline
from yosinski_tf.benchmarks.measuring import Sample, measure
from yosinski_tf.data.batches import pipeline
from yosinski_tf.experiment.cohorts import Cohort
from yosinski_tf.experiment.networks import Network
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.experiment.runs import Run
from yosinski_tf.experiment.splits import Split
from yosinski_tf.experiment.treatments import parse_treatment
from yosinski_tf.machine import threads
from yosinski_tf.machine.threads import Threads
from yosinski_tf.training import cohort_setup, trainer
from yosinski_tf.training.job import Job

OURS, PLAIN = "ours", "plain Keras"


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is trained in the comparison.

    Attributes:
      images: Folder of the data set's arrays, see `data.cache`.
      split: The halves; half B is trained on.
      network: The network.
      recipe: Of which batch, sizes, mean and optimizer count.
      precisions: Ours are measured at each of these; plain Keras at float32.
      threads: Threads that compute.
      steps: Steps of a measurement.
    """

    images: pathlib.Path
    split: Split
    network: Network
    recipe: Recipe
    precisions: tuple[str, ...]
    threads: int
    steps: int


def names(setting: Setting) -> list[str]:
    """The variants: the program's own at each precision, and plain Keras."""
    return [
        *(OURS if p == "float32" else f"{OURS}, {p}" for p in setting.precisions),
        PLAIN,
    ]


def sample(setting: Setting, name: str) -> Sample:
    """One measurement of a variant, after a first that is not counted.

    To be called in a process of its own, before TensorFlow has computed anything.
    Both have the threads that the program takes for the network.
    """
    if name == PLAIN:
        threads.set_threads(_threads(setting))
        variant: _Ours | _Plain = _Plain(setting)
    else:
        precision = dict(zip(names(setting), setting.precisions, strict=False))[name]
        variant = _Ours(setting, precision)
    measure(variant.steps())
    return measure(variant.steps())


def _threads(setting: Setting) -> Threads:
    classes = len(setting.split.classes("B"))
    return threads.choose(setting.network, setting.recipe, classes, 1, setting.threads)


class _Ours:
    """A cohort of one base network, prepared, compiled and fitted as in training."""

    def __init__(self, setting: Setting, precision: str):
        self._setting = setting
        run = Run(setting.split, parse_treatment("baseB"), seed=0)
        recipe = dataclasses.replace(setting.recipe, precision=precision)
        self._job = Job(
            Cohort("benchmark", (run,)),
            setting.network,
            recipe,
            setting.images,  # Nothing is written there.
            setting.images,
            "yosinski-benchmark train",
            _threads(setting),
        )
        threads.set_up(self._job.threads)
        self._prepared = cohort_setup.set_up(self._job)
        trainer.compile_models(self._job, self._prepared.model)
        self._part = pipeline.on_host(self._prepared.train_part)
        self._done = 0

    def steps(self) -> Iterator[int]:
        """Images of some steps, after a first of none."""
        yield 0
        recipe, first = self._job.recipe, self._done
        self._done += self._setting.steps
        batches = pipeline.training_batches(
            self._part,
            batch_size=recipe.batch_size,
            crop_size=recipe.crop_size,
            mirror=recipe.mirror,
            seed=1,
            first_step=first,
            last_step=self._done,
            places=self._prepared.mean_image is not None,
        )
        self._prepared.model.training.fit(
            pipeline.prefetched(pipeline.with_indices(batches, first)),
            epochs=1,
            verbose=0,
            shuffle=False,
        )
        yield self._setting.steps * recipe.batch_size


class _Plain:
    def __init__(self, setting: Setting):
        recipe = setting.recipe
        run = Run(setting.split, parse_treatment("baseB"), seed=0)
        job = Job(
            Cohort("benchmark", (run,)),
            setting.network,
            recipe,
            setting.images,
            setting.images,
            "yosinski-benchmark train",
        )
        part = cohort_setup.set_up(job).train_part
        self._x = keras_baseline.as_numbers(
            part.images[part.indices],
            pipeline.mean_pixel(part),
            setting.network.pixel_scale,
            recipe.crop_size,
        )
        self._y = part.labels
        classes = len(setting.split.classes("B"))
        self.model = keras_baseline.build(setting.network, recipe.crop_size, classes)
        keras_baseline.compile_plainly(self.model, recipe)
        self._setting = setting

    def steps(self) -> Iterator[int]:
        """Images of some steps, after a first of none."""
        yield from keras_baseline.steps_of(
            self.model,
            self._x,
            self._y,
            self._setting.recipe.batch_size,
            self._setting.steps,
        )
