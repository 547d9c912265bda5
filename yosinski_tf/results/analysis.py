"""What the networks of a study say about transfer, as numbers.

All differences are in percentage points and, but for the paper's own ways of
averaging Table 1, paired (see `points`). Two halves of one split, or two seeds
of one half, still share data, so the intervals lean to the narrow side.
"""

import dataclasses
import math
from collections.abc import Collection, Iterable, Sequence

import numpy as np
import scipy.stats

from yosinski_tf.results.network_result import (
    LAYERS,
    RANDOM,
    NetworkResult,
    Unit,
    bases,
    of_kind,
)

MIN_PAIRS = 3
BOOST_RANGES = ((1, 7), (3, 7), (5, 7))


@dataclasses.dataclass(frozen=True)
class Difference:
    """A network and how far it is from its own base, in percentage points."""

    point: NetworkResult
    value: float


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A mean with what is known about its uncertainty.

    Attributes:
      mean: Mean of the values; None if there were none.
      n: Number of values.
      std: Standard deviation over the values (n - 1), None if n < 2.
      low: Lower end of the 95% t interval of the mean; None if n < 3, too
        small for an interval, or where values are not paired.
      high: Upper end of the same interval.
    """

    mean: float | None
    n: int
    std: float | None = None
    low: float | None = None
    high: float | None = None


@dataclasses.dataclass(frozen=True)
class Component:
    """One part of the decomposition at one n, in percentage points."""

    name: str
    n: int
    estimate: Estimate


@dataclasses.dataclass(frozen=True)
class Boost:
    """One cell of the paper's Table 1, in percentage points.

    Attributes:
      layers: First and last n, both included.
      comparison: For example `AnB+ over base`.
      method: How it was averaged: `layers`, `networks` or `own base`.
      estimate: `n` counts AnB+ networks (or BnB+ networks, for `BnB+ over
        base`) for the first two methods, (split, target, seed) units for
        `own base`.
    """

    layers: tuple[int, int]
    comparison: str
    method: str
    estimate: Estimate


COMPONENTS = ("co-adaptation", "specificity", "gain")
COMPARISONS = ("AnB+ over base", "AnB+ over BnB+", "BnB+ over base")
METHODS = ("layers", "networks", "own base")


def estimate(values: Collection[float]) -> Estimate:
    """Mean and 95% t interval of independent values (none below 3 values)."""
    count = len(values)
    if count == 0:
        return Estimate(None, 0)
    mean = float(np.mean(list(values)))
    if count < 2:
        return Estimate(mean, count)
    std = float(np.std(list(values), ddof=1))
    if count < MIN_PAIRS:
        return Estimate(mean, count, std)
    half = float(scipy.stats.t.ppf(0.975, count - 1)) * std / math.sqrt(count)
    return Estimate(mean, count, std, mean - half, mean + half)


def relative_to_base(points: Sequence[NetworkResult], measure: str) -> list[Difference]:
    """Each network minus its own base, in percentage points.

    Its own base is that of the same split, target half and seed (for random
    features on the whole set: the base on the whole set). Networks whose base
    is missing are left out, and so are the bases themselves.
    """
    own = bases(points)
    return [
        Difference(point, 100 * (point.value(measure) - own[point.unit].value(measure)))
        for point in points
        if point.family != "base" and point.unit in own
    ]


def by_family_and_n(
    differences: Iterable[Difference],
) -> dict[tuple[str, int], list[float]]:
    """Differences to the base, grouped by family and n."""
    groups: dict[tuple[str, int], list[float]] = {}
    for difference in differences:
        key = (difference.point.family, difference.point.n)
        groups.setdefault(key, []).append(difference.value)
    return groups


def _paired(
    points: Sequence[NetworkResult], measure: str, over: str, under: str, n: int
) -> dict[Unit, float]:
    """`over` minus `under` at n, for each unit that has both, in points."""

    def values(family: str) -> dict[Unit, float]:
        wanted = 0 if family == "base" else n
        return {
            point.unit: 100 * point.value(measure)
            for point in points
            if point.family == family and point.n == wanted
        }

    first, second = values(over), values(under)
    return {unit: first[unit] - second[unit] for unit in first if unit in second}


def decomposition(
    points: Sequence[NetworkResult], measure: str, splits: str = RANDOM
) -> list[Component]:
    """Takes the effect of copying n layers apart (paper, section 4.1).

    - co-adaptation: base - BnB, what freezing costs on the same classes;
    - specificity: BnB - AnB, what the foreign classes cost on top;
    - gain: AnB+ - BnB+, what foreign classes bring once all is trained on.

    Each is a mean over pairs: (split, target half, seed) that have both
    networks. With fewer than 3 pairs there is no interval.

    Args:
      points: Networks of any splits.
      measure: One of `MEASURES`.
      splits: The kind of split to look at, see `split_kind`.

    Returns:
      Three components for each n = 1..7, in percentage points; those without
      a pair have mean None.
    """
    chosen = of_kind(points, splits)
    terms = (("base", "BnB"), ("BnB", "AnB"), ("AnB+", "BnB+"))
    return [
        Component(name, n, estimate(_paired(chosen, measure, over, under, n).values()))
        for n in LAYERS
        for name, (over, under) in zip(COMPONENTS, terms, strict=True)
    ]


def _boost_of_means(
    points: Sequence[NetworkResult],
    measure: str,
    layers: range,
    over: str,
    under: str,
    method: str,
) -> Estimate:
    def grouped(family: str) -> list[list[float]]:
        groups = [
            [100 * p.value(measure) for p in points if (p.family, p.n) == (family, n)]
            for n in ([0] if family == "base" else layers)
        ]
        return [group for group in groups if group]

    first, second = grouped(over), grouped(under)
    if not first or not second:
        return Estimate(None, 0)
    count = sum(map(len, first))
    if method == "layers":
        first, second = ([np.mean(g) for g in side] for side in (first, second))
    else:
        first, second = (np.concatenate(side) for side in (first, second))
    return Estimate(float(np.mean(first) - np.mean(second)), count)


def _boost_over_own(
    points: Sequence[NetworkResult], measure: str, layers: range, over: str, under: str
) -> Estimate:
    per_unit: dict[Unit, list[float]] = {}
    for n in layers:
        for unit, value in _paired(points, measure, over, under, n).items():
            per_unit.setdefault(unit, []).append(value)
    return estimate([float(np.mean(values)) for values in per_unit.values()])


def boost_table(
    points: Sequence[NetworkResult], measure: str, splits: str = RANDOM
) -> list[Boost]:
    """Table 1 of the paper: the boost of AnB+, averaged over layers.

    Averaged in three ways, because they differ on the authors' own logs:

    - `layers`: mean of the accuracies at each n, then mean over n, minus the
      mean of all bases (or of BnB+, averaged in the same way). On the released
      logs this gives 1.67, 1.88, 2.06 over the base and 1.56, 1.50, 1.76 over
      BnB+.
    - `networks`: all networks of the layers pooled in one mean. On the
      released logs this gives, to the decimal, what the paper printed: 1.6,
      1.8, 2.1 and 1.4, 1.4, 1.7.
    - `own base` (not in the paper): each AnB+ against the base, or the BnB+ at
      the same n, of its own split, target half and seed; mean over n within
      each such unit, then mean and 95% interval over units. The first two set
      networks of one half against networks of another where not every half has
      every treatment; this one does not.

    Layers and units that are absent from an unfinished study are left out.
    """
    chosen = of_kind(points, splits)
    table = []
    for first, last in BOOST_RANGES:
        layers = range(first, last + 1)
        for comparison in COMPARISONS:
            over, under = comparison.split(" over ")
            for method in METHODS:
                if method == "own base":
                    cell = _boost_over_own(chosen, measure, layers, over, under)
                else:
                    cell = _boost_of_means(chosen, measure, layers, over, under, method)
                table.append(Boost((first, last), comparison, method, cell))
    return table
