"""The measures of a study in tables: means over pairs, beside the curves."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from yosinski_tf.explain import (
    agreement,
    cautions,
    criticality,
    filters,
    gabor,
    probes,
    scores,
    similarity,
    travel,
)
from yosinski_tf.explain import rows as tidy
from yosinski_tf.explain.agreement import Agreement
from yosinski_tf.explain.findings import findings, interval
from yosinski_tf.explain.rows import Row
from yosinski_tf.results import tables
from yosinski_tf.results.analysis import estimate


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
        {
            "top1": "top-1 of copies, %",
            "over_base": "difference to the own base, points",
        },
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
        3,
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
        "Do the first layers of groups of networks differ?",
        {
            "p_kind": "p, shares of the kinds",
            "p_orientation": "p, orientation of Gabor filters",
            "p_wavelength": "p, wavelength of Gabor filters",
            "p_explained": "p, variance explained",
        },
        f"{filters.MEANING} Each network stands in one group, once; of copies those"
        " with the largest n. Whole networks change groups where both groups have at"
        " least four; else filters do, so one unlike network can make p small. Copies"
        " start from the bases that they are compared with, so they begin alike. One p"
        " in twenty falls below 0.05 by chance.",
        3,
    ),
)
_NETWORKS = {
    "baseA": "base A",
    "baseB": "base B",
    "R": "random values",
    "baseA baseB": "base A with base B",
    "baseB baseB'": "base B with that of another seed: the ceiling",
    "R baseB": "random values with base B",
    "P baseB": "P with base B",
    "AnB+ baseA": "AnB+ with its start",
    "BnB+ baseB": "BnB+ with its start",
    "PnB+ P": "PnB+ with its start",
}
_NO_GABOR = (
    "No filter of a trained first layer is called a Gabor function, so there are no"
    " histograms of orientations and wavelengths."
)


@dataclasses.dataclass(frozen=True)
class Section:
    """Measures of one kind.

    Attributes:
      title: What they are about.
      meaning: What they mean, with the source.
      tables: Rows of cells each; the first row is the heading.
      note: What else is to be said; may be empty.
    """

    title: str
    meaning: str
    tables: list[list[list[str]]]
    note: str = ""


def summary(rows: Sequence[Row], figures: Mapping[str, str] | None = None) -> str:
    """All measures in Markdown, for each kind of split, with 95% intervals.

    As in the paper, B is the half that networks are trained on. An interval needs three
    pairs.

    Args:
      rows: The measures.
      figures: The picture of each kind of split, as an address.
    """
    blocks = ["# What the layers hold"]
    for kind, chosen in tidy.by_kind(rows).items():
        blocks.append(f"## {title(kind, chosen)}")
        for heading, told in sentences(chosen).items():
            blocks += [f"{heading}:", "\n".join(f"- {each}" for each in told)]
        if figures and kind in figures:
            blocks.append(f"![Measures by layer]({figures[kind]})")
        for section in sections(chosen):
            blocks += [f"### {section.title}", section.meaning]
            blocks += map(tables.markdown, section.tables)
            blocks += filter(None, [section.note])
    return "\n\n".join(blocks) + "\n"


def sentences(rows: Sequence[Row]) -> dict[str, list[str]]:
    """What is to be read first, by heading; rows of one kind of split."""
    found = {
        "What is missing": cautions.left_out(rows),
        "Why the curves look so": findings(rows),
        "Whether a cheap measure ranks the layers as the curves do": (
            agreement.sentences(rows)
        ),
    }
    return {heading: told for heading, told in found.items() if told}


def title(kind: str, rows: Sequence[Row]) -> str:
    """The name of a kind of split, with the number of its pairs."""
    return f"{tables.kind_name(kind).capitalize()}, {tidy.counted_pairs(rows)}"


def sections(rows: Sequence[Row]) -> list[Section]:
    """The measures that there are of one kind of split."""
    found = [_section(part, rows) for part in _PARTS]
    if agreeing := agreement.agreements(rows):
        found.append(_agreement(agreeing))
    return [section for section in found if section.tables]


def _section(part: _Part, rows: Sequence[Row]) -> Section:
    found, of_filters = [], "gabor_share" in part.measures
    pairs = {row.pair for row in rows if row.direction}
    for measure, name in part.measures.items():
        of_measure = [row for row in rows if row.measure == measure]
        if not of_measure:
            continue
        if of_filters:
            of_measure = _each_network_once(of_measure)
        # Of groups of networks, and of those that pairs share, there are fewer.
        expected = 0 if of_filters or not of_measure[0].direction else len(pairs)
        layers = tidy.layer_names(of_measure)
        lines = [[name, *(f"{n} {layer}" for n, layer in layers.items())]]
        for network in sorted({row.network for row in of_measure}):
            values = tidy.values_by_n(of_measure, measure, network)
            most = max(map(len, values.values()), default=0)
            lines.append([_named(network, most, expected)])
            for n in layers:
                each = estimate(values.get(n, []))
                some = f", {_pairs(each.n)}" if 0 < each.n < most else ""
                lines[-1].append(f"{interval(each, part.digits)}{some}")
        found.append(lines)
    notes = cautions.cautions(part.measures, rows)
    if of_filters and no_gabor(rows):
        notes.append(_NO_GABOR)
    return Section(part.title, part.meaning, found, " ".join(notes))


def _named(network: str, pairs: int, expected: int) -> str:
    """A network in words, and the number of its pairs if there should be more."""
    some = f" ({_pairs(pairs)})" if pairs < expected else ""
    return f"{_NETWORKS.get(network, network)}{some}"


def _pairs(count: int) -> str:
    return f"{count} pair{'s' * (count != 1)}"


def _each_network_once(rows: Sequence[Row]) -> list[Row]:
    """Rows of one measure of first layers, of which pairs share some.

    R is one for both directions, and P for all pairs.
    """
    found = {}
    for row in rows:
        shared = {"R": (row.split, row.seed), "P": ()}
        found[row.network, shared.get(row.network, row.pair)] = row
    return list(found.values())


def probes_in_short(rows: Sequence[Row]) -> list[str]:
    """Mean accuracies of the probes for a terminal, %; rows of one kind of split."""
    layers = tidy.layer_names([row for row in rows if row.measure == "linear_probe"])
    lines, pairs = [["", *layers.values()]], len({row.pair for row in rows})
    for measure, name in (("linear_probe", "linear"), ("knn_probe", "k-NN")):
        of_measure = [row for row in rows if row.measure == measure]
        for network in sorted({row.network for row in of_measure}):
            values = tidy.values_by_n(of_measure, measure, network)
            cells = [_mean(values.get(n, [])) for n in layers]
            named = _named(network, max(map(len, values.values()), default=0), pairs)
            lines.append([f"{name} probe of {named}, %", *cells])
    return tables.aligned(lines) if len(lines) > 1 else []


def _mean(values: Sequence[float]) -> str:
    return f"{np.mean(values):.1f}" if values else ""


def no_gabor(rows: Sequence[Row]) -> bool:
    """Whether first layers were looked at and no trained one has a Gabor filter."""
    shares = [row for row in rows if row.measure == "gabor_share"]
    return bool(shares) and not any(r.value for r in shares if r.network != "R")


def _agreement(found: Sequence[Agreement]) -> Section:
    """A table of how measures rank the layers, beside each curve."""
    curves = list(dict.fromkeys(each.curve for each in found))
    lines = [["measure", *curves]]
    for name in dict.fromkeys(each.name for each in found):
        verdicts = [each for each in found if each.name == name]
        told = [f"{interval(each.tau, 2)}, {each.verdict}" for each in verdicts]
        lines.append([name, *(text.removeprefix(", ") for text in told)])
    return Section(
        "Does a measure replace the experiment?", scores.AGREEMENT_MEANING, [lines]
    )
