"""Facts, warnings and caveats about a study, as sentences for its summary."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from yosinski_tf.data.copies import Copies
from yosinski_tf.experiment.treatments import PAPER_STAGES
from yosinski_tf.results import network_result
from yosinski_tf.results.analysis import GIVEN_COMPONENTS, MIN_PAIRS, decomposition
from yosinski_tf.study import divergence
from yosinski_tf.study.given_source import Description
from yosinski_tf.study.records import Record, stage_names

_FEW_VALIDATIONS = 30


def facts(
    records: Sequence[Record],
    selection: network_result.Selection,
    source: Description | None = None,
) -> list[tuple[str, str]]:
    """Names and values of the settings and conditions of a study.

    `source` is the given network that the study folder has, if that is known.
    """
    finished = [record for record in records if record.status == "finished"]
    dates = sorted(record.finished_at for record in records)
    validations = {len(record.history) for record in finished}
    networks = f"{len(selection.networks)} finished"
    if names := ", ".join(selection.left_out):
        count = len(selection.left_out)
        networks += f"; {count} not finished and left out: {names}"
    found = [
        ("networks", networks),
        ("data set", _several(record.dataset for record in records)),
        ("images", _images(records)),
        ("network", _several(record.network for record in records)),
        ("stages", _stages(records[0])),
        ("source P", _source(records, source)),
        ("pixels", _pixels(records)),
        ("splits", _several(record.split for record in records)),
        ("seeds", _several(record.seed for record in records)),
        ("recipe", _recipe(records)),
        ("validations per network", _several(validations)),
        ("device", _several(record.device for record in records)),
        ("frozen layers", _frozen(finished)),
        ("backend", _several(record.backend for record in records)),
        ("finished", " to ".join(dict.fromkeys((dates[0], dates[-1])))),
    ]
    return [(name, value) for name, value in found if value]


def _stages(record: Record) -> str:
    """The stages by number, if they are not the paper's layers."""
    names = stage_names(record)
    if names in ((), PAPER_STAGES):
        return ""
    return ", ".join(f"{n} {name}" for n, name in enumerate(names, start=1))


def _source(records: Iterable[Record], source: Description | None) -> str:
    """How P was named, as far as that is known, and its digest."""
    digests = {r.source_sha256 for r in records if r.source_sha256 is not None}
    texts = []
    for digest in sorted(digests):
        text = f"digest {digest[:12]}"
        if source is not None and source.sha256 == digest:
            text = f"{source.spec}, {text}"
        texts.append(text)
    return "; ".join(texts)


def _pixels(records: Iterable[Record]) -> str:
    """What pixels are scaled to; those with eight layers have one way."""
    settings = [record.network_settings for record in records]
    return _several(str(each["pixels"]) for each in settings if "pixels" in each)


