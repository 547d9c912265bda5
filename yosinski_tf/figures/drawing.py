"""What the figures share: their data, axes, and the style of each family.

Colours are those of Okabe and Ito, which can be told apart with any common
form of colour blindness; the shape and the filling of markers differ too.
"""

import contextlib
import dataclasses
import io
import itertools
import pathlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib import transforms
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from yosinski_tf.experiment.treatments import PAPER_STAGES
from yosinski_tf.results import network_result
from yosinski_tf.results.analysis import differences_by_cell, estimate
from yosinski_tf.results.network_result import Cell, NetworkResult, by_cell
from yosinski_tf.system.files import make_folder, write_atomically

DPI = 115
Curve = dict[int, float]
Means = dict[str, Curve]
_RC = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    # Framed and opaque: a marker in a legend must not look like a network.
    "legend.frameon": True,
    "legend.facecolor": "white",
    "legend.edgecolor": "#d9d9d9",
    "legend.framealpha": 1.0,
    "legend.fancybox": False,
    "legend.fontsize": 9,
}


@dataclasses.dataclass(frozen=True)
class FigureData:
    """The networks of a study that a figure shows, by one of `MEASURES`.

    Those of the paper to compare with, `published`, are drawn as dashed means. An
    unknown measure raises a `UserError`.
    """

    networks: Sequence[NetworkResult]
    measure: str
    published: Sequence[NetworkResult] = ()

    def __post_init__(self):
        network_result.check_measure(self.measure)

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages of the networks, the study's if it has any."""
        return network_result.stages_of(self.networks or self.published)


@dataclasses.dataclass(frozen=True)
class Style:
    """How a family is drawn, and its name in the legend.

    Its `marker` is Matplotlib's sign; it is filled for frozen layers, not for
    fine-tuned ones.
    """

    name: str
    color: str
    marker: str
    filled: bool

    def marks(self, size: float = 6.0) -> dict[str, object]:
        """Keyword arguments of `Axes.plot` for its markers."""
        return {
            "color": self.color,
            "marker": self.marker,
            "markersize": size,
            "markeredgecolor": self.color,
            "markeredgewidth": 1.3,
            "markerfacecolor": self.color if self.filled else "white",
        }


STYLES = {
    "base": Style("base: trained from random values", "#222222", "o", False),
    "BnB": Style("BnB: own layers, frozen", "#0072b2", "o", True),
    "BnB+": Style("BnB+: own layers, fine-tuned", "#56b4e9", "o", False),
    "AnB": Style("AnB: foreign layers, frozen", "#d55e00", "D", True),
    "AnB+": Style("AnB+: foreign layers, fine-tuned", "#e69f00", "D", False),
    "PnB": Style("PnB: layers of the given P, frozen", "#1b7837", ">", True),
    "PnB+": Style("PnB+: layers of the given P, fine-tuned", "#7fbf3f", ">", False),
    "RnB": Style("random layers, frozen", "#8c4a79", "s", True),
}
DISTANT_STYLE = Style("AnB, natural and man-made", "#009e73", "^", True)
_PRESERVED = {
    "BnB": ("own layers, frozen; {} above kept", "#00305a"),
    "AnB": ("foreign layers, frozen; {} above kept", "#7a1f00"),
    "PnB": ("layers of P, frozen; {} above kept", "#0b3d1a"),
}
_PRESERVED_MARKERS = "^vP*Xp"
# Shifts along the x axis that keep the families of one n apart; preserved layers
# stand outside the frozen copies that they belong to. Copies of P stand beside these.
_OFFSETS = {"base": 0.0, "BnB": -0.21, "BnB+": -0.07, "AnB": 0.07, "AnB+": 0.21}
_PRESERVED_OFFSETS = {"BnB": -0.3, "AnB": 0.3, "PnB": -0.4}
_GIVEN_OFFSETS = {"PnB": -0.35, "PnB+": 0.35}
_GIVEN_ALONE = {"PnB": -0.1, "PnB+": 0.1}
_LONGEST_NAME = 18
# For stages that were not measured; dashes are the paper's networks.
_DOTS = (0, (1, 1.5))


def style_of(family: str) -> Style:
    """How a family is drawn, including preserved layers such as `AnB~2`."""
    if family in STYLES:
        return STYLES[family]
    curve, preserved = family.split("~")
    text, color = _PRESERVED[curve]
    layers = int(preserved)
    name = f"{family}: {text.format(layers)}"
    marker = _PRESERVED_MARKERS[(layers - 1) % len(_PRESERVED_MARKERS)]
    return Style(name, color, marker, layers == 1)


