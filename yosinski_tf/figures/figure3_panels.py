"""The three panels of Figure 3: distant classes, and random features."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from yosinski_tf.figures import drawing
from yosinski_tf.figures.drawing import DISTANT_STYLE, STYLES, FigureData, Style
from yosinski_tf.results import analysis, network_result, tables
from yosinski_tf.results.network_result import (
    DISTANT,
    GIVEN,
    direction,
    of_family,
    of_kind,
)

# By direction; the mean of both has a colour of its own, `DISTANT_STYLE`.
_LOOKS = {
    "natural": Style("", "#56c4a2", "^", True),
    "man-made": Style("", "#00523c", "v", True),
}


def has_distant(data: FigureData) -> bool:
    """Whether there is a network for `distant`."""
    return bool(of_kind([*data.networks, *data.published], DISTANT))


def has_random(data: FigureData) -> bool:
    """Whether there is a network for `random`."""
    return bool(of_family([*data.networks, *data.published], "RnB"))


def has_relative(data: FigureData) -> bool:
    """Whether there is a network with its own base for `relative`."""
    curves = [*_curves(data.networks), *_curves(data.published)]
    return any(analysis.relative_to_base(each, data.measure) for _, _, each in curves)


def distant(axes: Axes, data: FigureData) -> None:
    """Draws AnB between natural and man-made classes, one line per direction."""
    axes.set_title("Natural and man-made classes")
    drawing.accuracy_axis(axes, data.measure)
    drawing.layer_axis(axes, data.stages, "layer n")
    ours, theirs = (
        [n for n in of_kind(side, DISTANT) if n.family in ("AnB", "base")]
        for side in (data.networks, data.published)
    )
    for target, look in _LOOKS.items():
        chosen, published = (
            [n for n in side if direction(n) == target] for side in (ours, theirs)
        )
        _published_means(axes, published, "AnB", look, data.measure)
        if chosen:
            copies, bases = (of_family(chosen, family) for family in ("AnB", "base"))
            curves = drawing.means_by_family(chosen, data.measure)
            curve = curves.get("AnB") or curves["base"]
            source = "man-made" if target == "natural" else "natural"
            name = f"{source} to {target}" if copies else f"{target}: base only"
            drawing.joined(axes, curve, linewidth=1.6, color=look.color)
            drawing.dots(axes, copies, data.measure, look, name=name)
            hollow = dataclasses.replace(look, filled=False)
            name = None if copies else name
            drawing.dots(axes, bases, data.measure, hollow, name=name)
    _finish(axes, bool(ours), bool(theirs))


def _finish(axes: Axes, ours: bool, theirs: bool, title: str | None = None) -> None:
    """Adds the legend and limits of a panel."""
    if theirs:
        name = "the paper's" if ours else "the paper's; not run here yet"
        drawing.dashed(axes, {}, "k", name)
    # A margin at both ends, so that no marker is cut off.
    highest = axes.dataLim.ymax or 1.0
    axes.set_ylim(-0.02 * highest, 1.06 * highest)
    # Above the grid, but below any network that it overlaps.
    axes.legend(loc="best", title=title).set_zorder(1.5)


def _published_means(
    axes: Axes,
    networks: Sequence[network_result.NetworkResult],
    family: str,
    look: Style,
    measure: str,
) -> None:
    if curve := drawing.means_by_family(networks, measure).get(family):
        drawing.dashed(axes, curve, look.color)


def random(axes: Axes, data: FigureData) -> None:
    """Draws RnB and the bases of the same halves."""
    axes.set_title("Random frozen layers")
    drawing.layer_axis(axes, data.stages, "layer n")
    look = STYLES["RnB"]
    ours, theirs = _with_bases(data.networks), _with_bases(data.published)
    _published_means(axes, theirs, "RnB", look, data.measure)
    if ours:
        curve = drawing.means_by_family(ours, data.measure)["RnB"]
        drawing.joined(axes, curve, linewidth=1.6, color=look.color)
        for family, name in (("RnB", "random layers"), ("base", "base")):
            chosen = of_family(ours, family)
            drawing.dots(axes, chosen, data.measure, STYLES[family], name=name)
    title = tables.kind_name(ours[0].kind) if ours else None
    _finish(axes, bool(ours), bool(theirs), title)


def _with_bases(
    networks: Sequence[network_result.NetworkResult],
) -> list[network_result.NetworkResult]:
    """The RnB networks of one kind of split, and their bases."""
    networks = of_kind(networks, network_result.random_layers_kind(networks))
    units = {network.unit for network in of_family(networks, "RnB")}
    return [n for n in networks if n.family in ("RnB", "base") and n.unit in units]


def _curves(
    networks: Sequence[network_result.NetworkResult],
) -> list[tuple[Style, float, list[network_result.NetworkResult]]]:
    """Style, shift along x, and networks of the curves of the lower panel.

    Curves of copies of P are among them only if there are any.
    """
    near = Style("AnB, random halves", STYLES["AnB"].color, "D", True)
    copies = [n for n in networks if n.family in ("AnB", "base")]
    given = of_kind(networks, network_result.given_kind(networks))
    of_given = [
        (
            dataclasses.replace(
                STYLES[family],
                name=drawing.legend_name(family, of_family(given, family)),
            ),
            offset,
            [n for n in given if n.family in (family, "base")],
        )
        for family, offset in zip(GIVEN, (-0.11, 0.11), strict=True)
        if of_family(given, family)
    ]
    return [
        (near, -0.22, of_kind(copies, network_result.RANDOM)),
        (DISTANT_STYLE, 0.22, of_kind(copies, DISTANT)),
        *of_given,
        (STYLES["RnB"], 0.0, _with_bases(networks)),
    ]


def relative(axes: Axes, data: FigureData) -> None:
    """Draws the difference of each network to its own base, and the means."""
    drawing.relative_axes(axes, data.stages)
    lowest, highest = [0.0], [0.0]
    for look, _, chosen in _curves(data.published):
        for curve in drawing.relative_means(chosen, data.measure).values():
            drawing.dashed(axes, curve, look.color)
            highest += curve.values()
            if look is not STYLES["RnB"]:
                lowest += curve.values()
    random_line = None
    for look, offset, chosen in _curves(data.networks):
        differences = analysis.relative_to_base(chosen, data.measure)
        if not differences:
            continue
        networks = [difference.network for difference in differences]
        values = [difference.value for difference in differences]
        shifts = drawing.spread(networks)
        for network, value, shift in zip(networks, values, shifts, strict=True):
            own = _LOOKS[direction(network)] if look is DISTANT_STYLE else look
            axes.plot(
                network.n + offset + shift, value, linestyle="none", **own.marks(3.2)
            )
        (curve,) = drawing.relative_means(chosen, data.measure).values()
        drawn = drawing.joined(
            axes, curve, linewidth=1.6, label=look.name, color=look.color
        )
        highest += values
        if look is STYLES["RnB"]:
            random_line = drawn
        else:
            lowest += values
    if random_line:
        _limit(axes, min(lowest), max(highest), random_line)
    if data.published:
        drawing.dashed(axes, {}, "k", "the paper's networks (means)")
    drawing.legend_below(axes, data.stages, 0.45)


def _limit(axes: Axes, lowest: float, highest: float, random_line: Line2D) -> None:
    """Limits the y axis to the AnB curves if random layers fall far below them."""
    deepest = np.nanmin(random_line.get_ydata())
    if lowest < 0 and deepest < 2.0 * lowest:
        axes.set_ylim(1.25 * lowest, max(1.0, 1.15 * highest, -0.05 * lowest))
        name = random_line.get_label()
        random_line.set_label(f"{name} (mean falls to \N{MINUS SIGN}{-deepest:.1f})")
