"""How many layers to keep, frozen or fine-tuned, and how sure that is.

The best of many looks better than it is in the pairs that it was chosen by. So what
a pair gains is measured with the n that the other pairs choose (not in the paper).
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import scipy.special

from yosinski_tf.experiment.treatments import PAPER_STAGES
from yosinski_tf.results.analysis import MIN_PAIRS, Estimate, estimate
from yosinski_tf.results.network_result import (
    DISTANT,
    FROM_FILE,
    GIVEN,
    RANDOM,
    REDUCED,
    WHOLE,
    NetworkResult,
    Unit,
    bases,
    of_kind,
    with_given,
)

# A difference that needs more pairs than this is called none.
_MOST_PAIRS = 200
# Kinds of split that a recommendation may rest on, the preferred first.
_KINDS = (RANDOM, FROM_FILE, WHOLE, DISTANT)
TRANSFERS = ("AnB", "AnB+")
"""Families to choose from: networks whose layers come from the other half."""
OF_GIVEN = (*GIVEN, "RnB")
"""Families to choose from where a network P is given: its layers, or random ones."""


@dataclasses.dataclass(frozen=True)
class Choice:
    """What is done with the first n layers.

    Attributes:
      family: `AnB`, `AnB+`, `PnB`, ...
      n: Number of layers kept, or of stages.
    """

    family: str
    n: int

    @property
    def fine_tuned(self) -> bool:
        """Whether the layers that are kept are trained too."""
        return self.family.endswith("+")

    @property
    def random(self) -> bool:
        """Whether the layers that are kept have random values."""
        return self.family == "RnB"

    def layers(self, stages: Sequence[str] = PAPER_STAGES) -> str:
        """The layers that are kept, for people, in a network of these stages."""
        papers = tuple(stages) == PAPER_STAGES
        what = "layer" if papers else "stage"
        text = f"the first {what}" if self.n == 1 else f"the first {self.n} {what}s"
        if self.family in GIVEN:
            text += " of P"
        return text if papers else f"{text} (to {stages[self.n - 1]})"

    def told(self, stages: Sequence[str] = PAPER_STAGES) -> str:
        """What is done, for people, in a network of these stages."""
        done = "random and frozen" if self.random else "frozen"
        return f"{self.layers(stages)}, {'fine-tuned' if self.fine_tuned else done}"


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """Which layers to keep.

    Attributes:
      best: The treatment with the highest accuracy; None without candidates.
      top1: The mean over pairs, 0..1, of what the other pairs choose.
      gain: Percentage points of that over the base of the same pair.
      frozen: The best treatment with frozen layers, if that is another one.
      cost: Percentage points that freezing costs, `best` less `frozen`.
      frozen_gain: Percentage points of `frozen` over the base of the same pair.
      speedup: How many times fewer multiply-accumulates a step of the frozen one
        takes, alone and with nothing kept; None if that is not known.
      pairs_needed: Pairs at which the gain would be told from none; None if it is
        already, or if there are too few pairs to say.
      pairs_per_seed: How many pairs (split, half) one more seed adds.
      pairs: The pairs that it rests on.
      compared: How many treatments `best` was chosen from.
    """

    best: Choice | None = None
    top1: float | None = None
    gain: Estimate = Estimate(None, 0)
    frozen: Choice | None = None
    cost: Estimate = Estimate(None, 0)
    frozen_gain: Estimate = Estimate(None, 0)
    speedup: float | None = None
    pairs_needed: int | None = None
    pairs_per_seed: int = 1
    pairs: tuple[Unit, ...] = ()
    compared: int = 0

    @property
    def from_scratch(self) -> bool:
        """Whether training from scratch did best, certain or not."""
        gain = self.gain
        if gain.high is not None and gain.high < 0:
            return True
        return gain.mean is not None and round(gain.mean, 1) < 0

    @property
    def chosen_by_others(self) -> bool:
        """Whether what a pair gains is measured with the choice of other pairs."""
        return len({unit[:2] for unit in self.pairs}) > 1


NOTHING = Recommendation()
"""Of a study in which no copied network can be compared with a base."""


def recommend(
    networks: Sequence[NetworkResult],
    families: Sequence[str],
    measure: str = "top1",
    work: Mapping[Choice, float] | None = None,
) -> Recommendation:
    """Chooses the number of layers to keep, and states what that gains.

    Args:
      networks: Networks of one kind of split, with their bases.
      families: Families to choose from, such as `AnB` and `AnB+`.
      measure: One of `MEASURES`.
      work: Multiply-accumulates of a training step of each treatment.
    """
    own = bases(networks)
    found = {(n.unit, Choice(n.family, n.n)): n for n in networks}
    having: dict[Choice, set[Unit]] = {}
    for unit, choice in found:
        if unit in own and choice.family in families:
            having.setdefault(choice, set()).add(unit)
    if not having:
        return NOTHING
    # Choices are compared in the same pairs: in as many as any copy has.
    copies = [u for c, u in having.items() if not c.random] or [*having.values()]
    most = max(copies, key=lambda u: (len(u), sum(u <= o for o in copies)))
    choices = sorted(
        (choice for choice, units in having.items() if most <= units),
        key=lambda choice: (choice.n, choice.fine_tuned),
    )
    units = [unit for unit in own if unit in most]
    rows = [[own[u], *(found[u, c] for c in choices)] for u in units]
    # [pairs, 1 + choices]
    table = 100 * np.array([[n.value(measure) for n in row] for row in rows])
    base, values = table[:, 0], table[:, 1:]
    best = choices[int(values.mean(0).argmax())]
    homes = [unit[:2] for unit in units]
    stated = _stated(values, homes)
    gain = estimate(list(stated - base))
    frozen, cost, frozen_gain, speedup = (
        None,
        Estimate(None, 0),
        Estimate(None, 0),
        None,
    )
    kept = [
        i for i, each in enumerate(choices) if not each.fine_tuned and not each.random
    ]
    if kept and best.fine_tuned:
        frozen = choices[kept[int(values[:, kept].mean(0).argmax())]]
        stated_frozen = _stated(values[:, kept], homes)
        cost = estimate(list(stated - stated_frozen))
        frozen_gain = estimate(list(stated_frozen - base))
        if work and best in work and frozen in work:
            speedup = work[best] / work[frozen]
    return Recommendation(
        best=best,
        top1=float(stated.mean()) / 100,
        gain=gain,
        frozen=frozen,
        cost=cost,
        frozen_gain=frozen_gain,
        speedup=speedup,
        pairs_needed=pairs_needed(gain),
        pairs_per_seed=len(set(homes)),
        pairs=tuple(units),
        compared=len(choices),
    )


def _stated(values: np.ndarray, homes: Sequence[tuple[str, str]]) -> np.ndarray:
    """What each pair has, [pairs], by the choice of the others.

    Other seeds of its split and half do not choose: they are validated on the same
    images. Other splits have some of these images too, so a little of the bias stays.

    Args:
      values: Accuracies [pairs, choices].
      homes: Split and half of each pair; if all have the same, all choose.
    """
    stated = []
    for own, home in zip(values, homes, strict=True):
        others = [each != home for each in homes]
        by = values[others] if any(others) else values
        stated.append(own[by.mean(0).argmax()])
    return np.array(stated)


def study_recommendation(
    networks: Sequence[NetworkResult],
    measure: str = "top1",
    work: Mapping[Choice, float] | None = None,
) -> Recommendation:
    """The recommendation of a study: by its random splits, if it has copies there.

    Of a study of a given network P it says which layers of P to keep: by the whole set
    of classes, or by halves if these alone have enough pairs for an interval.

    Args:
      networks: Networks of any splits.
      measure: One of `MEASURES`.
      work: As for `recommend`.
    """
    given = {network.kind for network in with_given(networks)}
    whole_first = sorted(_KINDS, key=lambda kind: kind != WHOLE)
    kinds = [kind for kind in whole_first if kind in given] or _KINDS
    families = OF_GIVEN if given else TRANSFERS
    each = (recommend(of_kind(networks, k), families, measure, work) for k in kinds)
    found = [one for one in each if one.best is not None]
    if given:
        found.sort(key=lambda one: one.gain.low is None)
    return found[0] if found else NOTHING


def reduced_recommendations(
    networks: Sequence[NetworkResult],
    measure: str = "top1",
    work: Mapping[Choice, float] | None = None,
) -> dict[int, Recommendation]:
    """Which layers of P to keep on reduced data, by training images per class, rising.

    Without copies of P there is nothing to recommend: no base is of other classes. The
    arguments are those of `study_recommendation`.
    """
    reduced = of_kind(networks, REDUCED)
    if not with_given(reduced):
        return {}
    groups: dict[int, list[NetworkResult]] = {}
    for network in reduced:
        groups.setdefault(network.examples_per_class, []).append(network)
    found = {
        count: recommend(groups[count], OF_GIVEN, measure, work)
        for count in sorted(groups)
    }
    return {count: each for count, each in found.items() if each.best is not None}


def recommended_network(
    networks: Sequence[NetworkResult], half: str, measure: str = "top1"
) -> NetworkResult | None:
    """The network to use for the classes of a half, as `study_recommendation` says.

    In a study of reduced data alone it is one of those with most images per class.
    Where training from scratch did best, or nothing is recommended, it is a base, if
    there is one. Of several splits it is on the first, of several seeds the most
    accurate.

    Args:
      networks: The networks of a study.
      half: `A`, `B` or `W`.
      measure: One of `MEASURES`.

    Returns:
      The network; None if none is trained on this half.
    """
    found = study_recommendation(networks, measure)
    reduced = reduced_recommendations(networks, measure)
    if found == NOTHING and reduced:
        found = reduced[max(reduced)]
    cell = ("base", 0)
    if found.best and not found.from_scratch:
        cell = (found.best.family, found.best.n)
    on_half = [each for each in networks if each.target_half == half]
    usable = [each for each in on_half if each.cell == cell] or on_half

    def place(network: NetworkResult) -> tuple:
        # `random:10` comes after `random:2`, `first:10` before `first:2`.
        kind, split = network.kind, network.split
        reduced = kind == REDUCED
        order = -network.examples_per_class if reduced else len(split)
        return (*_KINDS, kind).index(kind), order, split

    first_split = min(usable, key=place).split if usable else ""
    first = [each for each in usable if each.split == first_split]
    return max(first, key=lambda each: each.value(measure), default=None)


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
        quantile = scipy.special.stdtrit(count - 1, 0.975)
        if quantile * difference.std / math.sqrt(count) < abs(difference.mean):
            return count
    return None
