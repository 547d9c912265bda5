"""Takes every measure of one unit: of the networks trained on one half."""

import dataclasses
import functools
import pathlib
from collections.abc import Iterator, Mapping

import numpy as np

from yosinski_tf.data.sources.image_set import ImageSet
from yosinski_tf.experiment.keras_networks import KerasNetwork
from yosinski_tf.experiment.treatments import Treatment
from yosinski_tf.explain import filters, kept_fits, probes, scores
from yosinski_tf.explain.criticality import variants
from yosinski_tf.explain.gabor import BLOB, GABOR, first_kernel, fit_filters
from yosinski_tf.explain.half_images import HalfImages, half_images
from yosinski_tf.explain.observer import Observer
from yosinski_tf.explain.rows import Row
from yosinski_tf.explain.similarity import LayerGrams, cka
from yosinski_tf.explain.travel import weight_travel
from yosinski_tf.explain.units import Unit
from yosinski_tf.models import calibration, surgery
from yosinski_tf.models.fresh_weights import fresh_weights, run_identity
from yosinski_tf.study import finished_run, given_source
from yosinski_tf.study.records import Record

# Images on which layers are compared, and on which a network with a layer put back is
# judged: enough to tell differences of a few points, at a small part of the time.
_COMPARED, _JUDGED = 1000, 2000
_CALIBRATING = 20


@dataclasses.dataclass(frozen=True, eq=False)
class Study:
    """What all units of a study share.

    Attributes:
      runs: The study folder.
      images: Its images.
      train_per_class: Training images of each class that it uses; None for all.
      source: The given network, if there is one.
    """

    runs: pathlib.Path
    images: ImageSet
    train_per_class: int | None
    source: given_source.Source | None


