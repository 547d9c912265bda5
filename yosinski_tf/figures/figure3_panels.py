"""The three panels of Figure 3: distant classes, and random features."""

import dataclasses
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from yosinski_tf.figures import drawing
from yosinski_tf.figures.drawing import DISTANT_STYLE, STYLES, Style
from yosinski_tf.results.analysis import relative_to_base
from yosinski_tf.results.network_result import (
    DISTANT,
    MEASURE_NAMES,
    RANDOM,
    NetworkResult,
    direction,
    of_kind,
    random_layers_kind,
)
from yosinski_tf.results.tables import kind_name

# By direction; the mean of both has a colour of its own, `DISTANT_STYLE`.
_LOOKS = {
    "natural": Style("", "#56c4a2", "^", True, 0),
    "man-made": Style("", "#00523c", "v", True, 0),
}


def distant(
    axes: Axes,
    points: Sequence[NetworkResult],
    theirs: Sequence[NetworkResult],
    measure: str,
) -> None:
    """Draws AnB between natural and man-made classes, one line a direction.

    The paper's networks, `theirs`, are dashed.
    """
    axes.set_title("Natural and man-made classes")
    axes.set_ylabel(f"top-1 accuracy\n({MEASURE_NAMES[measure]})")
    drawing.layer_axis(axes)
    axes.set_xlabel("layer n")
    wanted = [point for point in points if point.family in ("base", "AnB")]
    for target, look in _LOOKS.items():
        _their_means(
            axes, [p for p in theirs if direction(p) == target], "AnB", look, measure
        )
        chosen = [point for point in wanted if direction(point) == target]
        bases = [point for point in chosen if point.family == "base"]
        copies = [point for point in chosen if point.family == "AnB"]
        if chosen:
            curves = drawing.means_by_family(chosen, measure)
            curve = curves.get("AnB") or curves["base"]
            source = "man-made" if target == "natural" else "natural"
            name = f"{source} to {target}" if copies else f"{target}: base only"
            axes.plot(*drawing.line(curve), linewidth=1.6, color=look.color)
            _dots(axes, copies, look, measure, name)
            hollow = Style(look.name, look.color, look.marker, False, 0)
            _dots(axes, bases, hollow, measure, None if copies else name)
    _finish(axes, bool(wanted), bool(theirs))


def _finish(axes: Axes, ours: bool, theirs: bool, title: str | None = None) -> None:
    """Legend and limits of a panel, or what it lacks."""
    if not ours and not theirs:
        drawing.say_nothing_yet(axes, "not run yet")
        return
    if theirs:
        name = "the paper's" if ours else "the paper's; not run here yet"
        axes.plot([], [], "k--", linewidth=1.3, label=name)
    # A marker at either end is drawn whole.
    highest = axes.dataLim.ymax or 1.0
    axes.set_ylim(-0.02 * highest, 1.06 * highest)
    # Above the grid, below whatever network it may touch.
    axes.legend(loc="best", title=title).set_zorder(1.5)


def _their_means(
    axes: Axes, points: Sequence[NetworkResult], family: str, look: Style, measure: str
) -> None:
    curve = drawing.means_by_family(points, measure).get(family)
    if curve:
        axes.plot(*drawing.line(curve), "--", linewidth=1.3, color=look.color)


def _dots(
    axes: Axes,
    points: Sequence[NetworkResult],
    look: Style,
    measure: str,
    name: str | None,
) -> None:
    """Networks at their n; the line is drawn by others."""
    shifts = drawing.spread(points)
    axes.plot(
        [p.n + s for p, s in zip(points, shifts, strict=True)],
        [p.value(measure) for p in points],
        linestyle="none",
        label=name,
        **look.marks(5),
    )


