"""What the measures show of why the curves look so, in sentences with intervals.

Differences are taken within pairs. One is seen if its 95% interval does not contain 0,
which takes three pairs.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from yosinski_tf.explain import rows as tidy
from yosinski_tf.explain.rows import Row
from yosinski_tf.results.analysis import Estimate, estimate

ByPair = Mapping[tuple[str, str, int], float]


def findings(rows: Sequence[Row]) -> list[str]:
    """A sentence or two for each measure that there is; rows of one kind of split."""
    values = _Values(rows)
    told = [_probes(values, *each) for each in _SOURCES]
    told.append(_random(values))
    told += [_similarity(values, key, name) for key, name, _ in _SOURCES]
    told += [_travel(values, name, family) for _, name, family in _SOURCES]
    told += [_criticality(values), _filters(values)]
    told += [_blind(values, *each) for each in _SCORES]
    return [each for each in told if each]


# Networks that layers are copied from, beside base B: key, name, family of the copies.
_SOURCES = (("baseA", "base A", "AnB"), ("P", "P", "PnB"))
_SCORES = (("logme", "LogME"), ("h_score", "The H-score"))


class _Values:
    """The values of one kind of split."""

    def __init__(self, rows: Sequence[Row]):
        self._rows = rows
        self.layers = tidy.layer_names(rows)

    def of(self, measure: str, network: str, n: int) -> ByPair:
        """The finite values, by pair."""
        return {
            row.pair: row.value
            for row in self._rows
            if (row.measure, row.network, row.n) == (measure, network, n)
            and math.isfinite(row.value)
        }

    def mean(self, measure: str, network: str, n: int) -> Estimate:
        """Over the pairs."""
        return estimate([*self.of(measure, network, n).values()])

    def gaps(self, measure: str, one: str, other: str, n: int) -> ByPair:
        """Differences of two networks, of the pairs that have both."""
        ours, theirs = self.of(measure, one, n), self.of(measure, other, n)
        return {pair: ours[pair] - theirs[pair] for pair in ours if pair in theirs}

    def difference(self, measure: str, one: str, other: str, n: int) -> Estimate:
        """The mean of `gaps`."""
        return estimate([*self.gaps(measure, one, other, n).values()])

    def where(self, found: Callable[[int], Estimate]) -> dict[int, Estimate]:
        """What is found at each n at which there is something."""
        made = {n: found(n) for n in self.layers}
        return {n: each for n, each in made.items() if each.mean is not None}


def _probes(values: _Values, key: str, name: str, family: str) -> str:
    lost = values.where(lambda n: values.difference("top1", "BnB", family, n))

    def gap(n: int) -> Estimate:
        found = values.gaps("linear_probe", "baseB", key, n)
        copied = values.gaps("top1", "BnB", family, n) if lost else found
        return estimate([found[pair] for pair in found if pair in copied])

    gaps = values.where(gap)
    if not gaps:
        return ""
    text = (
        "Accuracy of a linear classifier on layers of base B less that on layers of"
        f" {name}: {_ends(gaps, 1, ' points')}."
    )
    if lost:
        what = "Specificity" if family == "AnB" else "What own layers gain"
        text += f" {what}, BnB - {family}: {_ends(lost, 1, ' points')}."
    return text


def _random(values: _Values) -> str:
    gaps = values.where(lambda n: values.difference("linear_probe", "baseB", "R", n))
    same = [n for n, gap in gaps.items() if gap.low is not None and gap.low <= 0]
    if not same:
        return ""
    return (
        "A linear classifier is not seen to be better on base B's layers than on random"
        f" values at {_list(same)}."
    )


def _similarity(values: _Values, key: str, name: str) -> str:
    pair = f"{key} baseB"
    highest = values.where(lambda n: values.mean("cka", "baseB baseB'", n))

    def alike(n: int) -> Estimate:
        found = values.of("cka", pair, n)
        # Of the pairs that have a ceiling, if there is one.
        compared = values.of("cka", "baseB baseB'", n) if highest else found
        return estimate([found[each] for each in found if each in compared])

    found = values.where(alike)
    if not found:
        return ""
    text = f"CKA of {name} and base B: {_ends(found, 2)}."
    if highest:
        text += f" Its ceiling, two bases B: {_ends(highest, 2)}."
    gaps = values.where(lambda n: values.difference("cka", pair, "R baseB", n))
    if blind := [n for n, gap in gaps.items() if gap.low is not None and gap.low <= 0]:
        text += (
            f" At {_list(blind)} random values are not seen to be less like base B, so"
            " it tells nothing there."
        )
    return text


def _travel(values: _Values, name: str, family: str) -> str:
    foreign, own = _longest(values, f"{family}+"), _longest(values, "BnB+")
    if not foreign or not own:
        return ""

    def moved(network: str) -> ByPair:
        """Mean over the layers."""
        by_layer = [values.of("travel", network, n) for n in values.layers]
        by_layer = [each for each in by_layer if each]
        return {
            pair: sum(each[pair] for each in by_layer) / len(by_layer)
            for pair in by_layer[0]
            if all(pair in each for each in by_layer)
        }

    one, other = moved(foreign), moved(own)
    both = one.keys() & other.keys()
    gap = estimate([one[pair] - other[pair] for pair in both])
    if gap.mean is None:
        return ""
    means = [estimate([each[pair] for pair in both]).mean for each in (one, other)]
    return (
        f"Fine-tuning moved the layers of {name} by {means[0]:.2f} of their length, own"
        f" ones by {means[1]:.2f}: the difference of {foreign} and {own} is"
        f" {interval(gap, 2)}."
    )


def _longest(values: _Values, family: str) -> str:
    """The copies with the largest n that have moved; empty if there are none."""
    names = [f"{family} n={n}" for n in values.layers]
    there = [each for each in names if values.of("travel", each, 1)]
    return there[-1] if there else ""


def _criticality(values: _Values) -> str:
    lost = values.where(lambda n: values.mean("loss_put_back", "baseB", n))
    if len(lost) < 2:
        return ""
    most, least = (chosen(lost, key=lambda n: lost[n].mean) for chosen in (max, min))
    return (
        f"Put back to its initial values, {values.layers[most]} costs base B most,"
        f" {interval(lost[most], 1)} points, and {values.layers[least]} least,"
        f" {interval(lost[least], 1)}."
    )


def _filters(values: _Values) -> str:
    found = {}
    for network, name in (("baseB", "bases"), ("P", "P"), ("R", "random values")):
        both = (
            values.mean(measure, network, 1).mean
            for measure in ("gabor_share", "blob_share")
        )
        if None not in (shares := tuple(both)):
            found[name] = shares
    if not found:
        return ""
    if not any(map(any, found.values())):
        return (
            f"No first filter of {' or of '.join(found)} is called a Gabor function or"
            " a colour blob."
        )
    each = ", ".join(f"of {n} {g:.0%} and {b:.0%}" for n, (g, b) in found.items())
    return f"First filters called Gabor functions and colour blobs: {each}."


def _blind(values: _Values, measure: str, name: str) -> str:
    gaps = values.where(lambda n: values.difference(measure, "baseA", "R", n))
    lower = [n for n, gap in gaps.items() if gap.high is not None and gap.high < 0]
    if not lower:
        return ""
    return (
        f"{name} of base A is lower than that of random values at {_list(lower)}: it"
        " does not see what was learned there."
    )


def _ends(found: Mapping[int, Estimate], digits: int, unit: str = "") -> str:
    """The first and the last of some n."""
    first, last = min(found), max(found)
    text = f"{interval(found[first], digits)}{unit} at n = {first}"
    if last == first:
        return text
    return f"{text}, {interval(found[last], digits)} at n = {last}"


def _list(numbers: Sequence[int]) -> str:
    return f"n = {', '.join(map(str, numbers))}"


def interval(found: Estimate, digits: int) -> str:
    """A mean with its 95% interval if there is one; empty without a value."""
    if found.mean is None:
        return ""
    text = f"{found.mean:.{digits}f}"
    if found.low is None:
        return text
    return f"{text} ({found.low:.{digits}f} to {found.high:.{digits}f})"