def _frozen(finished: Sequence[Record]) -> str:
    frozen = [record for record in finished if _has_frozen(record)]
    if not frozen:
        return ""
    kept = sum(map(_kept_frozen, frozen))
    return (
        f"unchanged by training in {kept} of {len(frozen)} networks that have them, by"
        " the digests of their weights"
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


def _recipe(records: Sequence[Record]) -> str:
    """The recipe; if recipes differ, with all their values."""
    names = list(dict.fromkeys(name for record in records for name in record.recipe))
    parts = []
    for name in names:
        values = [r.recipe[name] for r in records if name in r.recipe]
        texts = {v if isinstance(v, str) else json.dumps(v) for v in values}
        parts.append(f"{name} {' or '.join(sorted(texts))}")
    return "; ".join(parts)


def _several(values: Iterable[Any]) -> str:
    texts = [str(value) for value in sorted(set(values))]
    return ("; " if any("," in text for text in texts) else ", ").join(texts)


def warnings(records: Sequence[Record], copies: Copies | None = None) -> list[str]:
    """Reasons not to trust the numbers, one sentence each.

    `copies` are those among the images of the study, if they were counted.
    """
    found = copies.warnings if copies else []
    finished = [record for record in records if record.status == "finished"]
    if diverged := [record for record in records if record.status == "diverged"]:
        found.append(
            f"{len(diverged)} of {len(records)} networks diverged and have no result:"
            f" {divergence.advice(diverged[0].recipe)}."
        )
    moved = [r.run_id for r in finished if not _kept_frozen(r)]
    if moved:
        found.append(
            "frozen layers may have changed (the digests of their weights before and"
            " after training differ or are missing): do not trust the numbers of"
            f" {', '.join(moved)}."
        )
    for what, values in (
        ("data sets", {r.dataset for r in finished}),
        ("networks", {_key(r.network, r.network_settings) for r in finished}),
        ("recipes", {_key("", r.recipe) for r in finished}),
    ):
        if len(values) > 1:
            found.append(
                f"this folder mixes runs of {len(values)} different {what}: their"
                " differences are not due to the treatments alone."
            )
    digests: dict[str, set[str]] = {}
    for record in finished:
        digests.setdefault(record.split, set()).add(record.split_digest)
    for split in sorted(split for split, found_ in digests.items() if len(found_) > 1):
        found.append(f"runs of the split {split} have different class lists.")
    return found


def _kept_frozen(record: Record) -> bool:
    before, after = record.frozen_sha256_before, record.frozen_sha256_after
    return before == after and not (_has_frozen(record) and before is None)


def _has_frozen(record: Record) -> bool:
    return record.n > 0 and not record.fine_tuned


def _key(name: str, settings: dict[str, Any]) -> str:
    return name + json.dumps(settings, sort_keys=True, default=str)


def caveats(
    records: Sequence[Record], networks: Sequence[network_result.NetworkResult]
) -> list[str]:
    """Limits of the tables of this study, one or two sentences each."""
    found = []
    if network_result.of_family(networks, "AnB+"):
        found.append(
            "The layers of AnB+ are trained twice, those of the base once. Part of the"
            " gain of AnB+ over the base comes from that and not from foreign classes."
            " BnB+ is trained twice too, so look at AnB+ over BnB+."
        )
    if len({(network.split, network.target_half) for network in networks}) > 1:
        found.append(
            "The intervals treat pairs as independent, but two halves of one split, and"
            " two seeds of one half, share data: the intervals are a little too narrow."
        )
    validations = [len(r.history) for r in records if r.status == "finished"]
    fewest = min(validations, default=_FEW_VALIDATIONS)
    if fewest < _FEW_VALIDATIONS:
        found.append(
            f"With {fewest} validations per network (the paper had 450), the mean of"
            " the ten highest includes early ones and favours networks that learn"
            " fast: look at the last validation too."
        )
    measure = network_result.MEASURES[0]
    parts = [*decomposition(networks, measure).values()]
    kind = network_result.given_kind(networks)
    parts += decomposition(networks, measure, kind, GIVEN_COMPONENTS).values()
    pairs = min((part.n for part in parts if part.n), default=MIN_PAIRS)
    if pairs < MIN_PAIRS:
        found.append(
            f"Some comparisons have {pairs} pair(s): an interval needs {MIN_PAIRS}."
        )
    if _unbalanced(networks):
        found.append(
            "Not every half has every treatment (yet), so plain means, as in the lower"
            " panel of Figure 2 and in two columns of Table 1, compare different"
            " halves. The paired tables do not."
        )
    if copies := network_result.with_given(networks):
        families = network_result.families_of(copies)
        names = [network_result.shown_name(family, copies) for family in families]
        found.append(
            "The given network P was trained elsewhere: on other images, other classes"
            f" and for another time than the bases. What {' and '.join(names)} gain"
            " over the base comes from all of these together."
        )
    own = network_result.bases(networks)
    if alone := [network.run_id for network in networks if network.unit not in own]:
        found.append(
            "Without a base of their own, and so in no paired table:"
            f" {', '.join(alone)}."
        )
    return found


def _unbalanced(networks: Sequence[network_result.NetworkResult]) -> bool:
    halves = network_result.of_kind(networks, network_result.RANDOM)
    units = {network.unit for network in halves}
    cells: dict[network_result.Cell, set[network_result.Unit]] = {}
    for network in halves:
        if network.family != "RnB":
            cells.setdefault(network.cell, set()).add(network.unit)
    return any(found != units for found in cells.values())
