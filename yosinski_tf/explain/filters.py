"""Are the first layers of two groups of networks alike?"""

import dataclasses
import math
from collections.abc import Callable, Collection, Sequence

import numpy as np
from scipy import spatial

from yosinski_tf.explain.gabor import GABOR, KINDS, FilterFit

MEANING = (
    "Two groups of first layers are compared by the energy distance of their filters, "
    "which is 0 only if both have the same distribution (Szekely and Rizzo 2013). The "
    "p value is the share of random regroupings, the observed one among them, with a "
    "distance as large (Phipson and Smyth 2010): a small one says that the groups "
    "differ, a large one does not say that they are alike."
)
KIND = "kind"
ORIENTATION = "orientation"
WAVELENGTH = "wavelength"
EXPLAINED = "explained"
PROPERTIES = (KIND, ORIENTATION, WAVELENGTH, EXPLAINED)

_NETWORKS_TO_REGROUP = 4
_FEWEST_FILTERS = 3
_AT_ONCE = 256

Network = Sequence[FilterFit]
"""The filters of one first layer."""


@dataclasses.dataclass(frozen=True)
class Difference:
    """How far two groups of filters differ in one of `PROPERTIES`.

    Attributes:
      distance: energy distance, not negative; None if there is nothing to compare,
        or all filters are the same in this property.
      p_value: share of regroupings with a distance as large; None likewise.
      resolution: the smallest p value that this test could have given; None likewise.
      filters: how many filters of each group were compared.
      regrouped: "networks", if whole networks changed groups, or "filters".
    """

    distance: float | None
    p_value: float | None
    resolution: float | None
    filters: tuple[int, int]
    regrouped: str


def shares(fits: Network) -> dict[str, float]:
    """The share of each of `KINDS`, in their order; NaN of no filters."""
    kinds = [fit.kind for fit in fits]
    return {kind: kinds.count(kind) / len(kinds) if kinds else np.nan for kind in KINDS}


def orientation_histogram(fits: Network, bins: int = 8) -> np.ndarray:
    """Counts of Gabor filters by orientation.

    Returns:
      int [bins]: the first is about 0, from -pi / 2 bins to pi / 2 bins, so that
      upright stripes fall into one; the last is before pi.
    """
    angles = np.array([fit.gabor.orientation for fit in _gabors(fits)])
    places = np.rint(angles * bins / np.pi).astype(int) % bins
    return np.bincount(places, minlength=bins)


def wavelength_histogram(fits: Network, edges: Sequence[float]) -> np.ndarray:
    """Counts of Gabor filters by wavelength in pixels.

    Args:
      fits: the filters.
      edges: rising; `numpy.geomspace(2, 2 * size, 9)` has bins even in log wavelength.

    Returns:
      int [len(edges) - 1]: each with its lower edge, the last with both.
    """
    return np.histogram([fit.gabor.wavelength for fit in _gabors(fits)], edges)[0]


def compare(
    first: Sequence[Network],
    second: Sequence[Network],
    *,
    seed: int,
    permutations: int = 1999,
    properties: Collection[str] = PROPERTIES,
) -> dict[str, Difference]:
    """Compares two groups of first layers by a permutation test for each property.

    `kind` compares the shares of the kinds; `orientation` and `wavelength` those
    filters that are Gabor functions, at angles modulo pi and at log wavelengths;
    `explained` the variance that the two fits explain, of all filters. At least three
    filters of each group are needed.

    The filters of a network were learned together, so whole networks change groups
    where both groups have at least four. Else filters do: then a small p value may
    come from one unlike network. Memory is under 200 MiB for 4,000 filters and grows
    with the square of their number.

    Args:
      first: the networks of one group, such as the bases on A.
      second: the networks of the other.
      seed: of the regroupings.
      permutations: how many regroupings are drawn.
      properties: those of `PROPERTIES` that are compared.

    Returns:
      A `Difference` for each property.
    """
    whole = min(len(first), len(second)) >= _NETWORKS_TO_REGROUP
    return {
        name: _difference(first, second, _POINTS[name], whole, seed, permutations)
        for name in properties
    }


