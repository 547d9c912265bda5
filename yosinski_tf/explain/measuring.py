"""Takes every measure of one unit: of the networks trained on one half."""

import contextlib
import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from yosinski_tf.experiment.treatments import Treatment
from yosinski_tf.explain import cautions, filters, kept_fits, probes, scores
from yosinski_tf.explain.criticality import variants
from yosinski_tf.explain.gabor import BLOB, GABOR, first_kernel, fit_filters
from yosinski_tf.explain.half_images import HalfImages
from yosinski_tf.explain.rows import Row
from yosinski_tf.explain.similarity import LayerGrams, cka
from yosinski_tf.explain.travel import weight_travel
from yosinski_tf.explain.unit_networks import Study, UnitNetworks
from yosinski_tf.explain.units import Unit
from yosinski_tf.models import surgery
from yosinski_tf.study import finished_run
from yosinski_tf.study.records import Record
from yosinski_tf.system.errors import UserError

# Images on which layers are compared, and on which a network with a layer put back is
# judged: enough to tell differences of a few points, at a small part of the time.
_COMPARED, _JUDGED = 1000, 2000
COMPARED_AT_ONCE = 128
_Labelled = tuple[np.ndarray, np.ndarray]
# Of features and labels to learn from, and of those to judge by.
_LAYER_MEASURES: dict[str, Callable[[_Labelled, _Labelled], float]] = {
    "linear_probe": lambda train, test: 100 * probes.linear_probe(*train, *test),
    "knn_probe": lambda train, test: 100 * probes.knn_probe(*train, *test),
    "logme": lambda train, _: scores.logme(*train),
    "h_score": lambda train, _: scores.h_score(*train),
}


@dataclasses.dataclass(frozen=True)
class Taken:
    """What a step found.

    Attributes:
      rows: Its values, and which networks could not be read.
      problems: Sentences that say which networks could not be read; the values of
        others are there.
    """

    rows: list[Row]
    problems: list[str]


