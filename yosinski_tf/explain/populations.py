"""The first layers of a study in groups that are worth comparing."""

import pathlib
from collections.abc import Iterable

from yosinski_tf.explain import kept_fits
from yosinski_tf.explain.filters import Network
from yosinski_tf.explain.gabor import GABOR
from yosinski_tf.explain.units import Unit
from yosinski_tf.results import tables
from yosinski_tf.results.network_result import kind_of

RANDOM = "random values"
P = "P"
_BASES = {
    "A": "bases of half A",
    "B": "bases of half B",
    "W": "bases of all classes",
}
BASES = tuple(_BASES.values())
TUNED = ("AnB+", "BnB+", "PnB+")
Groups = dict[str, list[Network]]


def populations(runs: pathlib.Path, units: Iterable[Unit]) -> dict[str, Groups]:
    """The kept fits of a study's first layers, each network once.

    Of the fine-tuned copies of a unit, those with the largest n.

    Returns:
      For each kind of split the networks by group: `BASES`, `RANDOM`, `P`, `TUNED`.
      A half is that of the study.
    """
    found: dict[str, dict[str, dict[tuple, Network]]] = {}
    for unit in units:
        groups = found.setdefault(kind_of(unit.split), {})
        fitted = kept_fits.read(kept_fits.path_of(runs, unit.slug))
        # Copies with a larger n take the place of others.
        for name in sorted(fitted, key=lambda name: int(name.partition("=")[2] or 0)):
            group, key = _place(unit, name)
            groups.setdefault(group, {})[key] = fitted[name]
    order = (*BASES, P, RANDOM, *TUNED)
    return {
        kind: {n: [*found[kind][n].values()] for n in order if n in found[kind]}
        for kind in tables.in_order(found)
    }


def _place(unit: Unit, name: str) -> tuple[str, tuple]:
    """The group of a network of a unit, and what tells it from others there."""
    if name in ("baseA", "baseB"):
        half = unit.direction["AB".index(name[-1])]
        return _BASES[half], (unit.split, unit.seed)
    if name == "R":
        return RANDOM, (unit.split, unit.seed)
    if name == "P":
        return P, ()
    return name.partition(" ")[0], (unit.split, unit.target, unit.seed)


def has_gabor(groups: Groups) -> bool:
    """Whether a trained network has a Gabor filter in its first layer."""
    return any(
        fit.kind == GABOR
        for name, networks in groups.items()
        if name != RANDOM
        for fits in networks
        for fit in fits
    )
