"""How many layers to keep, frozen or fine-tuned, and how sure that is.

The best of many networks looks better than it is, on the images and in the pairs
that it was chosen by. So what a pair gains is measured with the choice that the other
pairs make on the other part of the validation images (not in the paper).
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import scipy.stats

from yosinski_tf.results.analysis import MIN_PAIRS, Estimate, estimate
from yosinski_tf.results.network_result import (
    DISTANT,
    FROM_FILE,
    RANDOM,
    WHOLE,
    NetworkResult,
    bases,
    of_kind,
)

# A difference that needs more pairs than this is called none.
_MOST_PAIRS = 200
TRANSFERS = ("AnB", "AnB+")
"""Families to choose from: networks whose layers come from the other half."""


@dataclasses.dataclass(frozen=True)
class Choice:
    """What is done with the first n layers.

    Attributes:
      family: `AnB`, `AnB+`, ...
      n: Number of layers kept.
    """

    family: str
    n: int

    @property
    def fine_tuned(self) -> bool:
        """Whether the layers that are kept are trained too."""
        return self.family.endswith("+")

    @property
    def layers(self) -> str:
        """The layers that are kept, for people."""
        return "the first layer" if self.n == 1 else f"the first {self.n} layers"

    def __str__(self) -> str:
        return f"{self.layers}, {'fine-tuned' if self.fine_tuned else 'frozen'}"


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """Which layers to keep.

    Attributes:
      best: The treatment with the highest accuracy; None without candidates.
      top1: Its accuracy, a mean over pairs, 0..1, by images that did not choose it
        (by all images where `parted` is false).
      gain: Percentage points over the base of the same pair, by the same images.
      frozen: The best treatment with frozen layers, if that is another one.
      cost: Percentage points that freezing costs, `best` less `frozen`.
      speedup: How many times as fast the frozen one trains, in
        multiply-accumulates; None if that is not known.
      pairs_needed: Pairs at which the gain would be told from none; None if it is
        already, or if there are too few pairs to say.
      parted: Whether choosing and stating used different images.
    """

    best: Choice | None
    top1: float | None
    gain: Estimate
    frozen: Choice | None
    cost: Estimate
    speedup: float | None
    pairs_needed: int | None
    parted: bool


NOTHING = Recommendation(
    best=None,
    top1=None,
    gain=Estimate(None, 0),
    frozen=None,
    cost=Estimate(None, 0),
    speedup=None,
    pairs_needed=None,
    parted=False,
)
"""Of a study in which no copied network can be compared with a base."""

Accuracies = Mapping[str, Sequence[float]]
"""For each run id the accuracy on every part of the validation images, 0..1."""


def recommend(
    networks: Sequence[NetworkResult],
    families: Sequence[str],
    measure: str = "top1",
    parts: Accuracies | None = None,
    work: Mapping[Choice, float] | None = None,
) -> Recommendation:
    """Chooses the number of layers to keep, and states what that gains.

    Args:
      networks: Networks of one kind of split, with their bases.
      families: Families to choose from, such as `AnB` and `AnB+`.
      measure: One of `MEASURES`, where `parts` says nothing.
      parts: Accuracy on each part of the validation images; None, or a network that
        it lacks, to choose and state by the same images.
      work: Multiply-accumulates of a training step of each treatment.
    """
    own = bases(networks)
    found = {(n.unit, Choice(n.family, n.n)): n for n in networks}
    choices = sorted(
        {c for unit, c in found if unit in own and c.family in families},
        key=lambda choice: (choice.n, choice.fine_tuned),
    )
    # Only pairs that have every network: others would compare unlike halves.
    units = [u for u in own if choices and all((u, c) in found for c in choices)]
    if not units:
        return NOTHING
    rows = [[own[u], *(found[u, c] for c in choices)] for u in units]
    parted = parts is not None and all(n.run_id in parts for row in rows for n in row)
    # [pairs, 1 + choices, parts of the validation images]
    table = 100 * np.array(
        [
            [parts[n.run_id] if parted else [n.value(measure)] for n in row]
            for row in rows
        ]
    )
    base, values = table[:, 0], table[:, 1:]
    best = choices[int(values.mean((0, 2)).argmax())]
    stated = _stated(values)
    gain = estimate(list((stated - base).mean(1)))
    frozen, cost, speedup = None, Estimate(None, 0), None
    kept = [i for i, choice in enumerate(choices) if not choice.fine_tuned]
    if kept and best.fine_tuned:
        frozen = choices[kept[int(values[:, kept].mean((0, 2)).argmax())]]
        cost = estimate(list((stated - _stated(values[:, kept])).mean(1)))
        if work and best in work and frozen in work:
            speedup = work[best] / work[frozen]
    return Recommendation(
        best=best,
        top1=float(stated.mean()) / 100,
        gain=gain,
        frozen=frozen,
        cost=cost,
        speedup=speedup,
        pairs_needed=pairs_needed(gain),
        parted=parted,
    )


def _stated(values: np.ndarray) -> np.ndarray:
    """What each pair has on each part, by the choice of all others.

    Args:
      values: Accuracies [pairs, choices, parts].

    Returns:
      Accuracies [pairs, parts]. A single pair, and a single part, choose for
      themselves.
    """
    pairs, _, parts = values.shape
    stated = np.empty((pairs, parts))
    for pair in range(pairs):
        for part in range(parts):
            others = np.arange(pairs) != pair if pairs > 1 else [True]
            rest = np.arange(parts) != part if parts > 1 else [True]
            by = values[others][:, :, rest].mean((0, 2))
            stated[pair, part] = values[pair, by.argmax(), part]
    return stated


def study_recommendation(
    networks: Sequence[NetworkResult], measure: str = "top1"
) -> Recommendation:
    """The recommendation of a study: by its random splits, if it has copies there.

    Args:
      networks: Networks of any splits.
      measure: One of `MEASURES`.
    """
    for kind in (RANDOM, FROM_FILE, WHOLE, DISTANT):
        found = recommend(of_kind(networks, kind), TRANSFERS, measure)
        if found.best is not None:
            return found
    return NOTHING


def pairs_per_seed(networks: Sequence[NetworkResult]) -> int:
    """How many pairs (split, half) one more seed adds to a study."""
    return max(1, len({unit[:2] for unit in bases(networks)}))


def pairs_needed(difference: Estimate) -> int | None:
    """Pairs at which a 95% interval of the same mean and spread leaves out 0.

    Returns:
      None if it does already, if fewer than 3 pairs tell no spread, or if more than
      200 pairs would be needed.
    """
    if difference.n < MIN_PAIRS or difference.std is None or not difference.mean:
        return None
    if difference.low > 0 or difference.high < 0:
        return None
    for count in range(difference.n + 1, _MOST_PAIRS + 1):
        half = scipy.stats.t.ppf(0.975, count - 1) * difference.std / math.sqrt(count)
        if half < abs(difference.mean):
            return count
    return None


def sentence(found: Recommendation, pairs_per_seed: int = 1) -> str:
    """The recommendation for people.

    Args:
      found: The recommendation.
      pairs_per_seed: Pairs (split, half) that one more seed adds.
    """
    if found.best is None:
        return (
            "No recommendation yet: it needs a copied network and the base of the"
            " same split, half and seed."
        )
    gain, accuracy = found.gain, f"{found.top1:.1%}"
    if gain.low is None:
        more = math.ceil((MIN_PAIRS - gain.n) / pairs_per_seed)
        text = (
            f"Keep {found.best}: {accuracy}, {gain.mean:+.1f} points to training from"
            f" scratch, in {_pairs(gain.n)}. That is too few to say how sure it is:"
            f" train {_seeds(more)} more."
        )
    elif gain.low > 0:
        text = (
            f"Keep {found.best}: {accuracy}, {gain.mean:.1f} points"
            f" ({_interval(gain)}, {_pairs(gain.n)}) above training from scratch."
        )
    elif gain.high < 0:
        text = (
            f"Train from scratch: the best copy, {found.best}, reaches {accuracy},"
            f" {-gain.mean:.1f} points below it ({_interval(gain)} to it,"
            f" {_pairs(gain.n)})."
        )
    else:
        text = (
            "No difference to training from scratch was seen. The best copy,"
            f" {found.best}, reaches {accuracy}, {gain.mean:+.1f} points"
            f" ({_interval(gain)}, {_pairs(gain.n)})."
        )
        if found.pairs_needed:
            more = math.ceil((found.pairs_needed - gain.n) / pairs_per_seed)
            text += (
                f" A difference of this size would show in about"
                f" {found.pairs_needed} pairs: train {_seeds(more)} more."
            )
    return text + _about_freezing(found)


def _about_freezing(found: Recommendation) -> str:
    if found.frozen is None or found.cost.mean is None:
        return ""
    cost = found.cost
    text = f" Freezing {found.frozen.layers} instead costs {cost.mean:.1f} points"
    if cost.low is not None:
        text += f" ({_interval(cost)})"
        if cost.low <= 0 <= cost.high:
            text += ": no difference seen"
    if found.speedup is not None:
        text += f"; it trains {found.speedup:.1f} times as fast"
    return text + "."


def _interval(difference: Estimate) -> str:
    return f"95% {difference.low:+.1f} to {difference.high:+.1f}"


def _pairs(count: int) -> str:
    return "1 pair" if count == 1 else f"{count} pairs"


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"
