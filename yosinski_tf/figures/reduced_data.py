"""Networks trained on the first N images of each class: table and figure.

The authors trained twelve of them on ImageNet; they are in the released files,
not in the paper. They differ in the number of images, not in n, so they have a
table and a figure of their own.
"""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from yosinski_tf.figures import drawing
from yosinski_tf.figures.drawing import STYLES, Curve, FigureData, Style
from yosinski_tf.results import network_result
from yosinski_tf.results.network_result import MEASURE_NAMES, MEASURES, NetworkResult
from yosinski_tf.results.tables import markdown, signed

_THEIRS = Style("the paper's networks", "#777777", "s", True)
# A network below this accuracy has learned nothing: chance on 1000 classes is 0.001.
_STUCK = 0.01


def curve(networks: Sequence[NetworkResult], measure: str) -> Curve:
    """Mean top-1 of the base networks, 0..1, by training images per class."""
    groups: dict[int, list[float]] = {}
    for network in network_result.of_family(networks, "base"):
        values = groups.setdefault(network.examples_per_class, [])
        values.append(network.value(measure))
    return {count: float(np.mean(groups[count])) for count in sorted(groups)}


def rows(
    networks: Sequence[NetworkResult], with_seed: bool = True
) -> list[dict[str, Any]]:
    """CSV fields, one row per network on a split `first:N`; accuracies 0..1.

    `with_seed` includes seeds, which the released logs do not have.
    """
    ordered = sorted(networks, key=lambda n: (n.examples_per_class, n.cell))
    return [
        {
            "examples_per_class": network.examples_per_class,
            "treatment": "base" if network.family == "base" else network.treatment,
            **({"seed": network.seed} if with_seed else {}),
            **{measure: network.value(measure) for measure in MEASURES},
            "run_id": network.run_id,
        }
        for network in ordered
    ]


def table(networks: Sequence[NetworkResult], with_seed: bool = True) -> str:
    """A Markdown table: both measures in per cent, one row per network; see `rows`."""
    names = ["treatment", "seed"] if with_seed else ["treatment"]
    lines = [["images per class", *names, *MEASURE_NAMES.values()]]
    for row in rows(networks, with_seed):
        values = [f"{100 * row[measure]:.2f}" for measure in MEASURE_NAMES]
        count = str(row["examples_per_class"])
        lines.append([count, *(str(row[name]) for name in names), *values])
    return markdown(lines)


def comparison_table(
    ours: Sequence[NetworkResult], theirs: Sequence[NetworkResult], measure: str
) -> str:
    """A Markdown table: base networks of two studies by images per class."""
    first, second = curve(ours, measure), curve(theirs, measure)
    lines = [["images per class", "ours, %", "theirs, %", "difference"]]
    for count in sorted(first.keys() | second.keys()):
        cells = [
            "" if count not in side else f"{100 * side[count]:.2f}"
            for side in (first, second)
        ]
        both = count in first and count in second
        gap = signed(100 * (first[count] - second[count])) if both else ""
        lines.append([str(count), *cells, gap])
    return markdown(lines)


def figure(data: FigureData, path: pathlib.Path, title: str = "") -> pathlib.Path:
    """Draws accuracy against training images per class (not in the paper).

    Only base networks are drawn. The arguments are those of `paper_figures.figure2`.
    """
    with drawing.new_figure(7.2, 4.2) as new:
        axes = new.subplots()
        axes.set_title(title or "Base networks on fewer images")
        draw(axes, data)
        return drawing.save(new, path)


def draw(axes: Axes, data: FigureData) -> None:
    """Draws both studies into axes, see `figure`."""
    axes.set_xlabel("training images per class (log scale)")
    drawing.accuracy_axis(axes, data.measure)
    own, theirs = (
        curve(side, data.measure) for side in (data.networks, data.published)
    )
    if not own and not theirs:
        drawing.write_in_empty_panel(axes, "no finished base network yet")
        return
    if theirs:
        _draw(axes, theirs, _THEIRS, dashes="--")
    look = Style("this study" if theirs else "", STYLES["BnB"].color, "o", True)
    if own:
        _draw(axes, own, look, dashes="-")
        _label(axes, own, beside=bool(theirs))
    counts = sorted(own.keys() | theirs.keys())
    low, high = 0.7 * counts[0], 1.8 * counts[-1]
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    shown = _apart(counts, (high / low) ** 0.03)
    axes.set_xticks(
        shown,
        [str(count) for count in shown],
        rotation=60,
        ha="right",
        rotation_mode="anchor",
    )
    axes.minorticks_off()
    top = max([*own.values(), *theirs.values()])
    axes.set_ylim(-0.03 * top, 1.15 * top)
    if any(axes.get_legend_handles_labels()[1]):
        # Below the axes, where it hides no network.
        axes.figure.legend(loc="outside lower center", ncols=2)


def _draw(axes: Axes, values: Curve, look: Style, dashes: str) -> None:
    """Draws a curve; networks that learned nothing are hollow and not connected."""
    learned = {n: y for n, y in values.items() if y >= _STUCK}
    stuck = {n: y for n, y in values.items() if y < _STUCK}
    axes.plot(
        *drawing.line(learned),
        linestyle=dashes,
        linewidth=1.6,
        label=look.name or None,
        **look.marks(),
    )
    if stuck:
        name = f"{look.name}: " if look.name else ""
        hollow = dataclasses.replace(look, filled=False)
        axes.plot(
            *drawing.line(stuck),
            linestyle="none",
            label=f"{name}never got past {_STUCK:.0%}",
            **hollow.marks(),
        )


def _label(axes: Axes, values: Curve, beside: bool) -> None:
    """Writes the values at a curve, below it if another study is drawn too."""
    learned = {n: y for n, y in values.items() if y >= _STUCK}
    for count, value in learned.items():
        last = count == max(learned)
        axes.annotate(
            f"{value:.2f}",
            (count, value),
            xytext=(7, -4) if last else (5, -11) if beside else (-6, 6),
            textcoords="offset points",
            ha="left" if last or beside else "right",
            fontsize=8,
        )


def _apart(counts: Sequence[int], ratio: float) -> list[int]:
    """The counts that have room for their text under a log axis."""
    shown: list[int] = []
    for count in reversed(counts):
        if not shown or shown[-1] >= ratio * count:
            shown.append(count)
    return shown[::-1]
