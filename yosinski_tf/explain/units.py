"""The networks of a study that belong together: one target half, split and seed.

As in the paper, B is the half that networks are trained on, and A the other one,
whichever they were called in the study; `direction` says which.
"""

import dataclasses
import pathlib
from collections.abc import Iterable, Mapping, Sequence

from yosinski_tf.experiment.treatments import Treatment, parse_treatment
from yosinski_tf.study.records import Record, read_records
from yosinski_tf.system.errors import UserError

_OTHER = {"A": "B", "B": "A", "W": "W"}
_Key = tuple[str, str, int]


@dataclasses.dataclass(frozen=True)
class Unit:
    """Finished networks that were trained on one half, and the bases beside them.

    Attributes:
      split: Name of the split.
      target: The half of the study that takes the part of B: `A`, `B` or `W`.
      seed: Their seed.
      networks: Records of the networks on this half, by treatment; may be empty.
      base: The base of this half; None if it is missing.
      other: The base of the other half; None if it is missing, or there is none.
      second: The base of this half with the next higher seed; None without one. So
        two bases are compared once.
      diverged: Records of networks on this half that diverged.
    """

    split: str
    target: str
    seed: int
    networks: Mapping[str, Record]
    base: Record | None
    other: Record | None
    second: Record | None
    diverged: Sequence[Record] = ()

    @property
    def direction(self) -> str:
        """The half of the study that is A, and the one that is B: `AB` or `BA`."""
        return f"{_OTHER[self.target]}{self.target}"

    @property
    def record(self) -> Record:
        """Some record, for what all have in common."""
        return self.base or self.other or next(iter(self.networks.values()))

    @property
    def slug(self) -> str:
        """A name for files."""
        return f"{self.record.run_id.partition('_')[0]}_{self.direction}_{self.seed}"

    def copies(self, *, fine_tuned: bool) -> dict[Treatment, Record]:
        """The networks with copied layers: those fine-tuned, or those frozen."""
        found = {parse_treatment(name): each for name, each in self.networks.items()}
        return {
            treatment: record
            for treatment, record in found.items()
            if treatment.source and treatment.fine_tuned == fine_tuned
        }


def find_units(runs: pathlib.Path) -> list[Unit]:
    """The units of a study folder that have something to measure.

    Raises:
      UserError: If there is no finished base network, or a record is broken.
    """
    records = read_records(runs) if runs.is_dir() else []
    units = units_of(records)
    if not units:
        raise UserError(
            f"--runs needs a study with a finished base network, found none in {runs}:"
            " train one, such as with yosinski-base"
        )
    return units


def units_of(records: Iterable[Record]) -> list[Unit]:
    """Groups finished runs by split, target half and seed.

    There is one for each half for which, or for whose counterpart, a base is finished.
    Networks on reduced data (`first:N`) are left out.
    """
    groups: dict[_Key, dict[str, Record]] = {}
    diverged: dict[_Key, list[Record]] = {}
    for record in records:
        key = (record.split, record.target_half, record.seed)
        if record.split.startswith("first:"):
            continue
        if record.status == "finished":
            groups.setdefault(key, {})[record.treatment] = record
        else:
            diverged.setdefault(key, []).append(record)
    bases = {
        key: found[f"base{key[1]}"]
        for key, found in groups.items()
        if f"base{key[1]}" in found
    }
    keys = {(split, _OTHER[half], seed) for split, half, seed in bases} | bases.keys()
    return [
        _unit(key, groups.get(key, {}), bases, diverged.get(key, []))
        for key in sorted(keys)
    ]


def _unit(
    key: _Key,
    networks: dict[str, Record],
    bases: dict[_Key, Record],
    diverged: list[Record],
) -> Unit:
    split, target, seed = key
    other = bases.get((split, _OTHER[target], seed)) if target != "W" else None
    later = [each for name, half, each in bases if (name, half) == key[:2]]
    later = [each for each in later if each > seed]
    second = bases[(split, target, min(later))] if later else None
    base = bases.get(key)
    return Unit(split, target, seed, networks, base, other, second, diverged)
