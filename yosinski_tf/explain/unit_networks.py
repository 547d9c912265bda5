"""The networks of one unit, and its images, as measures need them."""

import dataclasses
import functools
import pathlib
from collections.abc import Iterator

import numpy as np

from yosinski_tf.data.sources.image_set import ImageSet
from yosinski_tf.experiment.keras_networks import KerasNetwork
from yosinski_tf.experiment.stages import Network
from yosinski_tf.experiment.treatments import Treatment
from yosinski_tf.explain.half_images import HalfImages, half_images
from yosinski_tf.explain.observer import Observer
from yosinski_tf.explain.units import Unit
from yosinski_tf.models import calibration, surgery
from yosinski_tf.study import finished_run, given_source
from yosinski_tf.study.network_file import network_of
from yosinski_tf.study.records import Record

# Training images from which statistics are taken anew.
_CALIBRATING = 1000


class Models:
    """Models of a study's networks: each is built and traced once."""

    def __init__(self) -> None:
        self._observers: dict[int, Observer] = {}
        self._calibrator: calibration.Calibrator | None = None

    def observer(self, network: Network, size: int, num_classes: int) -> Observer:
        """The one for so many classes, for images of a side in pixels."""
        if num_classes not in self._observers:
            # Those for other halves may be as large: only one is kept.
            self._observers = {
                num_classes: Observer(network, input_size=size, num_classes=num_classes)
            }
        return self._observers[num_classes]

    def calibrator(self, network: KerasNetwork) -> calibration.Calibrator:
        """The one for all halves."""
        self._calibrator = self._calibrator or calibration.Calibrator(network)
        return self._calibrator


@dataclasses.dataclass(frozen=True, eq=False)
class Study:
    """What all units of a study share.

    Attributes:
      runs: The study folder.
      images: Its images.
      train_per_class: Training images of each class that it uses; None for all.
      source: The given network, if there is one.
      models: Models of its networks.
    """

    runs: pathlib.Path
    images: ImageSet
    train_per_class: int | None
    source: given_source.Source | None
    models: Models = dataclasses.field(default_factory=Models)


class UnitNetworks:
    """The networks of a unit; weights are read when they are asked for.

    Networks are called as in the paper, with B as the half that they are trained on:
    `baseA`, `baseB`, `R` for random values, `P` for the given network, and `AnB+` for
    all of A1B+, A2B+, ...

    Attributes:
      layers: The layers of each stage but the last, by its name.
    """

    def __init__(self, study: Study, unit: Unit):
        """Reads no weights.

        Raises:
          UserError: If the study's network cannot be read.
        """
        self._study, self._unit = study, unit
        self._network = network_of(study.runs, unit.record.network_settings)
        self._size = unit.record.recipe["crop_size"]
        stages = self._network.stages(self._size, len(self.class_names))
        self.layers = {stage.name: stage.layers for stage in stages[:-1]}

    @functools.cached_property
    def class_names(self) -> list[str]:
        """Names of the classes of the target half."""
        if record := self._unit.base or next(iter(self._unit.networks.values()), None):
            return record.class_names
        trained_on = set(self._unit.record.class_names)
        return [n for n in self._study.images.class_names if n not in trained_on]

    def _half(self, part: str) -> HalfImages:
        study = self._study
        return half_images(
            study.images, part, self.class_names, self._size, study.train_per_class
        )

    @functools.cached_property
    def train(self) -> HalfImages:
        """Training images of the target half."""
        return self._half("train")

    @functools.cached_property
    def validation(self) -> HalfImages:
        """Validation images of the target half."""
        return self._half("validation")

    @functools.cached_property
    def _mean(self) -> np.ndarray | list[float]:
        return finished_run.read_mean(self._study.runs, self._unit.record)

    @functools.cached_property
    def observer(self) -> Observer:
        """Computes what these networks make of images."""
        return self._study.models.observer(
            self._network, self._size, len(self.class_names)
        )

    def features(
        self, weights: surgery.Weights, *images: HalfImages
    ) -> Iterator[list[np.ndarray]]:
        """The outputs of every stage but the last, see `Observer.features`."""
        return self.observer.features(weights, self._mean, *images)

    def top1(self, weights: surgery.Weights, images: HalfImages) -> float:
        """Share of images that are classified correctly, 0..1."""
        return self.observer.top1(weights, self._mean, images)

    def calibrated(self, weights: surgery.Weights) -> surgery.Weights:
        """With statistics of batch normalisation taken anew, if there is any."""
        network = self._network
        if not isinstance(network, KerasNetwork) or not network.batch_norms(self._size):
            return weights
        images = self.train.some(_CALIBRATING).shuffled()
        calibrator = self._study.models.calibrator(network)
        return calibrator.calibrated(weights, images.batches(), self._mean)

    @functools.cached_property
    def _random(self) -> surgery.Weights:
        """The random network that networks R stand on, or would stand on.

        With `calibrate_random`, its statistics are of other images than in training.
        """
        record = self._unit.record
        weights = finished_run.random_weights(record, self._network)
        calibrate = record.recipe.get("calibrate_random")
        return self.calibrated(weights) if calibrate else weights

    def run(self, record: Record) -> finished_run.FinishedRun:
        """A network of the study, with its weights."""
        return finished_run.read_finished_run(self._study.runs, record.run_id)

    def weights(self, network: str) -> surgery.Weights:
        """Of one of `sources`; read each time, as they may be large.

        Classifiers are of no use here: they may be those of another half.
        """
        unit = self._unit
        if network == "P":
            assert self._study.source is not None
            return dict(self._study.source.weights)
        if network == "R":
            return self._random
        record = unit.other if network == "baseA" else unit.base
        assert record is not None
        return self.run(record).weights

    @property
    def sources(self) -> list[str]:
        """The networks that layers are, or could be, copied from."""
        there = {
            "baseA": self._unit.other,
            "baseB": self._unit.base,
            "P": self._study.source,
            "R": True,
        }
        return [name for name, value in there.items() if value]

    def tuned(self) -> Iterator[tuple[Treatment, Record, str]]:
        """Fine-tuned networks, and which of `sources` their layers come from."""
        for treatment, record in self._unit.copies(fine_tuned=True).items():
            role = {"AnB+": "baseA", "BnB+": "baseB", "PnB+": "P"}.get(treatment.family)
            if role in self.sources:
                yield treatment, record, role