class Measurer:
    """Takes the measures of a unit; each gives rows.

    Networks are called as in `UnitNetworks`.

    Attributes:
      STEPS: What can be taken, in the order in which it is told.
    """

    STEPS = ("accuracy", "layers", "filters", "travel", "similarity", "criticality")

    def __init__(self, study: Study, unit: Unit):
        """Reads no weights.

        Raises:
          UserError: If the study's network cannot be read.
        """
        self._runs, self._unit = study.runs, unit
        self._networks = UnitNetworks(study, unit)
        self._layers = self._networks.layers
        self._problems: dict[str, None] = {}
        self._lost: list[Row] = []

    @contextlib.contextmanager
    def _apart(self, network: str = "") -> Iterator[None]:
        """What is wrong with one network is noted, and others are measured."""
        try:
            yield
        except UserError as error:
            self._problems[str(error)] = None
            if network:
                self._lost.append(self._row(0, network, cautions.NOT_READ, 1.0))

    def _row(self, n: int, network: str, measure: str, value: float) -> Row:
        unit, name = self._unit, list(self._layers)[n - 1] if n else ""
        return Row(
            unit.split, unit.direction, unit.seed, n, name, network, measure, value
        )

    def _rows(self, network: str, measure: str, values: Iterable[float]) -> list[Row]:
        """Rows of one network, a value for each stage from the first."""
        return [self._row(n, network, measure, v) for n, v in enumerate(values, 1)]

    def accuracy(self) -> list[Row]:
        """The curves of the study: top-1 of frozen and fine-tuned copies, in %.

        And their difference to the base, in points; and which networks diverged.
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
        for record in self._unit.diverged:
            found.append(self._row(record.n, record.treatment, cautions.DIVERGED, 1.0))
        return found

    def travel(self) -> list[Row]:
        """How far fine-tuning moved each copied stage; see `travel`.

        All copied stages of each fine-tuned network.
        """
        found = []
        for role in self._networks.sources:
            tuned = [each for each in self._networks.tuned() if each[2] == role]
            with self._apart(role):
                start = self._networks.weights(role) if tuned else {}
                for treatment, record, _ in tuned:
                    with self._apart(record.treatment):
                        found += self._travelled(treatment, record, start)
        return found

    def _travelled(
        self, treatment: Treatment, record: Record, start: surgery.Weights
    ) -> list[Row]:
        copied = dict(list(self._layers.items())[: treatment.n])
        end = self._networks.run(record).weights
        moved = weight_travel(start, end, copied).values()
        network = f"{treatment.family} n={treatment.n}"
        return [
            *self._rows(network, "travel", [each.relative for each in moved]),
            *self._rows(network, "travel_degrees", [each.degrees for each in moved]),
        ]

    def similarity(self) -> list[Row]:
        """CKA of the same stage of two networks, see `similarity`."""
        images = self._networks.validation.some(_COMPARED).shuffled()
        batches = -(-len(images) // COMPARED_AT_ONCE)

        def grams(weights: surgery.Weights) -> Iterator[LayerGrams]:
            for (features,) in self._networks.features(weights, images):
                layer = LayerGrams()
                for batch in np.array_split(features, batches):
                    layer.add(batch)
                yield layer

        known, rows = {}, []
        for name in self._networks.sources:
            with self._apart(name):
                known[name] = list(grams(self._networks.weights(name)))

        def compare(name: str, n: int, one: LayerGrams, other: LayerGrams) -> None:
            found = cka(one, other)
            rows.append(self._row(n, name, "cka", found.value))
            without = found.without_outliers
            rows.append(self._row(n, name, "cka_without_outliers", without))

        if base := known.get("baseB"):
            others = {f"{name} baseB": known[name] for name in known.keys() - {"baseB"}}
            if self._unit.second:
                with self._apart("baseB'"):
                    again = self._networks.run(self._unit.second).weights
                    others["baseB baseB'"] = list(grams(again))
            for name, layers in others.items():
                for n, pair in enumerate(zip(layers, base, strict=True), 1):
                    compare(name, n, *pair)
            directions = [layer.first_direction() for layer in base]
            rows += self._rows("baseB", "first_direction", directions)
            counts = [float(len(images))] * len(base)
            rows += self._rows(cautions.ALL, cautions.COMPARED, counts)
        for treatment, record, role in self._networks.tuned():
            if role not in known:
                continue
            n = treatment.n
            with self._apart(record.treatment):
                weights = self._networks.run(record).weights
                end = next(itertools.islice(grams(weights), n - 1, None))
                compare(f"{treatment.family} {role}", n, known[role][n - 1], end)
        return rows

    def layers(self) -> list[Row]:
        """Probes of every stage, and the scores that promise to predict transfer.

        See `probes` and `scores`. Accuracies are in %. NaN where features, or what a
        measure makes of them, are not finite.

        Raises:
          UserError: If the half has a single class.
        """
        train, judged = self._networks.train, self._networks.validation.some(_JUDGED)
        class_names = self._networks.class_names
        if len(class_names) < 2:
            raise UserError(
                f"probes and scores of {self._unit.slug} need a half of two classes,"
                f" found only {class_names[0]}: take a split of more classes"
            )
        rows = []
        for name in self._networks.sources:
            with self._apart(name):
                rows += self._probed(name, train, judged)
        fewest = np.bincount(train.labels).min()
        for measure, values in (
            (cautions.VALUES, self._networks.observer.values),
            (cautions.DIMENSIONS, self._networks.observer.dimensions),
            (cautions.IMAGES, [len(train)] * len(self._layers)),
            (cautions.FEWEST, [fewest] * len(self._layers)),
        ):
            rows += self._rows(cautions.ALL, measure, map(float, values))
        return rows

    def _probed(self, name: str, train: HalfImages, judged: HalfImages) -> list[Row]:
        rows = []
        weights = self._networks.weights(name)
        both = self._networks.features(weights, train, judged)
        del weights  # So that probes have its memory.
        for n, (ours, theirs) in enumerate(both, 1):
            labelled = (ours, train.labels), (theirs, judged.labels)
            for measure, take in _LAYER_MEASURES.items():
                try:
                    value = take(*labelled)
                except UserError:  # Features, or their products, are not finite.
                    value = math.nan
                rows.append(self._row(n, name, measure, value))
        return rows

    def filters(self) -> list[Row]:
        """Shares of Gabor filters and colour blobs in the first layer, see `gabor`.

        The mean variance that the fits explain, too. Of the bases, the random network,
        the given one, and the fine-tuned ones. The fits are kept, see `kept_fits`.
        """
        kernels = {}
        for name in self._networks.sources:
            with self._apart(name):
                kernels[name] = first_kernel(self._networks.weights(name))
        for treatment, record, _ in self._networks.tuned():
            with self._apart(record.treatment):
                name = f"{treatment.family} n={treatment.n}"
                kernels[name] = first_kernel(self._networks.run(record).weights)
        rows, fitted = [], {}
        for name, kernel in kernels.items():
            if kernel is None or not np.isfinite(kernel).all():
                return []
            fitted[name] = fits = fit_filters(kernel)
            shares = filters.shares(fits)
            for measure, value in (
                ("gabor_share", shares[GABOR]),
                ("blob_share", shares[BLOB]),
                ("gabor_explained", _mean(f.gabor.variance_explained for f in fits)),
                ("blob_explained", _mean(f.blob.variance_explained for f in fits)),
            ):
                rows.append(self._row(1, name, measure, value))
        place = kept_fits.path_of(self._runs, self._unit.slug)
        kept_fits.keep(place, fitted)
        return rows

    def criticality(self) -> list[Row]:
        """Points of top-1 that the base loses with one stage untrained again."""
        record = self._unit.base
        if record is None:
            return []
        run = self._networks.run(record)
        images = self._networks.validation.some(_JUDGED)

        def top1(weights: surgery.Weights) -> float:
            weights = self._networks.calibrated(weights)
            return 100 * self._networks.top1(weights, images)

        whole, rows = top1(run.weights), []
        for measure, draw in (
            ("loss_put_back", finished_run.initial_weights),
            (
                "loss_drawn_anew",
                functools.partial(finished_run.redrawn_weights, seed=0),
            ),
        ):
            made = variants(run.weights, draw(run), self._layers)
            losses = [whole - top1(weights) for _, weights in made]
            rows += self._rows("baseB", measure, losses)
        return rows

    def take(self, step: str) -> Taken:
        """Takes the measures of one of `STEPS`, of all networks that can be read."""
        self._problems, self._lost, rows = {}, [], []
        # Features of a network that all but diverged overflow: NaN says so.
        with np.errstate(over="ignore", invalid="ignore"), self._apart():
            rows = getattr(self, step)()
        return Taken([*rows, *self._lost], list(self._problems))


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
