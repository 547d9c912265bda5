"""The results of single networks, and which may be compared with which.

Every comparison of networks is paired: a network is set against another one of
the same split, target half and seed (its unit), so that neither an easy half
nor a lucky seed passes for an effect. Accuracies are shares, 0..1.
"""

import dataclasses
from collections.abc import Iterable, Sequence

from yosinski_tf.experiment.treatments import MAX_COPIED_LAYERS, parse_treatment
from yosinski_tf.study.records import Record
from yosinski_tf.system.errors import UserError

MEASURES = ("top1_mean_of_10_best", "top1")
MEASURE_NAMES = {
    "top1_mean_of_10_best": "mean of the ten highest validations",
    "top1": "last validation",
}
FAMILIES = ("base", "BnB", "BnB+", "AnB", "AnB+", "RnB")
FROZEN_COPIES = ("BnB", "AnB")
LAYERS = range(1, MAX_COPIED_LAYERS + 1)
RANDOM, DISTANT, WHOLE, REDUCED = "random", "natural_manmade", "whole", "first"
FROM_FILE = "file"
DIRECTIONS = ("natural", "man-made")

Unit = tuple[str, str, int]


@dataclasses.dataclass(frozen=True)
class NetworkResult:
    """The result of one network.

    Attributes:
      split: Name of the split, for example `random:0`; `whole` or `first:N` for
        target W.
      family: `base`, `BnB`, `BnB+`, `AnB`, `AnB+`, `RnB`, `BnB~k` or `AnB~k`.
      n: Number of copied layers; 0 for a base.
      source_half: `A`, `B`, `R`, or None for a base.
      target_half: `A`, `B` or `W`.
      seed: Seed of the run.
      top1: Top-1 accuracy at the last validation, 0..1.
      top1_mean_of_10_best: Mean of the ten highest validations, 0..1.
      run_id: Which run it was.
    """

    split: str
    family: str
    n: int
    source_half: str | None
    target_half: str
    seed: int
    top1: float
    top1_mean_of_10_best: float
    run_id: str

    @property
    def kind(self) -> str:
        """The kind of its split, see `split_kind`."""
        return split_kind(self.split)

    @property
    def examples_per_class(self) -> int:
        """Training images per class of a network on the split `first:N`."""
        return int(self.split.removeprefix(f"{REDUCED}:"))

    @property
    def unit(self) -> Unit:
        """What it may be compared within: split, target half and seed."""
        return (self.split, self.target_half, self.seed)

    def value(self, measure: str) -> float:
        """Its accuracy by one of `MEASURES`, 0..1."""
        return getattr(self, check_measure(measure))


@dataclasses.dataclass(frozen=True)
class Selection:
    """The points of finished runs, and the ids of the runs left out."""

    points: tuple[NetworkResult, ...]
    left_out: tuple[str, ...]


def check_measure(measure: str) -> str:
    """Returns the name of a measure.

    Raises:
      UserError: If it is not one of `MEASURES`.
    """
    if measure not in MEASURES:
        raise UserError(
            f"unknown measure {measure!r}: wanted one of {', '.join(MEASURES)}"
        )
    return measure


def split_kind(split: str) -> str:
    """`random`, `natural_manmade` (either way round), `whole`, `first`, ..."""
    if split == "manmade_natural":
        return DISTANT
    return split.partition(":")[0]


def points_from_records(records: Iterable[Record]) -> Selection:
    """Makes points of the finished runs and names the others.

    Raises:
      UserError: If a treatment is unknown, or two runs are the same network of
        the same split and seed, so that pairing would be ambiguous.
    """
    points: dict[tuple, NetworkResult] = {}
    left_out = []
    for record in records:
        if record.status != "finished":
            left_out.append(record.run_id)
            continue
        point = NetworkResult(
            split=record.split,
            family=parse_treatment(record.treatment).family,
            n=record.n,
            source_half=record.source_half,
            target_half=record.target_half,
            seed=record.seed,
            top1=record.top1,
            top1_mean_of_10_best=record.top1_mean_of_10_best,
            run_id=record.run_id,
        )
        key = (point.unit, point.family, point.n)
        if key in points:
            raise UserError(
                f"runs {points[key].run_id} and {point.run_id} are both"
                f" {record.treatment} of split {record.split}, seed {record.seed}:"
                " keep studies with different data, networks or recipes in"
                " folders of their own"
            )
        points[key] = point
    return Selection(tuple(points.values()), tuple(left_out))


def families_of(points: Iterable[NetworkResult]) -> list[str]:
    """The families that have a point, as the paper orders them.

    Preserved layers, `BnB~1`, `BnB~2`, ..., follow the frozen copies they go
    with, `BnB`.
    """
    found = {point.family for point in points}
    ordered = []
    for family in FAMILIES:
        ordered += [family] if family in found else []
        if family in FROZEN_COPIES:
            ordered += sorted(each for each in found if each.startswith(f"{family}~"))
    return ordered


def of_kind(points: Iterable[NetworkResult], kind: str) -> list[NetworkResult]:
    """The points whose split is of that kind."""
    return [point for point in points if point.kind == kind]


def random_layers_kind(points: Iterable[NetworkResult]) -> str:
    """The kind of split whose networks on random layers stand for a study's.

    The paper's were trained on all classes. A study may have them on random
    halves, or on distant ones, only; those of several kinds are never mixed.
    """
    found = {point.kind for point in points if point.family == "RnB"}
    known = [kind for kind in (WHOLE, RANDOM, DISTANT) if kind in found]
    return (known or sorted(found) or [WHOLE])[0]


def without_reduced(points: Iterable[NetworkResult]) -> list[NetworkResult]:
    """The points that belong into tables and figures by n."""
    return [point for point in points if point.kind != REDUCED]


def bases(points: Iterable[NetworkResult]) -> dict[Unit, NetworkResult]:
    """The base network of each split, target half and seed."""
    return {point.unit: point for point in points if point.family == "base"}


def without_base(points: Sequence[NetworkResult]) -> list[NetworkResult]:
    """The networks that no base of their own can be compared with."""
    own = bases(points)
    return [point for point in points if point.unit not in own]


def direction(point: NetworkResult) -> str:
    """What a network on the natural and man-made split was trained on.

    Returns:
      One of `DIRECTIONS`: half A of `natural_manmade` is natural, half A of
      `manmade_natural` is man-made.
    """
    natural = "A" if point.split == DISTANT else "B"
    return "natural" if point.target_half == natural else "man-made"
