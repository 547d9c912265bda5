"""Networks trained on the first N images of each class: table and figure.

The authors ran twelve of them on ImageNet; they are in their released files,
not in the paper. Those of one study differ in what they were trained on, not in
n, so they stand apart from every other table and figure.
"""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from yosinski_tf.figures import drawing
from yosinski_tf.figures.drawing import STYLES, Style
from yosinski_tf.results.network_result import (
    MEASURE_NAMES,
    MEASURES,
    NetworkResult,
    check_measure,
)
from yosinski_tf.results.tables import markdown, signed

_THEIRS = Style("the paper's networks", "#777777", "s", True, 0)
# Below this a network has not started to learn: on 1000 classes, chance.
_STUCK = 0.01
Curve = dict[int, float]


def curve(points: Sequence[NetworkResult], measure: str) -> Curve:
    """Mean top-1 of the base networks, 0..1, by training images per class."""
    groups: dict[int, list[float]] = {}
    for point in points:
        if point.family == "base":
            groups.setdefault(point.examples_per_class, []).append(point.value(measure))
    return {count: float(np.mean(groups[count])) for count in sorted(groups)}


def rows(
    points: Sequence[NetworkResult], with_seed: bool = True
) -> list[dict[str, Any]]:
    """One row per network, as CSV fields; accuracies 0..1.

    Args:
      points: Networks on splits `first:N`.
      with_seed: Whether to tell seeds; no released log does.
    """
    ordered = sorted(points, key=lambda p: (p.examples_per_class, p.family, p.n))
    return [
        {
            "examples_per_class": point.examples_per_class,
            "treatment": _name(point),
            **({"seed": point.seed} if with_seed else {}),
            **{measure: point.value(measure) for measure in MEASURES},
            "run_id": point.run_id,
        }
        for point in ordered
    ]


def _name(point: NetworkResult) -> str:
    return "base" if point.family == "base" else f"R{point.n}W"


def table(points: Sequence[NetworkResult], with_seed: bool = True) -> str:
    """Both measures in per cent, a row per network, in Markdown; see `rows`."""
    names = ["treatment", "seed"] if with_seed else ["treatment"]
    lines = [["images per class", *names, *MEASURE_NAMES.values()]]
    for row in rows(points, with_seed):
        values = [f"{100 * row[measure]:.2f}" for measure in MEASURE_NAMES]
        count = str(row["examples_per_class"])
        lines.append([count, *(str(row[name]) for name in names), *values])
    return markdown(lines)


def comparison_table(
    ours: Sequence[NetworkResult], theirs: Sequence[NetworkResult], measure: str
) -> str:
    """Base networks of two studies by images per class, in Markdown."""
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


def figure(
    points: Sequence[NetworkResult],
    path: pathlib.Path,
    measure: str,
    title: str = "Base networks on fewer images",
    published_points: Sequence[NetworkResult] | None = None,
) -> pathlib.Path:
    """Draws accuracy against training images per class (not in the paper).

    Args:
      points: Networks on splits `first:N`; bases are drawn.
      path: PNG to write.
      measure: One of `points.MEASURES`.
      title: Heading of the figure.
      published_points: Those of the released logs, to draw beside.
    """
    check_measure(measure)
    with drawing.style():
        new = drawing.new_figure(7.2, 4.2)
        axes = new.subplots()
        axes.set_title(title)
        draw(axes, points, published_points or [], measure)
        return drawing.save(new, path)


def draw(
    axes: Axes,
    points: Sequence[NetworkResult],
    published_points: Sequence[NetworkResult],
    measure: str,
) -> None:
    """Draws both studies into axes, see `figure`."""
    axes.set_xlabel("training images per class (log scale)")
    axes.set_ylabel(f"top-1 accuracy\n({MEASURE_NAMES[measure]})")
    own, theirs = curve(points, measure), curve(published_points, measure)
    if not own and not theirs:
        drawing.say_nothing_yet(axes, "no finished base network yet")
        return
    if theirs:
        _draw(axes, theirs, _THEIRS, dashes="--")
    look = Style("this study" if theirs else "", STYLES["BnB"].color, "o", True, 0)
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
        # Below the axes: networks may lie anywhere in them.
        axes.figure.legend(loc="outside lower center", ncols=2)


def _draw(axes: Axes, values: Curve, look: Style, dashes: str) -> None:
    """One curve; networks that did not learn are hollow and off the line."""
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
    """Writes values; below the line where another study is drawn beside it."""
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
    """Counts far enough from each other to be written under a log axis."""
    shown: list[int] = []
    for count in reversed(counts):
        if not shown or shown[-1] >= ratio * count:
            shown.append(count)
    return shown[::-1]
