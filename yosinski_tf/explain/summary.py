"""The measures of a study in Markdown: means over pairs, beside the curves."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from yosinski_tf.explain import (
    criticality,
    filters,
    gabor,
    probes,
    scores,
    similarity,
    travel,
)
from yosinski_tf.explain.rows import Row
from yosinski_tf.results import network_result, tables
from yosinski_tf.results.analysis import Estimate, estimate


@dataclasses.dataclass(frozen=True)
class _Part:
    """A section: measures with a title each, what they mean, digits to show."""

    title: str
    measures: dict[str, str]
    meaning: str
    digits: int = 2


_PARTS = (
    _Part(
        "The curves",
        {"top1": "top-1 of copies, %"},
        "Accuracy of the networks with n copied layers, as the study measured it.",
        1,
    ),
    _Part(
        "What is linearly there",
        {
            "linear_probe": "linear classifier, % of B's validation images",
            "knn_probe": "nearest neighbours, %",
        },
        f"{probes.LINEAR_MEANING} {probes.KNN_MEANING}",
        1,
    ),
    _Part(
        "Similarity",
        {
            "cka": "linear CKA",
            "cka_without_outliers": "linear CKA without outliers",
            "first_direction": "share of the first direction",
        },
        similarity.MEANING,
    ),
    _Part(
        "Weight travel",
        {"travel": "length of the change", "travel_degrees": "angle, degrees"},
        travel.MEANING,
    ),
    _Part(
        "Criticality",
        {
            "loss_put_back": "points lost, layer put back to its initial values",
            "loss_drawn_anew": "points lost, layer drawn anew",
        },
        criticality.MEANING,
        1,
    ),
    _Part(
        "Scores that promise to predict transfer",
        {"logme": "LogME", "h_score": "H-score"},
        f"{scores.LOGME_MEANING} {scores.H_SCORE_MEANING}",
    ),
    _Part(
        "First-layer filters",
        {
            "gabor_share": "share of Gabor filters",
            "blob_share": "share of colour blobs",
            "gabor_explained": "variance that a Gabor function explains, mean",
            "blob_explained": "variance that a colour blob explains, mean",
        },
        gabor.MEANING,
    ),
    _Part(
        "Do the first layers differ from those of base B?",
        {
            "p_kind": "p, shares of the kinds",
            "p_orientation": "p, orientation of Gabor filters",
            "p_wavelength": "p, wavelength of Gabor filters",
            "p_explained": "p, variance explained",
        },
        f"{filters.MEANING} Means over pairs: 0.5 where nothing differs.",
    ),
)
# What may rank the layers as the curves do: network and measure.
_PREDICTORS = (
    ("linear_probe", "baseA"),
    ("knn_probe", "baseA"),
    ("logme", "baseA"),
    ("h_score", "baseA"),
    ("cka", "baseA baseB"),
    ("linear_probe", "P"),
    ("knn_probe", "P"),
    ("logme", "P"),
    ("h_score", "P"),
)


def summary(rows: Sequence[Row]) -> str:
    """All measures in Markdown, for each kind of split, with 95% intervals.

    As in the paper, B is the half that networks are trained on. An interval needs three
    pairs.
    """
    blocks = ["# What the layers hold"]
    for kind in sorted({_kind(row) for row in rows}):
        chosen = [row for row in rows if _kind(row) == kind]
        pairs = len({(row.split, row.direction, row.seed) for row in chosen})
        count = f"{pairs} pair" + "s" * (pairs > 1)
        blocks.append(f"## {tables.kind_name(kind).capitalize()}, {count}")
        for part in _PARTS:
            blocks += _section(part, chosen)
        blocks += _agreement(chosen)
    return "\n\n".join(blocks) + "\n"


def _kind(row: Row) -> str:
    kind = row.split.partition(":")[0]
    return network_result.DISTANT if kind == "manmade_natural" else kind


def _section(part: _Part, rows: Sequence[Row]) -> list[str]:
    found = []
    for measure, title in part.measures.items():
        of_measure = [row for row in rows if row.measure == measure]
        if not of_measure:
            continue
        layers = dict(sorted({row.n: row.layer for row in of_measure}.items()))
        lines = [[title, *(f"{n} {name}" for n, name in layers.items())]]
        for network in sorted({row.network for row in of_measure}):
            cells = []
            for n in layers:
                values = [
                    row.value
                    for row in of_measure
                    if (row.network, row.n) == (network, n) and math.isfinite(row.value)
                ]
                cells.append(_cell(estimate(values), part.digits))
            lines.append([network, *cells])
        found.append(tables.markdown(lines))
    return [f"### {part.title}", part.meaning, *found] if found else []


def _cell(found: Estimate, digits: int) -> str:
    if found.mean is None:
        return ""
    text = f"{found.mean:.{digits}f}"
    if found.low is None:
        return text
    return f"{text} ({found.low:.{digits}f} to {found.high:.{digits}f})"


def _agreement(rows: Sequence[Row]) -> list[str]:
    """Whether measures rank the layers as the curves do."""
    pairs = sorted({(row.split, row.direction, row.seed) for row in rows})
    most = max(row.n for row in rows)

    def values(measure: str, network: str) -> np.ndarray:
        found = np.full((len(pairs), most), np.nan)
        for row in rows:
            if (row.measure, row.network) == (measure, network):
                pair = pairs.index((row.split, row.direction, row.seed))
                found[pair, row.n - 1] = row.value
        return found

    curves = [
        family
        for family in ("AnB", "AnB+", "PnB", "PnB+")
        if np.isfinite(values("top1", family)).any()
    ]
    if not curves:
        return []
    lines = [["measure", *curves]]
    depth = np.tile(-np.arange(1.0, most + 1), (len(pairs), 1))
    predictors = {"depth alone (-n)": depth}
    for measure, network in _PREDICTORS:
        found = values(measure, network)
        if np.isfinite(found).any():
            predictors[f"{measure} of {network}"] = found
    for name, found in predictors.items():
        cells = [
            _verdict(scores.rank_agreement(found, values("top1", family)))
            for family in curves
        ]
        lines.append([name, *cells])
    return [
        "### Does a measure replace the experiment?",
        scores.AGREEMENT_MEANING,
        tables.markdown(lines),
    ]


def _verdict(found: Estimate) -> str:
    if found.mean is None:
        return "fewer than 3 layers"
    if found.low is None:
        words = "too few pairs"
    elif found.low > 0:
        words = "ranks as the curve"
    elif found.high < 0:
        words = "disagrees with the curve"
    else:
        words = "cannot be told"
    return f"{_cell(found, 2)}, {words}"
