"""The results of single networks, and which may be compared with which.

All comparisons of networks are paired: a network is compared with another of
the same split, target half and seed (its unit), so that an easy half or a lucky
seed does not look like an effect. Accuracies are shares, 0..1.
"""

import dataclasses
from collections.abc import Iterable

from yosinski_tf.experiment.treatments import PAPER_STAGES, parse_treatment
from yosinski_tf.study.records import Record, stage_names
from yosinski_tf.system.errors import UserError

MEASURES = ("top1_mean_of_10_best", "top1")
MEASURE_NAMES = {
    "top1_mean_of_10_best": "mean of the ten highest validations",
    "top1": "last validation",
}
GIVEN = ("PnB", "PnB+")
FAMILIES = ("base", "BnB", "BnB+", "AnB", "AnB+", *GIVEN, "RnB")
RANDOM, DISTANT, WHOLE, REDUCED = "random", "natural_manmade", "whole", "first"
FROM_FILE = "file"
DIRECTIONS = ("natural", "man-made")

Unit = tuple[str, str, int]
Cell = tuple[str, int]


@dataclasses.dataclass(frozen=True)
class NetworkResult:
    """The result of one network, as recorded.

    `family` is that of its treatment, and `stages` are the names of its stages.
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
    stages: tuple[str, ...] = PAPER_STAGES

    @property
    def kind(self) -> str:
        """Of its split, see `kind_of`."""
        return kind_of(self.split)

    @property
    def examples_per_class(self) -> int:
        """Training images per class of a network on the split `first:N`."""
        return int(self.split.removeprefix(f"{REDUCED}:"))

    @property
    def unit(self) -> Unit:
        """Split, target half and seed: networks of one unit may be compared."""
        return (self.split, self.target_half, self.seed)

    @property
    def cell(self) -> Cell:
        """Family and n: the cell of a table that it belongs to."""
        return (self.family, self.n)

    @property
    def treatment(self) -> str:
        """Its treatment: `baseB`, `A3B+`, `P3W`, ..."""
        if self.family == "base":
            return f"base{self.target_half}"
        return f"{self.source_half}{self.n}{self.target_half}{self.family[3:]}"

    def value(self, measure: str) -> float:
        """Its accuracy by one of `MEASURES`, 0..1."""
        return getattr(self, check_measure(measure))


@dataclasses.dataclass(frozen=True)
class Selection:
    """The networks of finished runs, and the ids of the other runs."""

    networks: tuple[NetworkResult, ...]
    left_out: tuple[str, ...]


def kind_of(split: str) -> str:
    """The kind of a split: `random`, `natural_manmade`, `whole`, `first` or `file`.

    `manmade_natural` is of the kind `natural_manmade`.
    """
    kind = split.partition(":")[0]
    return DISTANT if kind == "manmade_natural" else kind


def check_measure(measure: str) -> str:
    """Returns the name of a measure.

    Raises:
      UserError: If it is not one of `MEASURES`.
    """
    if measure not in MEASURES:
        raise UserError(
            f"--measure needs one of {', '.join(MEASURES)}, found {measure!r}"
        )
    return measure


def finished_networks(records: Iterable[Record]) -> Selection:
    """Selects the networks of finished runs.

    Raises:
      UserError: If two runs have the same treatment, split and seed: they could
        not be told apart as pairs.
    """
    networks: dict[tuple, NetworkResult] = {}
    left_out = []
    for record in records:
        if record.status != "finished":
            left_out.append(record.run_id)
            continue
        own = {
            "family": parse_treatment(record.treatment).family,
            "stages": stage_names(record) or PAPER_STAGES,
        }
        # A record has all of the other fields.
        names = (field.name for field in dataclasses.fields(NetworkResult))
        rest = {name: getattr(record, name) for name in names if name not in own}
        network = NetworkResult(**rest, **own)
        key = (network.unit, network.cell)
        if key in networks:
            raise UserError(
                f"runs {networks[key].run_id} and {network.run_id} are both"
                f" {record.treatment} of split {record.split}, seed {record.seed}:"
                " keep studies with different data, networks or recipes in"
                " folders of their own"
            )
        networks[key] = network
    return Selection(tuple(networks.values()), tuple(left_out))


def by_cell(
    networks: Iterable[NetworkResult], values: Iterable[float]
) -> dict[Cell, list[float]]:
    """Groups values, one for each network, by the networks' family and n."""
    groups: dict[Cell, list[float]] = {}
    for network, value in zip(networks, values, strict=True):
        groups.setdefault(network.cell, []).append(value)
    return groups


