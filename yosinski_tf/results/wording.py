"""A recommendation in words, and what its intervals allow to say."""

import enum
import math
from collections.abc import Sequence

from yosinski_tf.experiment.treatments import PAPER_STAGES
from yosinski_tf.results.analysis import MIN_PAIRS, Estimate
from yosinski_tf.results.recommendation import Recommendation, pairs_needed
from yosinski_tf.results.tables import signed

# Percentage points within which a difference is called none.
_NONE = 1.0


class Verdict(enum.Enum):
    """What a 95% interval says of a difference."""

    TOO_FEW = "too few pairs"
    ABOVE = "above 0"
    BELOW = "below 0"
    NONE = "none of more than a point"
    UNCERTAIN = "not certain yet"


def verdict(difference: Estimate) -> Verdict:
    """Judges a difference in percentage points by its interval."""
    if difference.low is None:
        return Verdict.TOO_FEW
    if difference.low > 0:
        return Verdict.ABOVE
    if difference.high < 0:
        return Verdict.BELOW
    narrow = difference.low >= -_NONE and difference.high <= _NONE
    return Verdict.NONE if narrow else Verdict.UNCERTAIN


def sentence(found: Recommendation, stages: Sequence[str] = PAPER_STAGES) -> str:
    """The recommendation for people, in a network of these stages."""
    if found.best is None:
        return (
            "No recommendation yet: it needs a copied network and the base of the"
            " same split, half and seed."
        )
    return _about_the_best(found, stages) + _about_freezing(found, stages)


def _about_the_best(found: Recommendation, stages: Sequence[str]) -> str:
    gain, best, accuracy = found.gain, found.best.told(stages), f"{found.top1:.1%}"
    points = f"{signed(gain.mean, 1)} points to"
    judged = verdict(gain)
    if judged is Verdict.TOO_FEW:
        more = math.ceil((MIN_PAIRS - gain.n) / found.pairs_per_seed)
        few = (
            f"in {_count(gain.n, 'pair')}. That is too few to say how sure it is: train"
            f" {_count(more, 'seed')} more."
        )
        if found.from_scratch:
            return (
                f"Training from scratch did best so far: the best copy, {best}, reaches"
                f" {accuracy}, {points} it, {few}"
            )
        return (
            f"The best copy so far keeps {best}: {accuracy}, {points} training from"
            f" scratch, {few}"
        )
    sure = f"{_interval(gain)}, {_count(gain.n, 'pair')}"
    if judged is Verdict.ABOVE:
        return (
            f"Keep {best}: {accuracy}, {gain.mean:.1f} points ({sure}) above training"
            " from scratch."
        )
    if judged is Verdict.BELOW:
        return (
            f"Train from scratch: the best copy, {best}, reaches {accuracy}, {points}"
            f" it ({sure})."
        )
    if judged is Verdict.NONE:
        return (
            "There is no difference to training from scratch of more than a point: the"
            f" best copy, {best}, reaches {accuracy}, {points} training from scratch"
            f" ({sure})."
        )
    start, base = "Not certain yet", "training from scratch"
    if found.from_scratch:
        start, base = f"{start}, but {base} did best", "it"
    return (
        f"{start}: the best copy, {best}, reaches {accuracy}, {points} {base} ({sure})."
        f" It was above in {_share(gain)}. {_what_to_do(gain, found.pairs_per_seed)}"
    )


def _about_freezing(found: Recommendation, stages: Sequence[str]) -> str:
    cost, gain = found.cost, found.frozen_gain
    if found.frozen is None or cost.mean is None:
        return ""
    verb, change = "costs", cost
    if round(cost.mean, 1) < 0:
        verb, change = "gains", _reversed(cost)
    layers = found.frozen.layers(stages)
    # After advice to train from scratch, "instead" would mean instead of that.
    text = f" Freezing {layers} instead"
    if found.from_scratch:
        text = f" Against that copy, freezing {layers}"
    text += f" {verb} {abs(change.mean):.1f} points{_in_brackets(change)}"
    if found.speedup is not None:
        text += f"; training then takes {found.speedup:.1f} times less arithmetic"
    if gain.mean is not None and round(gain.mean, 1) < 0:
        joint = ", but ends at" if found.speedup is not None else "; it ends at"
        text += f"{joint} {signed(gain.mean, 1)} points to training from scratch"
        text += _in_brackets(gain)
    text += "."
    if verdict(cost) is Verdict.UNCERTAIN:
        text += f" The fine-tuned copy was above in {_share(cost)}."
        # The pairs that the gain needs are told already.
        if verdict(found.gain) is not Verdict.UNCERTAIN:
            text += f" {_what_to_do(cost, found.pairs_per_seed)}"
    return text


def _reversed(difference: Estimate) -> Estimate:
    """The same difference with its two sides exchanged; not how many are above."""
    mean, low, high = (
        None if value is None else -value
        for value in (difference.mean, difference.high, difference.low)
    )
    return Estimate(mean, difference.n, difference.std, low, high)


def _in_brackets(difference: Estimate) -> str:
    judged = verdict(difference)
    if judged is Verdict.TOO_FEW:
        return ""
    text = _interval(difference)
    if judged is Verdict.UNCERTAIN:
        text += f", {judged.value}"
    if judged is Verdict.NONE:
        text += ", no difference of more than a point"
    return f" ({text})"


def _what_to_do(difference: Estimate, pairs_per_seed: int) -> str:
    needed = pairs_needed(difference)
    if needed is None:
        return "Train more seeds for a narrower interval."
    more = math.ceil((needed - difference.n) / pairs_per_seed)
    return (
        f"A difference of this size would show in about {needed} pairs: train"
        f" {_count(more, 'seed')} more."
    )


def _interval(difference: Estimate) -> str:
    return f"95% {signed(difference.low, 1)} to {signed(difference.high, 1)}"


def _share(difference: Estimate) -> str:
    if difference.above == difference.n:
        return f"all {difference.n} pairs"
    return f"{difference.above or 'none'} of {_count(difference.n, 'pair')}"


def _count(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"