def random(
    axes: Axes,
    points: Sequence[NetworkResult],
    theirs: Sequence[NetworkResult],
    measure: str,
) -> None:
    """Draws RnB and the bases of the same halves; `theirs` are dashed."""
    axes.set_title("Random frozen layers")
    drawing.layer_axis(axes)
    axes.set_xlabel("layer n")
    look = STYLES["RnB"]
    published = _with_bases(theirs)
    _their_means(axes, published, "RnB", look, measure)
    chosen = _with_bases(points)
    if chosen:
        curve = drawing.means_by_family(chosen, measure)["RnB"]
        axes.plot(*drawing.line(curve), linewidth=1.6, color=look.color)
        copies = [point for point in chosen if point.family == "RnB"]
        bases = [point for point in chosen if point.family == "base"]
        _dots(axes, copies, look, measure, "random layers")
        _dots(axes, bases, STYLES["base"], measure, "base")
    title = kind_name(chosen[0].kind) if chosen else None
    _finish(axes, bool(chosen), bool(published), title)


def _with_bases(points: Sequence[NetworkResult]) -> list[NetworkResult]:
    """The networks on random layers, of one kind of split, and their bases."""
    points = of_kind(points, random_layers_kind(points))
    units = {point.unit for point in points if point.family == "RnB"}
    return [p for p in points if p.family in ("RnB", "base") and p.unit in units]


def _curves(
    points: Sequence[NetworkResult],
) -> list[tuple[Style, list[NetworkResult]]]:
    near = Style("AnB, random halves", STYLES["AnB"].color, "D", True, -0.22)
    far = dataclasses.replace(DISTANT_STYLE, offset=0.22)
    copies = [p for p in points if p.family in ("AnB", "base")]
    return [
        (near, of_kind(copies, RANDOM)),
        (far, of_kind(copies, DISTANT)),
        (STYLES["RnB"], _with_bases(points)),
    ]


def _look(point: NetworkResult, look: Style) -> Style:
    """That of its curve, or of its direction between distant classes."""
    distant_copy = point.family == "AnB" and point.kind == DISTANT
    return _LOOKS[direction(point)] if distant_copy else look


def relative(
    axes: Axes,
    points: Sequence[NetworkResult],
    theirs: Sequence[NetworkResult],
    measure: str,
) -> None:
    """Draws how far networks are from their own bases; `theirs` as means."""
    axes.axhline(0, color="#222222", linewidth=1)
    lowest, highest = [0.0], [0.0]
    absent = []
    for look, chosen in _curves(theirs):
        for curve in drawing.relative_means(chosen, measure).values():
            axes.plot(*drawing.line(curve), "--", linewidth=1.3, color=look.color)
            highest += curve.values()
            if look is not STYLES["RnB"]:
                lowest += curve.values()
    random_line = None
    for look, chosen in _curves(points):
        differences = relative_to_base(chosen, measure)
        if not differences:
            absent.append(look.name)
            continue
        values = [difference.value for difference in differences]
        shifts = drawing.spread([d.point for d in differences], width=0.1)
        for difference, shift in zip(differences, shifts, strict=True):
            axes.plot(
                difference.point.n + look.offset + shift,
                difference.value,
                linestyle="none",
                **_look(difference.point, look).marks(3.2),
            )
        (curve,) = drawing.relative_means(chosen, measure).values()
        (drawn,) = axes.plot(
            *drawing.line(curve), linewidth=1.6, label=look.name, color=look.color
        )
        highest += values
        if look is STYLES["RnB"]:
            random_line = drawn
        else:
            lowest += values
    if random_line:
        _limit(axes, min(lowest), max(highest), random_line)
    drawing.layer_axis(axes)
    axes.set_title("Relative to each network's own base")
    axes.set_ylabel("difference in top-1,\npercentage points")
    if theirs:
        axes.plot([], [], "k--", linewidth=1.3, label="the paper's networks (means)")
    if absent:
        axes.plot([], [], " ", label=f"not run: {'; '.join(absent)}")
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.16), ncols=2)


def _limit(axes: Axes, lowest: float, highest: float, random_line: Line2D) -> None:
    """Keeps the AnB curves readable where random layers fall far below them."""
    deepest = min(random_line.get_ydata())
    if lowest < 0 and deepest < 2.0 * lowest:
        axes.set_ylim(1.25 * lowest, max(1.0, 1.15 * highest, -0.05 * lowest))
        name = random_line.get_label()
        random_line.set_label(f"{name} (mean falls to \N{MINUS SIGN}{-deepest:.1f})")
