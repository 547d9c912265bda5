"""What was run, in words: facts, warnings and caveats for a summary."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from yosinski_tf.results.analysis import MIN_PAIRS, decomposition
from yosinski_tf.results.network_result import (
    MEASURES,
    RANDOM,
    NetworkResult,
    Selection,
    of_kind,
    without_base,
)
from yosinski_tf.study.records import Record

_FEW_VALIDATIONS = 30


def facts(records: Sequence[Record], selection: Selection) -> list[tuple[str, str]]:
    """Name and value of everything needed to know what was run."""
    finished = [record for record in records if record.status == "finished"]
    dates = sorted(record.finished_at for record in records)
    validations = {len(record.history) for record in finished}
    found = [
        ("networks", _networks(selection)),
        ("data set", _several(record.dataset for record in records)),
        ("halves", _images(records)),
        ("network", _several(record.network for record in records)),
        ("splits", _several(record.split for record in records)),
        ("seeds", _several(record.seed for record in records)),
        *_recipe(records),
        ("validations per network", _several(validations)),
        ("device", _several(record.device for record in records)),
        ("frozen layers", _frozen(finished)),
        ("backend", _several(record.backend for record in records)),
        ("finished", " to ".join(dict.fromkeys((dates[0], dates[-1])))),
    ]
    return [(name, value) for name, value in found if value]


def _networks(selection: Selection) -> str:
    text = f"{len(selection.points)} finished"
    if selection.left_out:
        names = ", ".join(selection.left_out)
        text += f"; {len(selection.left_out)} left out, not finished: {names}"
    return text


def _frozen(finished: Sequence[Record]) -> str:
    frozen = [record for record in finished if _has_frozen(record)]
    kept = sum(map(_kept_frozen, frozen))
    if not frozen:
        return ""
    return (
        f"the same before and after training, by digest of their weights, in {kept}"
        f" of {len(frozen)} networks that have any"
    )


def _images(records: Iterable[Record]) -> str:
    halves: dict[str, set[str]] = {}
    for record in records:
        sizes = (
            f"{record.num_classes} classes, {record.num_train_images} images for"
            f" training and {record.num_validation_images} for validation"
        )
        name = f"{record.target_half} of {record.split}"
        halves.setdefault(sizes, set()).add(name)
    return "; ".join(f"{s} ({', '.join(sorted(h))})" for s, h in halves.items())


def _recipe(records: Sequence[Record]) -> list[tuple[str, str]]:
    """One line with the recipe; where recipes differ, all their values."""
    names = list(dict.fromkeys(name for record in records for name in record.recipe))
    parts = []
    for name in names:
        values = {_text(r.recipe[name]) for r in records if name in r.recipe}
        parts.append(f"{name} {' or '.join(sorted(values))}")
    return [("recipe", "; ".join(parts))]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _several(values: Iterable[Any]) -> str:
    texts = [str(value) for value in sorted(set(values))]
    return ("; " if any("," in text for text in texts) else ", ").join(texts)


def warnings(records: Sequence[Record]) -> list[str]:
    """What makes the numbers untrustworthy, one sentence each."""
    found = []
    finished = [record for record in records if record.status == "finished"]
    moved = [r.run_id for r in finished if not _kept_frozen(r)]
    if moved:
        found.append(
            "no proof that frozen layers stayed as they were (digests of their"
            " weights before and after training differ or are missing), so do not"
            f" trust the numbers of: {', '.join(moved)}."
        )
    for what, values in (
        ("data sets", {r.dataset for r in finished}),
        ("networks", {_key(r.network, r.network_settings) for r in finished}),
        ("recipes", {_key("", r.recipe) for r in finished}),
    ):
        if len(values) > 1:
            found.append(
                f"runs of {len(values)} different {what} are mixed in this folder:"
                " their differences are not those of the treatments."
            )
    digests: dict[str, set[str]] = {}
    for record in finished:
        digests.setdefault(record.split, set()).add(record.split_digest)
    for split in sorted(split for split, found_ in digests.items() if len(found_) > 1):
        found.append(f"runs of split {split} have different class lists.")
    return found


def _kept_frozen(record: Record) -> bool:
    before, after = record.frozen_sha256_before, record.frozen_sha256_after
    return before == after and not (_has_frozen(record) and before is None)


def _has_frozen(record: Record) -> bool:
    return record.n > 0 and not record.fine_tuned


def _key(name: str, settings: dict[str, Any]) -> str:
    return name + json.dumps(settings, sort_keys=True, default=str)


def caveats(records: Sequence[Record], points: Sequence[NetworkResult]) -> list[str]:
    """What to keep in mind when reading the tables."""
    found = [
        "Part of what AnB+ gains over the base comes from training once more, not"
        " from foreign classes: BnB+ has that too, so look at AnB+ over BnB+.",
        "Two halves of one split, and two seeds of one half, share data: the"
        " intervals, which take pairs as independent, lean to the narrow side.",
        "The mean of the ten highest validations picks by validation images and"
        " is a little optimistic, alike for all treatments.",
    ]
    fewest = min(
        (len(record.history) for record in records if record.status == "finished"),
        default=0,
    )
    if 0 < fewest < _FEW_VALIDATIONS:
        found.append(
            f"With {fewest} validations per network (the paper had 450), the mean of"
            " the ten highest takes in early ones and rewards learning fast: look"
            " at the last validation too."
        )
    pairs = [
        part.estimate.n
        for part in decomposition(points, MEASURES[0])
        if part.estimate.n
    ]
    if pairs and min(pairs) < MIN_PAIRS:
        found.append(
            f"Some comparisons rest on {min(pairs)} pair(s): n too small for an"
            f" interval (it takes {MIN_PAIRS})."
        )
    if _unbalanced(points):
        found.append(
            "Not every half has every treatment (yet): plain means, as in the"
            " lower panel of Figure 2 and two columns of Table 1, then compare"
            " different halves. The paired tables do not."
        )
    if alone := without_base(points):
        names = ", ".join(point.run_id for point in alone)
        found.append(f"Without a base of their own, so in no paired table: {names}.")
    return found


def _unbalanced(points: Sequence[NetworkResult]) -> bool:
    halves = of_kind(points, RANDOM)
    units = {point.unit for point in halves}
    cells: dict[tuple[str, int], set] = {}
    for point in halves:
        if point.family != "RnB":
            cells.setdefault((point.family, point.n), set()).add(point.unit)
    return any(found != units for found in cells.values())