def legend_name(family: str, networks: Sequence[NetworkResult]) -> str:
    """The name of a family in a legend, with `shown_name` of these networks."""
    name = style_of(family).name
    if not name.startswith(f"{family}:"):
        return name
    return network_result.shown_name(family, networks) + name[len(family) :]


def offset_of(family: str, beside: Collection[str] = tuple(_OFFSETS)) -> float:
    """Shift of a family along the x axis of Figure 2, in layers.

    `beside` are the families of the same axes.
    """
    curve, _, preserved = family.partition("~")
    if not preserved:
        alone = not {"BnB", "BnB+", "AnB", "AnB+"} & set(beside)
        return (_OFFSETS | (_GIVEN_ALONE if alone else _GIVEN_OFFSETS))[family]
    return _PRESERVED_OFFSETS[curve] * (1 + 0.2 * min(int(preserved) - 1, 2))


@contextlib.contextmanager
def new_figure(width: float, height: float) -> Iterator[Figure]:
    """An empty figure, sizes in inches, to be drawn and saved in a `with` block."""
    with matplotlib.rc_context(_RC):
        # Outside pyplot's global state.
        yield Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def save(figure: Figure, path: pathlib.Path) -> pathlib.Path:
    """Writes a PNG so that a reader sees all of it or nothing."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=DPI)
    make_folder(path.parent)
    write_atomically(path, data.getvalue())
    return path


def spread(networks: Sequence[NetworkResult]) -> list[float]:
    """Shifts along x so that networks of one family and n do not hide another.

    The shift depends on the split, half and seed, so that the networks of one
    half have the same shift at every n.
    """
    units = sorted({network.unit for network in networks})
    step = 0.1 / max(1, len(units) - 1)
    first = -step * (len(units) - 1) / 2
    where = {unit: first + step * place for place, unit in enumerate(units)}
    return [where[network.unit] for network in networks]


def dots(
    axes: Axes,
    networks: Sequence[NetworkResult],
    measure: str,
    look: Style,
    *,
    name: str | None,
    size: float = 5.0,
    offset: float = 0.0,
) -> None:
    """Draws one marker per network; `name` is its entry in the legend."""
    places = zip(networks, spread(networks), strict=True)
    axes.plot(
        [network.n + offset + shift for network, shift in places],
        [network.value(measure) for network in networks],
        linestyle="none",
        label=name,
        **look.marks(size),
    )


def joined(axes: Axes, curve: Curve, **options: Any) -> Line2D:
    """Draws a mean by n: a line, dotted over stages that were not measured.

    `options` are those of `Axes.plot`.
    """
    solid, dotted = [], []
    for first, second in itertools.pairwise([*curve.items(), None]):
        solid.append(first)
        if second and second[0] > first[0] + 1.5:  # Curves may be shifted.
            solid.append((np.nan, np.nan))
            dotted += [first, second, (np.nan, np.nan)]
    (drawn,) = axes.plot(*zip(*solid, strict=True), **options)
    if dotted:
        thin = {"color": drawn.get_color(), "linewidth": 1.2, "linestyle": _DOTS}
        axes.plot(*zip(*dotted, strict=True), **thin)
    return drawn


def has_gaps(curves: Iterable[Curve]) -> bool:
    """Whether one of some curves passes over stages that were not measured."""
    return any(b > a + 1 for curve in curves for a, b in itertools.pairwise(curve))


def dashed(axes: Axes, curve: Curve, color: str, name: str | None = None) -> None:
    """Draws a mean of the paper's networks."""
    axes.plot(*line(curve), "--", linewidth=1.3, color=color, label=name)


def layer_axis(
    axes: Axes,
    stages: Sequence[str],
    label: str = "layer n at which network is chopped and retrained",
) -> None:
    """Labels the x axis as the paper does, from the base to the last n.

    Other networks than the paper's have the names of their stages on it.
    """
    axes.set_xlim(-0.45, len(stages) - 0.55)
    places = range(len(stages))
    if is_papers(stages):
        axes.set_xticks(places, ["base", *map(str, places[1:])])
    else:
        label = label.replace("layer", "stage")
        _name_places(axes, {0: "base", **_numbered(dict(enumerate(stages[:-1], 1)))})
    axes.set_xlabel(label)
    axes.grid(False, axis="x")


