"""The first layers of a study in groups that are worth comparing."""

import itertools
import pathlib
from collections.abc import Iterable, Mapping, Sequence

from yosinski_tf.explain import filters, kept_fits
from yosinski_tf.explain.filters import Difference, Network
from yosinski_tf.explain.gabor import GABOR
from yosinski_tf.explain.rows import Row
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
Groups = Mapping[str, Sequence[Network]]


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


def comparisons(groups: Groups) -> dict[str, dict[str, Difference]]:
    """Compares the bases of both halves, and every other group with all bases.

    Returns:
      For each comparison, such as `P against bases`, those of `filters.compare`.
    """
    bases = {name: groups[name] for name in BASES if name in groups}
    made = {
        f"{one} against {other}": filters.compare(groups[one], groups[other], seed=0)
        for one, other in itertools.combinations(bases, 2)
    }
    together = [*itertools.chain.from_iterable(bases.values())]
    others = [name for name in groups if name not in bases and bases]
    for name in others:
        found = filters.compare(groups[name], together, seed=0)
        made[f"{name} against bases"] = found
    return made


def p_values(
    kind: str, layer: str, made: Mapping[str, Mapping[str, Difference]]
) -> list[Row]:
    """The p values of the `comparisons` of a kind of split, where there are any."""
    return [
        Row(kind, "", 0, 1, layer, name, f"p_{what}", difference.p_value)
        for name, found in made.items()
        for what, difference in found.items()
        if difference.p_value is not None
    ]


def has_gabor(groups: Groups) -> bool:
    """Whether a trained network has a Gabor filter in its first layer."""
    return any(
        fit.kind == GABOR
        for name, networks in groups.items()
        if name != RANDOM
        for fits in networks
        for fit in fits
    )
