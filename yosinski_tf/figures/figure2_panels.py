"""The two panels of Figure 2: transfer between random halves."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from yosinski_tf.figures import drawing
from yosinski_tf.figures.drawing import STYLES, Means, Style, style_of
from yosinski_tf.results.network_result import (
    LAYERS,
    MEASURE_NAMES,
    NetworkResult,
    families_of,
)

_CURVES = ("BnB", "BnB+", "AnB", "AnB+")
_READING = {
    "1": "a network trained from random values: the base",
    "2": "drop from fragile co-adaptation: own layers, frozen, lost their partners",
    "3": "fine-tuning recovers the co-adaptation",
    "4": "drop from specificity: foreign layers do worse than own ones",
    "5": "improved generalisation: foreign layers, fine-tuned, beat own ones",
}


def _curves(points: Sequence[NetworkResult]) -> list[str]:
    """The curves of Figure 2 that there are, with preserved layers."""
    return [f for f in families_of(points) if f not in ("base", "RnB")]


def _scatter(
    axes: Axes, points: Sequence[NetworkResult], look: Style, measure: str
) -> None:
    shifts = drawing.spread(points)
    axes.plot(
        [p.n + look.offset + s for p, s in zip(points, shifts, strict=True)],
        [p.value(measure) for p in points],
        linestyle="none",
        label=look.name,
        **look.marks(5.5),
    )


def every_network(
    axes: Axes,
    points: Sequence[NetworkResult],
    theirs: Sequence[NetworkResult],
    measure: str,
) -> None:
    """Draws one mark per network, and the means of `theirs` as dashed lines."""
    families = ("base", *_CURVES)
    for family in ("base", *_curves(points)):
        own = [point for point in points if point.family == family]
        if own:
            _scatter(axes, own, style_of(family), measure)
    if not points:
        drawing.say_nothing_yet(axes, "no finished network on a random split yet")
    for family, curve in drawing.means_by_family(theirs, measure).items():
        if family in _CURVES:
            color = STYLES[family].color
            axes.plot(*drawing.line(curve), linestyle="--", linewidth=1.3, color=color)
    if theirs:
        axes.plot([], [], "k--", linewidth=1.3, label="the paper's networks (means)")
    drawing.layer_axis(axes)
    axes.set_title("Every network")
    axes.set_ylabel(f"top-1 accuracy\n({MEASURE_NAMES[measure]})")
    if absent := [f for f in families if not any(p.family == f for p in points)]:
        axes.plot([], [], " ", label=f"not run: {', '.join(absent)}")
    handles, _ = axes.get_legend_handles_labels()
    axes.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.47, -0.16),
        ncols=2,
        columnspacing=2.5,
    )


def _fill(axes: Axes, upper: dict, lower: dict, color: str) -> dict[int, float]:
    """Shades where `lower` is below `upper`; gap and shading by common n."""
    common = sorted(upper.keys() & lower.keys())
    high, low = ([curve[n] for n in common] for curve in (upper, lower))
    below = [a >= b for a, b in zip(high, low, strict=True)]
    axes.fill_between(
        common, high, low, where=below, interpolate=True, color=color, linewidth=0
    )
    return {n: upper[n] - lower[n] for n in common if n > 0}


def interpretation(
    figure: Figure, axes: Axes, points: Sequence[NetworkResult], measure: str
) -> None:
    """Draws plain means, the shaded areas and what the paper reads in them."""
    means = drawing.means_by_family(points, measure)
    axes.set_title("Means, and how the paper reads them")
    axes.set_ylabel("top-1 accuracy, mean")
    drawing.layer_axis(axes)
    if "base" not in means:
        drawing.say_nothing_yet(axes, "no finished base network yet")
        return
    base = means["base"][0]
    flat = dict.fromkeys(range(8), base)
    gaps = {}
    if "BnB" in means:
        gaps["2"] = _fill(axes, flat, means["BnB"], "#cfe3f1")
    if "BnB" in means and "AnB" in means:
        gaps["4"] = _fill(axes, means["BnB"], means["AnB"], "#f7d9c6")
    if "AnB+" in means:
        floor = {
            n: max(base, means.get("BnB+", flat).get(n, base)) for n in means["AnB+"]
        }
        gaps["5"] = _fill(axes, means["AnB+"], floor, "#faecc8")
    axes.axhline(base, color="#222222", linewidth=1, linestyle=":")
    curves = _curves(points)
    for family in curves:
        marks = style_of(family).marks(5)
        axes.plot(*drawing.line(means[family]), linewidth=1.8, **marks)
    axes.plot([0], [base], **STYLES["base"].marks(7))
    axes.margins(y=0.12)
    low, high = axes.get_ylim()
    axes.set_ylim(top=max(high, base + 0.17 * (high - low)))
    drawing.label_ends(
        axes,
        [
            (family, style_of(family).color, list(means[family].items())[-1])
            for family in curves
        ]
        + [("base", "#222222", (LAYERS[-1], base))],
    )
    placed = _badges(axes, means, gaps, base)
    lines = [f"{number}   {_READING[number]}" for number in sorted(placed)]
    figure.supxlabel("\n".join(lines), x=0.09, ha="left", fontsize=9.5, linespacing=1.5)


def _badges(
    axes: Axes, means: Means, gaps: dict[str, dict[int, float]], base: float
) -> list[str]:
    low, high = axes.get_ylim()
    smallest = 0.045 * (high - low)

    def middles(number: str, top: dict[int, float]) -> list[tuple[float, float]]:
        """Middles of the widest gaps, those too small to point at left out."""
        widest = sorted(gaps.get(number, {}).items(), key=lambda item: -item[1])
        return [(n, top[n] - gap / 2) for n, gap in widest if gap > smallest]

    flat = dict.fromkeys(range(8), base)
    recovered = [(n, y) for n, y in means.get("BnB+", {}).items() if n > 0]
    recovered.sort(key=lambda place: abs(place[0] - 4))
    lost = middles("2", flat)
    return drawing.place_badges(
        axes,
        [
            ("1", [(0, base + 0.09 * (high - low))]),
            ("2", lost),
            ("4", middles("4", means.get("BnB", {}))),
            ("5", middles("5", means.get("AnB+", {}))),
            # Without a loss there is nothing to recover.
            ("3", recovered if lost else []),
        ],
    )


def both_relative(
    axes: Axes,
    ours: Sequence[NetworkResult],
    theirs: Sequence[NetworkResult],
    measure: str,
) -> None:
    """Draws the means of two studies relative to their own bases."""
    axes.axhline(0, color="#222222", linewidth=1)
    ends = []
    for points, dashes in ((theirs, "--"), (ours, "-")):
        for family, curve in drawing.relative_means(points, measure).items():
            if family not in _curves(points):
                continue
            look = style_of(family)
            marks = look.marks(5) if points is ours else {"color": look.color}
            axes.plot(*drawing.line(curve), linestyle=dashes, linewidth=1.6, **marks)
            if points is ours:
                ends.append((family, look.color, list(curve.items())[-1]))
    axes.plot([], [], "k-", label="this study")
    axes.plot([], [], "k--", label="the paper's networks")
    drawing.layer_axis(axes)
    axes.margins(y=0.1)
    drawing.label_ends(axes, ends)
    axes.set_title("Relative to each network's own base")
    axes.set_ylabel("difference in top-1,\npercentage points")
    axes.legend(loc="best").set_zorder(1.5)