def name_layers(axes: Axes, layers: Mapping[int, str]) -> None:
    """Labels the x axis with n and the names of layers, by n from the first."""
    axes.set_xlim(min(layers) - 0.55, max(layers) + 0.55)
    _name_places(axes, _numbered(layers))


def _numbered(layers: Mapping[int, str]) -> dict[int, str]:
    return {n: f"{n} {_shortened(name)}" for n, name in layers.items()}


def _name_places(axes: Axes, names: Mapping[int, str]) -> None:
    axes.set_xticks(
        list(names),
        list(names.values()),
        rotation=60,
        ha="right",
        rotation_mode="anchor",
        fontsize=9 if len(names) < 15 else 7.5,
    )


def room_for_names(stages: Sequence[str]) -> float:
    """Height in inches that two axes of a figure need more for names of stages."""
    return 0.0 if is_papers(stages) else 2.4


def is_papers(stages: Sequence[str]) -> bool:
    """Whether these are the eight layers of the paper's networks."""
    return tuple(stages) == PAPER_STAGES


def _shortened(name: str) -> str:
    """A name with its middle left out if it is long; its end tells most."""
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:5]}\N{HORIZONTAL ELLIPSIS}{name[6 - _LONGEST_NAME :]}"


def legend_below(axes: Axes, stages: Sequence[str], x: float, **options: Any) -> None:
    """Puts the legend below the names of an x axis made by `layer_axis`."""
    place: dict[str, Any] = {"bbox_to_anchor": (x, -0.16)}
    if not is_papers(stages):
        # The names take as many points in axes of any height.
        figure = axes.figure
        box = axes.xaxis.get_tightbbox()
        below = (axes.bbox.y0 - box.y0) / figure.dpi + 0.1
        down = transforms.ScaledTranslation(0, -below, figure.dpi_scale_trans)
        place = {"bbox_to_anchor": (x, 0), "bbox_transform": axes.transAxes + down}
    axes.legend(loc="upper center", ncols=2, **place, **options)


def accuracy_axis(axes: Axes, measure: str) -> None:
    """Labels the y axis with the measure of accuracy."""
    axes.set_ylabel(f"top-1 accuracy\n({network_result.MEASURE_NAMES[measure]})")


def relative_axes(axes: Axes, stages: Sequence[str]) -> None:
    """Prepares a panel of differences to the own base, by n."""
    axes.axhline(0, color="#222222", linewidth=1)
    layer_axis(axes, stages)
    axes.set_title("Relative to each network's own base")
    axes.set_ylabel("difference in top-1,\npercentage points")


def write_in_empty_panel(axes: Axes, text: str) -> None:
    """Says in a panel without data what is missing."""
    axes.set_yticks([])
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="#666"
    )


def means_by_family(networks: Sequence[NetworkResult], measure: str) -> Means:
    """Mean accuracy by family and n, with the base as n = 0 of every curve."""
    values = [network.value(measure) for network in networks]
    means = _means(by_cell(networks, values))
    start = means.get("base", {})
    return {family: start | curve for family, curve in means.items()}


def relative_means(networks: Sequence[NetworkResult], measure: str) -> Means:
    """Mean difference to the own base, in points, by family and n."""
    means = _means(differences_by_cell(networks, measure))
    return {family: {0: 0.0} | curve for family, curve in means.items()}


def _means(groups: Mapping[Cell, Sequence[float]]) -> Means:
    means: Means = {}
    for (family, n), values in groups.items():
        means.setdefault(family, {})[n] = float(np.mean(values))
    return {family: dict(sorted(curve.items())) for family, curve in means.items()}


def intervals(axes: Axes, data: FigureData, family: str, curve: Curve) -> bool:
    """Draws 95% intervals of the paired difference to the base, about its mean.

    Returns:
      Whether there is one; it takes three pairs.
    """
    groups = differences_by_cell(data.networks, data.measure)
    found = {n: estimate(groups.get((family, n), [])) for n in curve if n}
    half = {n: (e.high - e.mean) / 100 for n, e in found.items() if e.high is not None}
    axes.errorbar(
        list(half),
        [curve[n] for n in half],
        list(half.values()),
        fmt="none",
        ecolor=style_of(family).color,
        elinewidth=1,
        capsize=3,
    )
    return bool(half)


def line(curve: Curve) -> tuple[list[int], list[float]]:
    """The x and y of a curve, as `Axes.plot` takes them."""
    return list(curve), list(curve.values())