class Measurer:
    """Takes the measures of a unit; each gives rows.

    Networks are called as in the paper, with B as the half that they are trained on:
    `baseA`, `baseB`, `R` for random values, `P` for the given network, and `AnB+` for
    all of A1B+, A2B+, ...

    Attributes:
      STEPS: What can be taken, in the order in which it is told.
    """

    STEPS = ("accuracy", "layers", "filters", "travel", "similarity", "criticality")

    def __init__(self, study: Study, unit: Unit):
        self._study, self._unit = study, unit
        self._run = finished_run.read_finished_run(study.runs, unit.record.run_id)
        self._network = self._run.network
        self._size = unit.record.recipe["crop_size"]
        stages = self._network.stages(self._size, len(self._class_names))
        self._layers = {stage.name: stage.layers for stage in stages[:-1]}

    @functools.cached_property
    def _class_names(self) -> list[str]:
        """Names of the classes of the target half."""
        if record := self._unit.base or next(iter(self._unit.networks.values()), None):
            return record.class_names
        trained_on = set(self._unit.record.class_names)
        return [n for n in self._study.images.class_names if n not in trained_on]

    def _half(self, part: str) -> HalfImages:
        study = self._study
        return half_images(
            study.images, part, self._class_names, self._size, study.train_per_class
        )

    @functools.cached_property
    def _train(self) -> HalfImages:
        return self._half("train")

    @functools.cached_property
    def _validation(self) -> HalfImages:
        return self._half("validation")

    @functools.cached_property
    def _observer(self) -> Observer:
        return Observer(
            self._network,
            input_size=self._size,
            num_classes=len(self._class_names),
            mean=self._run.mean,
        )

    @functools.cached_property
    def _random(self) -> surgery.Weights:
        """The random network that networks R stand on, or would stand on."""
        record = self._unit.record
        identity = run_identity(record.split_digest, "random", record.seed)
        weights = fresh_weights(
            self._network, self._size, len(self._class_names), identity
        )
        if record.recipe.get("calibrate_random") and self._normalises:
            weights = self._calibrated(weights)
        return weights

    @property
    def _normalises(self) -> bool:
        return isinstance(self._network, KerasNetwork) and bool(
            self._network.batch_norms(self._size)
        )

    def _calibrated(self, weights: Mapping[str, np.ndarray]) -> surgery.Weights:
        batches = list(self._train.some(_CALIBRATING * 50).batches())
        return calibration.calibrated(self._network, weights, batches, self._run.mean)

    def _weights(self, record: Record) -> surgery.Weights:
        return finished_run.read_finished_run(self._study.runs, record.run_id).weights

    def sources(self) -> Iterator[tuple[str, surgery.Weights]]:
        """The networks that layers are, or could be, copied from, with their weights.

        Their classifiers are of no use here: they may be those of another half.
        """
        unit = self._unit
        if unit.other:
            yield "baseA", self._weights(unit.other)
        if unit.base:
            yield "baseB", self._weights(unit.base)
        if self._study.source:
            yield "P", dict(self._study.source.weights)
        yield "R", self._random

    def _observed(
        self, weights: Mapping[str, np.ndarray], images: HalfImages
    ) -> list[np.ndarray]:
        """Outputs of all stages but the last, [images, dimensions] each."""
        classifier = self._network.classifier
        below = {k: v for k, v in weights.items() if k.split("/")[0] != classifier}
        own = {k: v for k, v in self._random.items() if k not in below}
        self._observer.assign({**below, **own})
        return self._observer.outputs(images.batches())[:-1]

    def _row(self, n: int, network: str, measure: str, value: float) -> Row:
        unit, name = self._unit, list(self._layers)[n - 1]
        return Row(
            unit.split, unit.direction, unit.seed, n, name, network, measure, value
        )

    def _rows(self, network: str, measure: str, values) -> list[Row]:
        """Rows of one network, a value for each stage from the first."""
        return [self._row(n, network, measure, v) for n, v in enumerate(values, 1)]

    def accuracy(self) -> list[Row]:
        """The curves of the study: top-1 of frozen and fine-tuned copies, in %.

        And their difference to the base, in points.
        """
        found, base = [], self._unit.base
        for fine_tuned in (False, True):
            for treatment, record in self._unit.copies(fine_tuned=fine_tuned).items():
                if treatment.preserved:
                    continue
                values = {"top1": 100 * record.top1}
                if base:
                    values["over_base"] = 100 * (record.top1 - base.top1)
                for measure, value in values.items():
                    found.append(
                        self._row(treatment.n, treatment.family, measure, value)
                    )
        return found

    def travel(self) -> list[Row]:
        """How far fine-tuning moved each copied stage; see `travel`.

        The stages of the networks with the largest n, so that all have moved as long.
        """
        found = []
        for treatment, record, start in self._tuned():
            copied = dict(list(self._layers.items())[: treatment.n])
            moved = weight_travel(start, self._weights(record), copied)
            for n, each in enumerate(moved.values(), 1):
                for measure, value in (
                    ("travel", each.relative),
                    ("travel_degrees", each.degrees),
                ):
                    found.append(
                        self._row(
                            n, f"{treatment.family} n={treatment.n}", measure, value
                        )
                    )
        return found

    def _tuned(self) -> Iterator[tuple[Treatment, Record, surgery.Weights]]:
        """Fine-tuned networks, and the weights that their layers were copied from."""
        sources = dict(self.sources())
        for treatment, record in self._unit.copies(fine_tuned=True).items():
            role = {"AnB+": "baseA", "BnB+": "baseB", "PnB+": "P"}.get(treatment.family)
            if role in sources:
                yield treatment, record, sources[role]

    def similarity(self) -> list[Row]:
        """CKA of the same stage of two networks, see `similarity`."""
        images = self._validation.some(_COMPARED)
        # A random order: a batch needs images of several classes.
        order = np.random.default_rng(0).permutation(len(images.labels))

        def grams(weights: Mapping[str, np.ndarray]) -> list[LayerGrams]:
            found = []
            for features in self._observed(weights, images):
                found.append(layer := LayerGrams())
                for batch in np.array_split(features[order], -(-len(order) // 128)):
                    layer.add(batch)
            return found

        known = {name: grams(weights) for name, weights in self.sources()}
        rows = []

        def compare(name: str, one: list[LayerGrams], other: list[LayerGrams]) -> None:
            found = [cka(*pair) for pair in zip(one, other, strict=True)]
            rows.extend(self._rows(name, "cka", [each.value for each in found]))
            without = [each.without_outliers for each in found]
            rows.extend(self._rows(name, "cka_without_outliers", without))

        if "baseB" in known:
            for name in known.keys() - {"baseB"}:
                compare(f"{name} baseB", known[name], known["baseB"])
            directions = [layer.first_direction() for layer in known["baseB"]]
            rows += self._rows("baseB", "first_direction", directions)
            if self._unit.second:
                again = grams(self._weights(self._unit.second))
                compare("baseB baseB'", again, known["baseB"])
        for treatment, record, _ in self._tuned():
            role = {"A": "baseA", "P": "P"}.get(treatment.family[0], "baseB")
            end = grams(self._weights(record))[treatment.n - 1]
            found = cka(known[role][treatment.n - 1], end)
            pair = f"{treatment.family} {role}"
            rows.append(self._row(treatment.n, pair, "cka", found.value))
            rows.append(
                self._row(
                    treatment.n, pair, "cka_without_outliers", found.without_outliers
                )
            )
        return rows

    def layers(self) -> list[Row]:
        """Probes of every stage, and the scores that promise to predict transfer.

        See `probes` and `scores`. Accuracies are in %.
        """
        train, judged = self._train, self._validation.some(_JUDGED)
        rows = []
        for name, weights in self.sources():
            features = zip(
                self._observed(weights, train),
                self._observed(weights, judged),
                strict=True,
            )
            values: dict[str, list[float]] = {}
            for ours, theirs in features:
                labelled = (ours, train.labels, theirs, judged.labels)
                found = {
                    "linear_probe": 100 * probes.linear_probe(*labelled).top1,
                    "knn_probe": 100 * probes.knn_probe(*labelled).top1,
                    "logme": scores.logme(ours, train.labels),
                    "h_score": scores.h_score(ours, train.labels),
                }
                for measure, value in found.items():
                    values.setdefault(measure, []).append(value)
            for measure, each in values.items():
                rows += self._rows(name, measure, each)
        return rows

    def filters(self) -> list[Row]:
        """Shares of Gabor filters and colour blobs in the first layer, see `gabor`.

        The mean variance that the fits explain, too; and whether the filters differ
        from those of the base, as p values. Of the bases, the random network, the given
        one, and the fine-tuned ones. The fits are kept, see `kept_fits`.
        """
        networks = dict(self.sources())
        for treatment, record, _ in self._tuned():
            networks[f"{treatment.family} n={treatment.n}"] = self._weights(record)
        rows, fitted = [], {}
        for name, weights in networks.items():
            kernel = first_kernel(weights)
            if kernel is None:
                return []
            fitted[name] = fits = fit_filters(kernel)
            for measure, values in (
                ("gabor_share", [fit.kind == GABOR for fit in fits]),
                ("blob_share", [fit.kind == BLOB for fit in fits]),
                ("gabor_explained", [fit.gabor.variance_explained for fit in fits]),
                ("blob_explained", [fit.blob.variance_explained for fit in fits]),
            ):
                rows.append(self._row(1, name, measure, float(np.mean(values))))
        place = kept_fits.path_of(self._study.runs, self._unit.slug)
        kept_fits.keep(place, fitted)
        for name in fitted.keys() - {"baseB"} if "baseB" in fitted else ():
            found = filters.compare([fitted[name]], [fitted["baseB"]], seed=0)
            for what, difference in found.items():
                if difference.p_value is not None:
                    pair = f"{name} baseB"
                    value = difference.p_value
                    rows.append(self._row(1, pair, f"p_{what}", value))
        return rows

    def criticality(self) -> list[Row]:
        """Points of top-1 that the base loses with one stage untrained again."""
        record = self._unit.base
        if record is None:
            return []
        run = finished_run.read_finished_run(self._study.runs, record.run_id)
        images = self._validation.some(_JUDGED)

        def top1(weights: Mapping[str, np.ndarray]) -> float:
            if self._normalises:
                weights = self._calibrated(weights)
            self._observer.assign(weights)
            return 100 * self._observer.top1(images.batches(), images.labels)

        whole, rows = top1(run.weights), []
        for measure, untrained in (
            ("loss_put_back", finished_run.initial_weights(run)),
            ("loss_drawn_anew", finished_run.redrawn_weights(run, 0)),
        ):
            losses = [
                whole - top1(weights)
                for _, weights in variants(run.weights, untrained, self._layers)
            ]
            rows += self._rows("baseB", measure, losses)
        return rows

    def take(self, step: str) -> list[Row]:
        """Takes the measures of one of `STEPS`."""
        return getattr(self, step)()
