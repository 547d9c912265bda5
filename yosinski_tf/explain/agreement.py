"""Whether measures rank the layers as the curves of the same networks do."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from yosinski_tf.explain import scores
from yosinski_tf.explain.findings import interval
from yosinski_tf.explain.rows import Row
from yosinski_tf.results.analysis import MIN_PAIRS, Estimate

CURVES = ("AnB", "AnB+", "PnB", "PnB+")
DEPTH = "depth alone (-n)"
_OPEN = "cannot be told"
# From this tau on, three in four pairs of layers stand in the same order.
_MUCH = 0.5
# What may rank the layers as the curves do, by name: measure and network.
_PREDICTORS = {
    f"{name} of {source}": (measure, network)
    for source, network in (("base A", "baseA"), ("P", "P"))
    for name, measure in (
        ("the linear probe", "linear_probe"),
        ("the k-NN probe", "knn_probe"),
        ("LogME", "logme"),
        ("the H-score", "h_score"),
    )
} | {
    "CKA of base A and base B": ("cka", "baseA baseB"),
    "CKA of P and base B": ("cka", "P baseB"),
}


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How a measure ranks the layers, beside a curve.

    Attributes:
      name: The measure in words, or `DEPTH`.
      curve: The family of the copies, one of `CURVES`.
      tau: Kendall's tau, see `scores.rank_agreement`.
      beyond_depth: What tau has over that of depth alone, at the same layers.
      layers: At how many n both are known.
      best: The n that the measure calls best, on average over the pairs and of the n
        for which both are known; None if there is none.
      best_of_curve: The n that is best by the curve.
    """

    name: str
    curve: str
    tau: Estimate
    beyond_depth: Estimate
    layers: int
    best: int | None
    best_of_curve: int | None

    @property
    def disagrees(self) -> bool:
        """Whether the interval says that layers are ranked the other way."""
        return self.tau.high is not None and self.tau.high < 0

    @property
    def agrees(self) -> bool:
        """Whether the interval says that layers are ranked alike."""
        return self.tau.low is not None and self.tau.low > 0

    @property
    def beside_depth(self) -> str:
        """Whether it says more than depth alone, in words that follow others."""
        low, high = self.beyond_depth.low, self.beyond_depth.high
        if self.name == DEPTH or low is None:
            return ""
        if low > 0:
            return ", better than depth alone"
        return (
            ", worse than depth alone" if high < 0 else ", no better than depth alone"
        )

    @property
    def verdict(self) -> str:
        """What the interval says, in words."""
        if self.tau.mean is None:
            return "fewer than 3 layers"
        if self.tau.low is None:
            return "too few pairs"
        if self.agrees:
            return f"ranks as the curve{self.beside_depth}"
        return "disagrees with the curve" if self.disagrees else _OPEN


def agreements(rows: Sequence[Row]) -> list[Agreement]:
    """Every measure beside every curve, depth alone first; rows of one kind of split.

    Empty without a curve.
    """
    pairs = sorted({row.pair for row in rows})
    most = max((row.n for row in rows), default=0)

    def values(measure: str, network: str) -> np.ndarray:
        found = np.full((len(pairs), most), np.nan)
        for row in rows:
            if (row.measure, row.network) == (measure, network):
                found[pairs.index(row.pair), row.n - 1] = row.value
        return found

    depth = np.tile(-np.arange(1.0, most + 1), (len(pairs), 1))
    known = {DEPTH: depth} | {name: values(*each) for name, each in _PREDICTORS.items()}
    made = []
    for family in CURVES:
        if not np.isfinite(curve := values("top1", family)).any():
            continue
        for name, found in known.items():
            if not np.isfinite(found).any():
                continue
            taus = scores.rank_agreement(found, curve)
            of_depth = scores.rank_agreement(depth + 0 * found, curve)
            both = np.isfinite(found) & np.isfinite(curve)
            made.append(
                Agreement(
                    name,
                    family,
                    tau=scores.mean_agreement(taus),
                    beyond_depth=scores.mean_agreement(taus - of_depth, ends=2.0),
                    layers=int(both.any(axis=0).sum()),
                    best=_best(found, curve),
                    best_of_curve=_best(curve, found),
                )
            )
    return made


def _best(values: np.ndarray, beside: np.ndarray) -> int | None:
    there = np.isfinite(values) & np.isfinite(beside)
    counts = there.sum(0)
    if not counts.any():
        return None
    means = np.where(there, values, 0).sum(0) / np.maximum(counts, 1)
    return int(np.argmax(np.where(counts > 0, means, -np.inf))) + 1


def sentences(rows: Sequence[Row]) -> list[str]:
    """Where measures and curves disagree, then where they agree, then what is open.

    Rows of one kind of split.
    """
    found = agreements(rows)
    if not found:
        return ["No copies: there are no curves to compare with."]
    measures = [each for each in found if each.name != DEPTH]
    told = [_disagreement(each) for each in measures if each.disagrees]
    told += [_agreement(each) for each in measures if each.agrees]
    for curve in dict.fromkeys(each.curve for each in found):
        left = [e for e in measures if (e.curve, e.verdict) == (curve, _OPEN)]
        if left:
            told.append(_open(curve, left))
    return told + _too_few(measures)


def _disagreement(found: Agreement) -> str:
    return (
        f"{_capital(found.name)} ranks the layers the other way than {found.curve}:"
        f" {_tau(found)}. It is highest at n = {found.best}, {found.curve} at"
        f" n = {found.best_of_curve}."
    )


def _agreement(found: Agreement) -> str:
    weakly = "" if found.tau.mean >= _MUCH else "weakly "
    more = found.beside_depth
    if more:
        more += f" (tau less that of depth: {interval(found.beyond_depth, 2)})"
    return (
        f"{_capital(found.name)} ranks the layers {weakly}as {found.curve} does:"
        f" {_tau(found)}{more}."
    )


def _open(curve: str, left: Sequence[Agreement]) -> str:
    names = ", ".join(f"{each.name} {interval(each.tau, 2)}" for each in left)
    return (
        f"Whether these rank the layers as {curve} does cannot be told, since each"
        f" interval contains 0: {names}."
    )


def _too_few(measures: Sequence[Agreement]) -> list[str]:
    """On the curves of which no measure has an interval."""
    of_curve: dict[str, list[Agreement]] = {}
    for each in measures:
        of_curve.setdefault(each.curve, []).append(each)
    told = []
    for curve, found in of_curve.items():
        pairs = max(each.tau.n for each in found)
        if not pairs:
            told.append(
                f"{curve} was measured at fewer than 3 layers: too few to rank them."
            )
        elif pairs < MIN_PAIRS:
            told.append(
                f"Whether a measure ranks the layers as {curve} does takes 3 pairs with"
                f" 3 layers each, found {pairs}."
            )
    return told


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]


def _tau(found: Agreement) -> str:
    tau = found.tau
    low, high = (f"{end:.2f}" for end in (tau.low, tau.high))
    return (
        f"tau {tau.mean:.2f} (95% {low} to {high}), {tau.n} pairs of {found.layers}"
        " layers"
    )