def stages_of(networks: Iterable[NetworkResult]) -> tuple[str, ...]:
    """Names of the stages of some networks, of which all should have the same.

    Those of the paper, if there is no network.
    """
    return max((n.stages for n in networks), key=len, default=PAPER_STAGES)


def layers_of(networks: Iterable[NetworkResult]) -> range:
    """The n of some networks: 1 to 7 in the paper."""
    return range(1, len(stages_of(networks)))


def families_of(networks: Iterable[NetworkResult]) -> list[str]:
    """The families of some networks, in the paper's order.

    Preserved layers, `BnB~1`, `BnB~2`, ..., follow `BnB`.
    """
    found = {network.family for network in networks}
    return sorted(found, key=lambda f: (FAMILIES.index(f.partition("~")[0]), f))


def shown_name(family: str, networks: Iterable[NetworkResult]) -> str:
    """The name of a family for people, as a user types it.

    `PnB` is `PnW`, and `base` is `baseW`, if all of these networks are trained on all
    classes (W). Else it is the paper's name, which stands for both halves.
    """
    if {network.target_half for network in networks} != {"W"}:
        return family
    return "baseW" if family == "base" else f"{family[:2]}W{family[3:]}"


def of_kind(networks: Iterable[NetworkResult], kind: str) -> list[NetworkResult]:
    """The networks whose split is of that kind."""
    return [network for network in networks if network.kind == kind]


def of_family(networks: Iterable[NetworkResult], family: str) -> list[NetworkResult]:
    """The networks of a family."""
    return [network for network in networks if network.family == family]


def random_layers_kind(networks: Iterable[NetworkResult]) -> str:
    """The kind of split whose RnB networks represent a study.

    The paper's were trained on all classes. A study may have them only on random
    or on distant halves. Networks on splits of different kinds are never mixed.
    """
    return _representing(of_family(networks, "RnB"))


def given_kind(networks: Iterable[NetworkResult]) -> str:
    """The kind of split whose copies of P represent a study, as above."""
    return _representing(with_given(networks))


def with_given(networks: Iterable[NetworkResult]) -> list[NetworkResult]:
    """The copies of P."""
    return [each for each in networks if each.family.partition("~")[0] in GIVEN]


def _representing(networks: Iterable[NetworkResult]) -> str:
    found = {network.kind for network in networks}
    known = [kind for kind in (WHOLE, RANDOM, DISTANT) if kind in found]
    return (known or sorted(found) or [WHOLE])[0]


def without_reduced(networks: Iterable[NetworkResult]) -> list[NetworkResult]:
    """The networks of the tables and figures by n: all but those on `first:N`."""
    return [network for network in networks if network.kind != REDUCED]


def bases(networks: Iterable[NetworkResult]) -> dict[Unit, NetworkResult]:
    """The base network of each split, target half and seed."""
    return {network.unit: network for network in of_family(networks, "base")}


def direction(network: NetworkResult) -> str:
    """The classes that a network of the natural and man-made split is trained on.

    Returns:
      One of `DIRECTIONS`: half A of `natural_manmade` is natural, half A of
      `manmade_natural` is man-made.
    """
    natural = "A" if network.split == DISTANT else "B"
    return "natural" if network.target_half == natural else "man-made"