def _gabors(fits: Network) -> list[FilterFit]:
    return [fit for fit in fits if fit.kind == GABOR]


def _kinds(fits: Network) -> np.ndarray:
    # Any two kinds are at distance 1.
    corners = np.eye(len(KINDS)) / np.sqrt(2)
    return corners[[KINDS.index(fit.kind) for fit in fits]]


def _orientations(fits: Network) -> np.ndarray:
    # On a circle, once around in pi.
    twice = 2 * np.array([fit.gabor.orientation for fit in _gabors(fits)])
    return np.stack((np.cos(twice), np.sin(twice)), axis=1)


def _wavelengths(fits: Network) -> np.ndarray:
    return np.log([[fit.gabor.wavelength] for fit in _gabors(fits)]).reshape(-1, 1)


def _explained(fits: Network) -> np.ndarray:
    both = [(fit.gabor.variance_explained, fit.blob.variance_explained) for fit in fits]
    return np.array(both).reshape(-1, 2)


_POINTS: dict[str, Callable[[Network], np.ndarray]] = {
    KIND: _kinds,
    ORIENTATION: _orientations,
    WAVELENGTH: _wavelengths,
    EXPLAINED: _explained,
}


def _difference(first, second, of_fits, whole, seed, permutations) -> Difference:
    parts = [of_fits(network) for network in (*first, *second)]
    counts = [len(part) for part in parts]
    sizes = sum(counts[: len(first)]), sum(counts[len(first) :])
    regrouped = "networks" if whole else "filters"
    if min(sizes) < _FEWEST_FILTERS:
        return Difference(None, None, None, sizes, regrouped)
    points = np.concatenate([part for part in parts if len(part)])
    owners = (
        np.repeat(np.arange(len(parts)), counts) if whole else np.arange(sum(sizes))
    )
    units = len(parts) if whole else sum(sizes)
    chosen = len(first) if whole else sizes[0]
    distances = spatial.distance.cdist(points, points)
    if not distances.any():
        return Difference(None, None, None, sizes, regrouped)
    rng = np.random.default_rng(seed)
    observed = _energy(distances, (owners < chosen)[None])[0]
    larger = 0
    for done in range(0, permutations, _AT_ONCE):
        count = min(_AT_ONCE, permutations - done)
        orders = rng.permuted(np.tile(np.arange(units), (count, 1)), axis=1)
        drawn = _energy(distances, (orders < chosen)[:, owners])
        # Regroupings into the same groups differ by rounding.
        larger += int((drawn >= observed - 1e-9).sum())
    same = 2 if 2 * chosen == units else 1
    return Difference(
        distance=float(max(observed, 0.0) * sum(sizes) / math.prod(sizes)),
        p_value=(1 + larger) / (1 + permutations),
        resolution=max(1 / (1 + permutations), same / math.comb(units, chosen)),
        filters=sizes,
        regrouped=regrouped,
    )


def _energy(distances: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Two-sample energy statistics of the groups that bool masks [groupings, n] make.

    Of groups of n and m points: n m / (n + m) times the energy distance, which is
    twice the mean distance between the groups less the mean distances inside
    (Szekely and Rizzo 2013). The factor matters as networks may have unlike numbers of
    filters. 0 if a group is empty.
    """
    x = first.astype(np.float64)
    totals = distances.sum(0)
    inside = (x @ distances * x).sum(-1)
    between = x @ totals - inside
    others = totals.sum() - 2 * between - inside
    n = x.sum(-1)
    m = len(distances) - n
    full = (n > 0) & (m > 0)
    n, m = np.where(full, n, 1), np.where(full, m, 1)
    energy = 2 * between / (n * m) - inside / n**2 - others / m**2
    return np.where(full, energy * n * m / (n + m), 0.0)
