"""The two panels of Figure 2: transfer between random halves."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from yosinski_tf.figures import drawing, labels
from yosinski_tf.figures.drawing import STYLES, Curve, FigureData, Means, style_of
from yosinski_tf.results.network_result import (
    GIVEN,
    NetworkResult,
    families_of,
    of_family,
    shown_name,
    with_given,
)

_CURVES = ("BnB", "BnB+", "AnB", "AnB+")
_READING = {
    "1": "a network trained from random values: the base",
    "2": "drop from fragile co-adaptation: own layers, frozen, lost their partners",
    "3": "fine-tuning recovers the co-adaptation",
    "4": "drop from specificity: foreign layers do worse than own ones",
    "5": "improved generalisation: foreign layers, fine-tuned, beat own ones",
}
_READING_OF_GIVEN = {
    "1": _READING["1"],
    "2": "drop of the frozen layers of P, from co-adaptation or from specificity",
    "3": "fine-tuning recovers it",
    "4": "improved generalisation: layers of P, fine-tuned, beat random values",
}


def _curves(networks: Sequence[NetworkResult]) -> list[str]:
    """The families with a curve in Figure 2, including preserved layers."""
    return [f for f in families_of(networks) if f not in ("base", "RnB")]


def _wanted(networks: Sequence[NetworkResult]) -> tuple[str, ...]:
    """The curves that a study of this kind has when it is complete."""
    if not with_given(networks):
        # Nothing is copied from half to half for all classes.
        whole = {network.target_half for network in networks} == {"W"}
        return () if whole else _CURVES
    halves = any(of_family(networks, family) for family in _CURVES)
    return (*_CURVES, *GIVEN) if halves else GIVEN


def every_network(axes: Axes, data: FigureData) -> None:
    """Draws one marker per network, and the published means as dashed lines."""
    families = families_of(data.networks)
    for family in ("base", *_curves(data.networks)):
        if own := of_family(data.networks, family):
            look = style_of(family)
            style = {"size": 5.5, "offset": drawing.offset_of(family, families)}
            name = drawing.legend_name(family, own)
            drawing.dots(axes, own, data.measure, look, name=name, **style)
    if not data.networks:
        missing = "no finished network on a random split yet"
        drawing.write_in_empty_panel(axes, missing)
    published = drawing.means_by_family(data.published, data.measure)
    for family, curve in published.items():
        if family in _CURVES:
            drawing.dashed(axes, curve, STYLES[family].color)
    if data.published:
        drawing.dashed(axes, {}, "k", "the paper's networks (means)")
    drawing.layer_axis(axes, data.stages)
    axes.set_title("Every network")
    drawing.accuracy_axis(axes, data.measure)
    wanted = ("base", *_wanted(data.networks))
    absent = [f for f in wanted if not of_family(data.networks, f)]
    # Of a given network, a study need not have both.
    if absent := [family for family in absent if family not in GIVEN]:
        absent = [shown_name(family, data.networks) for family in absent]
        axes.plot([], [], " ", label=f"not run: {', '.join(absent)}")
    handles, _ = axes.get_legend_handles_labels()
    drawing.legend_below(axes, data.stages, 0.47, handles=handles, columnspacing=2.5)


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
    """Draws means and shaded areas, and explains them as the paper does.

    Of a study of a given network alone, it explains what can be told of that one.
    """
    means = drawing.means_by_family(data.networks, data.measure)
    given = _wanted(data.networks) == GIVEN
    reader = "they may be read" if given else "the paper reads them"
    axes.set_title(f"Means, and how {reader}")
    axes.set_ylabel("top-1 accuracy, mean")
    drawing.layer_axis(axes, data.stages)
    if "base" not in means:
        drawing.write_in_empty_panel(axes, "no finished base network yet")
        return
    base = means["base"][0]
    flat = dict.fromkeys(range(len(data.stages)), base)
    gaps = {}
    if given:
        gaps = _gaps_of_given(axes, means, flat)
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
    notes = []
    if drawing.has_gaps(means[family] for family in curves):
        notes.append("Lines are dotted over stages that were not measured.")
    # Those of the four curves of halves would hide each other.
    if given and any([drawing.intervals(axes, data, f, means[f]) for f in curves]):
        notes.append("Bars are 95% intervals of the difference to the base.")
    for family in curves:
        marks = style_of(family).marks(5)
        drawing.joined(axes, means[family], linewidth=1.8, **marks)
    axes.plot([0], [base], **STYLES["base"].marks(7))
    axes.margins(y=0.12)
    low, high = axes.get_ylim()
    axes.set_ylim(top=max(high, base + 0.17 * (high - low)))
    ends = [
        (
            shown_name(family, of_family(data.networks, family)),
            style_of(family).color,
            list(means[family].items())[-1],
        )
        for family in curves
    ]
    name = shown_name("base", of_family(data.networks, "base"))
    labels.label_ends(axes, [*ends, (name, "#222222", (max(flat), base))])
    tops = _GIVEN_TOPS if given else _TOPS
    places = _places(axes, means, gaps, flat, tops)
    reading = _READING_OF_GIVEN if given else _READING
    lines = []
    for number, sign in enumerate(sorted(places), start=1):
        labels.badge(axes, str(number), places[sign])
        lines.append(f"{number}   {reading[sign]}")
    lines += notes
    figure.supxlabel("\n".join(lines), x=0.09, ha="left", fontsize=9.5, linespacing=1.5)


def _gaps_of_given(axes: Axes, means: Means, flat: Curve) -> dict[str, Curve]:
    """Shades what frozen layers of P cost, and what they gain after fine-tuning."""
    gaps = {}
    if "PnB" in means:
        gaps["2"] = _fill(axes, flat, means["PnB"], "#d5ead9")
    if "PnB+" in means:
        gaps["4"] = _fill(axes, means["PnB+"], flat, "#ecf5dc")
    return gaps


# By reading, the family above the gap that it marks (None for the base), and the family
# that recovers.
_TOPS = {"2": None, "4": "BnB", "5": "AnB+", "3": "BnB+"}
_GIVEN_TOPS = {"2": None, "4": "PnB+", "3": "PnB+"}


def _places(
    axes: Axes,
    means: Means,
    gaps: dict[str, Curve],
    flat: Curve,
    tops: dict[str, str | None],
) -> dict[str, tuple[float, float]]:
    """Where the readings that are visible are marked, by reading."""
    low, high = axes.get_ylim()
    base = flat[0]
    smallest = 0.045 * (high - low)

    def middles(number: str, top: Curve) -> list[tuple[float, float]]:
        """Middles of the gaps that are large enough for a badge, widest first."""
        widest = sorted(gaps.get(number, {}).items(), key=lambda item: -item[1])
        return [(n, top[n] - gap / 2) for n, gap in widest if gap > smallest]

    places = {"1": [(0, base + 0.09 * (high - low))]}
    for number, family in tops.items():
        top = means.get(family, {}) if family else flat
        places[number] = middles(number, top)
    recovered = [(n, y) for n, y in means.get(tops["3"], {}).items() if n > 0]
    recovered.sort(key=lambda place: abs(place[0] - len(flat) / 2))
    # Fine-tuning recovers only what freezing has lost.
    places["3"] = recovered if places["2"] else []
    return labels.free_places(axes, list(places.items()))


def both_relative(axes: Axes, data: FigureData) -> None:
    """Draws the means of both studies relative to each network's own base."""
    drawing.relative_axes(axes, data.stages)
    for family, curve in _relative(data.published, data.measure):
        drawing.dashed(axes, curve, style_of(family).color)
    ends = []
    for family, curve in _relative(data.networks, data.measure):
        look = style_of(family)
        drawing.joined(axes, curve, linewidth=1.6, **look.marks(5))
        ends.append((family, look.color, list(curve.items())[-1]))
    axes.plot([], [], "k-", label="this study")
    axes.plot([], [], "k--", label="the paper's networks")
    axes.margins(y=0.1)
    labels.label_ends(axes, ends)
    axes.legend(loc="best").set_zorder(1.5)


def _relative(
    networks: Sequence[NetworkResult], measure: str
) -> list[tuple[str, Curve]]:
    curves = _curves(networks)
    means = drawing.relative_means(networks, measure)
    return [(family, curve) for family, curve in means.items() if family in curves]
