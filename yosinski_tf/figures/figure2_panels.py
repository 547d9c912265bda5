"""The two panels of Figure 2: transfer between random halves."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from yosinski_tf.experiment.treatments import LAYERS
from yosinski_tf.figures import drawing, labels
from yosinski_tf.figures.drawing import STYLES, Curve, FigureData, Means, style_of
from yosinski_tf.results.network_result import NetworkResult, families_of, of_family

_CURVES = ("BnB", "BnB+", "AnB", "AnB+")
_READING = {
    "1": "a network trained from random values: the base",
    "2": "drop from fragile co-adaptation: own layers, frozen, lost their partners",
    "3": "fine-tuning recovers the co-adaptation",
    "4": "drop from specificity: foreign layers do worse than own ones",
    "5": "improved generalisation: foreign layers, fine-tuned, beat own ones",
}


def _curves(networks: Sequence[NetworkResult]) -> list[str]:
    """The families with a curve in Figure 2, including preserved layers."""
    return [f for f in families_of(networks) if f not in ("base", "RnB")]


def every_network(axes: Axes, data: FigureData) -> None:
    """Draws one marker per network, and the published means as dashed lines."""
    for family in ("base", *_curves(data.networks)):
        if own := of_family(data.networks, family):
            look = style_of(family)
            style = {"size": 5.5, "offset": drawing.offset_of(family)}
            drawing.dots(axes, own, data.measure, look, name=look.name, **style)
    if not data.networks:
        missing = "no finished network on a random split yet"
        drawing.write_in_empty_panel(axes, missing)
    published = drawing.means_by_family(data.published, data.measure)
    for family, curve in published.items():
        if family in _CURVES:
            drawing.dashed(axes, curve, STYLES[family].color)
    if data.published:
        drawing.dashed(axes, {}, "k", "the paper's networks (means)")
    drawing.layer_axis(axes)
    axes.set_title("Every network")
    drawing.accuracy_axis(axes, data.measure)
    if absent := [f for f in ("base", *_CURVES) if not of_family(data.networks, f)]:
        axes.plot([], [], " ", label=f"not run: {', '.join(absent)}")
    handles, _ = axes.get_legend_handles_labels()
    axes.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.47, -0.16),
        ncols=2,
        columnspacing=2.5,
    )


def _fill(axes: Axes, upper: Curve, lower: Curve, color: str) -> Curve:
    """Shades where `lower` is below `upper`; returns the gaps at common n."""
    common = sorted(upper.keys() & lower.keys())
    high, low = ([curve[n] for n in common] for curve in (upper, lower))
    below = [a >= b for a, b in zip(high, low, strict=True)]
    axes.fill_between(
        common, high, low, where=below, interpolate=True, color=color, linewidth=0
    )
    return {n: upper[n] - lower[n] for n in common if n > 0}


def interpretation(figure: Figure, axes: Axes, data: FigureData) -> None:
    """Draws means and shaded areas, and explains them as the paper does."""
    means = drawing.means_by_family(data.networks, data.measure)
    axes.set_title("Means, and how the paper reads them")
    axes.set_ylabel("top-1 accuracy, mean")
    drawing.layer_axis(axes)
    if "base" not in means:
        drawing.write_in_empty_panel(axes, "no finished base network yet")
        return
    base = means["base"][0]
    flat = dict.fromkeys(range(8), base)
    gaps = {}
    if "BnB" in means:
        gaps["2"] = _fill(axes, flat, means["BnB"], "#cfe3f1")
    if "BnB" in means and "AnB" in means:
        gaps["4"] = _fill(axes, means["BnB"], means["AnB"], "#f7d9c6")
    if "AnB+" in means:
        own = means.get("BnB+", flat)
        floor = {n: max(base, own.get(n, base)) for n in means["AnB+"]}
        gaps["5"] = _fill(axes, means["AnB+"], floor, "#faecc8")
    axes.axhline(base, color="#222222", linewidth=1, linestyle=":")
    curves = _curves(data.networks)
    for family in curves:
        marks = style_of(family).marks(5)
        axes.plot(*drawing.line(means[family]), linewidth=1.8, **marks)
    axes.plot([0], [base], **STYLES["base"].marks(7))
    axes.margins(y=0.12)
    low, high = axes.get_ylim()
    axes.set_ylim(top=max(high, base + 0.17 * (high - low)))
    ends = [(f, style_of(f).color, list(means[f].items())[-1]) for f in curves]
    labels.label_ends(axes, [*ends, ("base", "#222222", (LAYERS[-1], base))])
    placed = _badges(axes, means, gaps, base)
    lines = [f"{number}   {_READING[number]}" for number in sorted(placed)]
    figure.supxlabel("\n".join(lines), x=0.09, ha="left", fontsize=9.5, linespacing=1.5)


def _badges(axes: Axes, means: Means, gaps: dict[str, Curve], base: float) -> list[str]:
    """Draws the numbers of the readings that are visible, and returns them."""
    low, high = axes.get_ylim()
    smallest = 0.045 * (high - low)

    def middles(number: str, top: Curve) -> list[tuple[float, float]]:
        """Middles of the gaps that are large enough for a badge, widest first."""
        widest = sorted(gaps.get(number, {}).items(), key=lambda item: -item[1])
        return [(n, top[n] - gap / 2) for n, gap in widest if gap > smallest]

    flat = dict.fromkeys(range(8), base)
    recovered = [(n, y) for n, y in means.get("BnB+", {}).items() if n > 0]
    recovered.sort(key=lambda place: abs(place[0] - 4))
    lost = middles("2", flat)
    return labels.place_badges(
        axes,
        [
            ("1", [(0, base + 0.09 * (high - low))]),
            ("2", lost),
            ("4", middles("4", means.get("BnB", {}))),
            ("5", middles("5", means.get("AnB+", {}))),
            # Fine-tuning recovers only what freezing has lost.
            ("3", recovered if lost else []),
        ],
    )


def both_relative(axes: Axes, data: FigureData) -> None:
    """Draws the means of both studies relative to each network's own base."""
    drawing.relative_axes(axes)
    ends = []
    for networks, dashes in ((data.published, "--"), (data.networks, "-")):
        ours, curves = dashes == "-", _curves(networks)
        for family, curve in drawing.relative_means(networks, data.measure).items():
            if family not in curves:
                continue
            look = style_of(family)
            marks = look.marks(5) if ours else {"color": look.color}
            axes.plot(*drawing.line(curve), linestyle=dashes, linewidth=1.6, **marks)
            if ours:
                ends.append((family, look.color, list(curve.items())[-1]))
    axes.plot([], [], "k-", label="this study")
    axes.plot([], [], "k--", label="the paper's networks")
    axes.margins(y=0.1)
    labels.label_ends(axes, ends)
    axes.legend(loc="best").set_zorder(1.5)
