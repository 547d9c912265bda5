"""Differences, decomposition and Table 1 of the networks of a study.

All differences are in percentage points and paired (see `network_result`),
except for the paper's own two ways of averaging Table 1. Two halves of one
split, or two seeds of one half, share data, so intervals are a little too narrow.
"""

import dataclasses
import math
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
import scipy.special

from yosinski_tf.results import network_result
from yosinski_tf.results.network_result import Cell, NetworkResult, Unit, bases, by_cell

MIN_PAIRS = 3
BOOST_RANGES = ((1, 7), (3, 7), (5, 7))


@dataclasses.dataclass(frozen=True)
class Difference:
    """A network and its difference to its own base, in percentage points."""

    network: NetworkResult
    value: float


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A mean and its uncertainty.

    Attributes:
      mean: Mean of the values; None without a value.
      n: Number of values.
      std: Standard deviation over the values (n - 1), None if n < 2.
      low: Lower end of the 95% t interval of the mean; None if n < 3, too
        small for an interval, or if the values are not paired.
      high: Upper end of the same interval.
      above: How many of the values are above 0; None if they are not paired.
    """

    mean: float | None
    n: int
    std: float | None = None
    low: float | None = None
    high: float | None = None
    above: int | None = None


# By first and last n, comparison and method: see `boost_table`.
Boosts = dict[tuple[tuple[int, int], str, str], Estimate]
# The families of each component, see `decomposition`.
COMPONENTS = {
    "co-adaptation": ("base", "BnB"),
    "specificity": ("BnB", "AnB"),
    "gain": ("AnB+", "BnB+"),
}
# What can be said of a given network, which has no selffer networks.
GIVEN_COMPONENTS = {
    "loss of P": ("base", "PnB"),
    "gain of P": ("PnB+", "base"),
    "P over random": ("PnB", "RnB"),
}
COMPARISONS = ("AnB+ over base", "AnB+ over BnB+", "BnB+ over base")
METHODS = ("layers", "networks", "own base")


def estimate(values: Collection[float]) -> Estimate:
    """Mean and 95% t interval of independent values (no interval below 3)."""
    n = len(values)
    if n == 0:
        return Estimate(mean=None, n=0)
    mean = float(np.mean(list(values)))
    std = float(np.std(list(values), ddof=1)) if n > 1 else None
    above = sum(bool(value > 0) for value in values)
    if n < MIN_PAIRS:
        return Estimate(mean=mean, n=n, std=std, above=above)
    half = float(scipy.special.stdtrit(n - 1, 0.975)) * std / math.sqrt(n)
    return Estimate(mean, n, std, low=mean - half, high=mean + half, above=above)


def per_cent(networks: Sequence[NetworkResult], measure: str) -> list[float]:
    """The accuracy of each network in per cent."""
    return [100 * network.value(measure) for network in networks]


def relative_to_base(
    networks: Sequence[NetworkResult], measure: str
) -> list[Difference]:
    """Each network minus its own base, in percentage points.

    Its own base has the same split, target half and seed; for random layers on
    the whole set that is the base on the whole set. Networks without such a
    base are left out, and so are the bases themselves.
    """
    own = bases(networks)
    return [
        Difference(each, 100 * (each.value(measure) - own[each.unit].value(measure)))
        for each in networks
        if each.family != "base" and each.unit in own
    ]


def differences_by_cell(
    networks: Sequence[NetworkResult], measure: str
) -> dict[Cell, list[float]]:
    """Differences to the own base in percentage points, by family and n."""
    found = relative_to_base(networks, measure)
    return by_cell([each.network for each in found], [each.value for each in found])


def _paired(
    networks: Sequence[NetworkResult], measure: str, over: str, under: str, n: int
) -> dict[Unit, float]:
    """`over` minus `under` at n, in points, for each unit that has both."""

    def values(family: str) -> dict[Unit, float]:
        cell = (family, 0 if family == "base" else n)
        chosen = [network for network in networks if network.cell == cell]
        units = [network.unit for network in chosen]
        return dict(zip(units, per_cent(chosen, measure), strict=True))

    first, second = values(over), values(under)
    return {unit: first[unit] - second[unit] for unit in first if unit in second}


def decomposition(
    networks: Sequence[NetworkResult],
    measure: str,
    splits: str = network_result.RANDOM,
    components: Mapping[str, tuple[str, str]] = COMPONENTS,
) -> dict[tuple[int, str], Estimate]:
    """Splits the effect of copying n layers into parts (paper, section 4.1).

    - co-adaptation: base - BnB, the cost of freezing on the same classes;
    - specificity: BnB - AnB, the additional cost of foreign classes;
    - gain: AnB+ - BnB+, the gain from foreign classes after fine-tuning.

    For a given network P there are `GIVEN_COMPONENTS` instead:

    - loss of P: base - PnB, the cost of co-adaptation and specificity together;
    - gain of P: PnB+ - base, the gain over training from random values;
    - P over random: PnB - RnB, what the frozen layers of P are worth.

    Each is a mean over pairs: units (split, target half, seed) that have both
    networks, on splits of one kind. With fewer than 3 pairs there is no interval.

    Returns:
      Three components for each n, by n and name, in percentage points; those
      without a pair have mean None.
    """
    chosen = network_result.of_kind(networks, splits)
    return {
        (n, name): estimate(_paired(chosen, measure, over, under, n).values())
        for n in network_result.layers_of(networks)
        for name, (over, under) in components.items()
    }


def _boost_of_means(
    cells: Mapping[Cell, list[float]], layers: range, over: str, under: str, method: str
) -> Estimate:
    def grouped(family: str) -> list[list[float]]:
        numbers = [0] if family == "base" else layers
        return [cells[family, n] for n in numbers if (family, n) in cells]

    first, second = grouped(over), grouped(under)
    if not first or not second:
        return Estimate(mean=None, n=0)
    count = sum(map(len, first))
    if method == "layers":
        first, second = ([np.mean(g) for g in side] for side in (first, second))
    else:
        first, second = (np.concatenate(side) for side in (first, second))
    return Estimate(mean=float(np.mean(first) - np.mean(second)), n=count)


def _mean_over_units(layers: Iterable[Mapping[Unit, float]]) -> Estimate:
    """The estimate over units, of the mean over layers within each unit."""
    values: dict[Unit, list[float]] = {}
    for layer in layers:
        for unit, value in layer.items():
            values.setdefault(unit, []).append(value)
    return estimate([float(np.mean(each)) for each in values.values()])


def boost_table(networks: Sequence[NetworkResult], measure: str) -> Boosts:
    """Table 1 of the paper: the boost of AnB+, averaged over layers.

    There are three ways of averaging, which differ on the authors' own logs:

    - `layers`: mean of the accuracies at each n, then mean over n, minus the
      mean of all bases (or of BnB+, averaged in the same way). On the released
      logs this gives 1.67, 1.88, 2.06 over the base and 1.56, 1.50, 1.76 over
      BnB+.
    - `networks`: one mean of all networks of the layers. On the released logs
      this gives the decimals that the paper printed: 1.6, 1.8, 2.1 and 1.4,
      1.4, 1.7.
    - `own base` (not in the paper): each AnB+ minus the base, or the BnB+ of
      the same n, of its own unit (split, target half and seed); mean over n
      within each unit, then mean and 95% interval over units. Unlike the first
      two, it never compares networks of different halves, also where not every
      half has every treatment.

    Layers and units that an unfinished study lacks are left out.

    Returns:
      Percentage points on random splits, by first and last n, comparison and method.
      For the first two methods `n` is the number of AnB+ networks (BnB+ networks for
      `BnB+ over base`), for `own base` that of units.
    """
    chosen = network_result.of_kind(networks, network_result.RANDOM)
    cells = by_cell(chosen, per_cent(chosen, measure))
    table: Boosts = {}
    for first, last in BOOST_RANGES:
        layers = range(first, last + 1)
        for comparison in COMPARISONS:
            over, under = comparison.split(" over ")
            for method in METHODS:
                if method == "own base":
                    pairs = (_paired(chosen, measure, over, under, n) for n in layers)
                    boost = _mean_over_units(pairs)
                else:
                    boost = _boost_of_means(cells, layers, over, under, method)
                table[(first, last), comparison, method] = boost
    return table
