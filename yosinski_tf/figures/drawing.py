"""What the figures share: the look of each family, and legible labels.

Colours are those of Okabe and Ito, chosen to be told apart with any common
form of colour blindness; shape and filling say the same once more.
"""

import dataclasses
import io
import pathlib
from collections.abc import Iterable, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from yosinski_tf.results.analysis import by_family_and_n, relative_to_base
from yosinski_tf.results.network_result import LAYERS, NetworkResult
from yosinski_tf.system.files import make_folder, write_atomically

DPI = 115
Means = dict[str, dict[int, float]]
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
    # Framed and opaque, so that no entry is taken for a network.
    "legend.frameon": True,
    "legend.facecolor": "white",
    "legend.edgecolor": "#d9d9d9",
    "legend.framealpha": 1.0,
    "legend.fancybox": False,
    "legend.fontsize": 9,
}


@dataclasses.dataclass(frozen=True)
class Style:
    """How a family is drawn.

    Attributes:
      name: What the legend calls it.
      color: Of its line and markers.
      marker: Matplotlib's sign for the marker.
      filled: Whether the marker is filled: frozen is, fine-tuned is not.
      offset: Shift along the x axis that keeps the families of one n apart.
    """

    name: str
    color: str
    marker: str
    filled: bool
    offset: float

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
    "base": Style("base: trained from random values", "#222222", "o", False, 0),
    "BnB": Style("BnB: own layers, frozen", "#0072b2", "o", True, -0.21),
    "BnB+": Style("BnB+: own layers, fine-tuned", "#56b4e9", "o", False, -0.07),
    "AnB": Style("AnB: foreign layers, frozen", "#d55e00", "D", True, 0.07),
    "AnB+": Style("AnB+: foreign layers, fine-tuned", "#e69f00", "D", False, 0.21),
    "RnB": Style("random layers, frozen", "#8c4a79", "s", True, 0),
}
# Preserved layers, `BnB~k`: beside the frozen copies they belong to.
_PRESERVED = {
    "BnB": ("own layers, frozen; {} above kept", "#00305a", -0.3),
    "AnB": ("foreign layers, frozen; {} above kept", "#7a1f00", 0.3),
}
_PRESERVED_MARKERS = "^vP*Xp"
DISTANT_STYLE = Style("AnB, natural and man-made", "#009e73", "^", True, 0)


def style_of(family: str) -> Style:
    """How a family is drawn, preserved layers such as `AnB~2` included."""
    if family in STYLES:
        return STYLES[family]
    curve, preserved = family.split("~")
    text, color, offset = _PRESERVED[curve]
    layers = int(preserved)
    name = f"{family}: {text.format(layers)}"
    outwards = 1 + 0.2 * min(layers - 1, 2)
    return Style(
        name, color, _PRESERVED_MARKERS[layers - 1], layers == 1, offset * outwards
    )


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches, with its own canvas and no global state."""
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def style() -> object:
    """Context within which axes are made and drawn."""
    return matplotlib.rc_context(_RC)


def save(figure: Figure, path: pathlib.Path) -> pathlib.Path:
    """Writes a PNG so that a reader sees all of it or nothing."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=DPI)
    make_folder(path.parent)
    write_atomically(path, data.getvalue())
    return path


def spread(points: Sequence[NetworkResult], width: float = 0.1) -> list[float]:
    """Shifts along x so that networks of one family and n do not hide another.

    The shift depends on the split, half and seed, so that one half's networks
    stand at the same place at every n.
    """
    units = sorted({point.unit for point in points})
    step = width / max(1, len(units) - 1)
    first = -step * (len(units) - 1) / 2
    where = {unit: first + step * place for place, unit in enumerate(units)}
    return [where[point.unit] for point in points]


def layer_axis(axes: Axes, first: int = 0) -> None:
    """Labels the x axis as the paper does, n from `first` to 7."""
    axes.set_xlim(first - 0.45, 7.45)
    names = ["base" if n == 0 else str(n) for n in range(first, 8)]
    axes.set_xticks(range(first, 8), names)
    axes.set_xlabel("layer n at which network is chopped and retrained")
    axes.grid(False, axis="x")


def say_nothing_yet(axes: Axes, what: str) -> None:
    """Says in an empty panel what is missing."""
    axes.set_yticks([])
    axes.text(
        0.5, 0.5, what, transform=axes.transAxes, ha="center", va="center", color="#666"
    )


def apart(values: Iterable[float], gap: float) -> list[float]:
    """Moves values as little as it takes for none to be nearer than `gap`."""
    placed = list(values)
    order = np.argsort(placed, kind="stable")
    for _ in range(200):
        moved = False
        for low, high in zip(order[:-1], order[1:], strict=True):
            missing = gap - (placed[high] - placed[low])
            if missing > 1e-9 * gap:
                placed[low] -= missing / 2
                placed[high] += missing / 2
                moved = True
        if not moved:
            break
    return placed


def label_ends(axes: Axes, ends: Sequence[tuple[str, str, tuple[int, float]]]) -> None:
    """Names lines where they end: at n = 7 the right edge, else inside.

    Args:
      axes: Axes with final limits.
      ends: For each line its name, its colour and its last n and y.
    """
    low, high = axes.get_ylim()
    for last in sorted({end[0] for _, _, end in ends}):
        there = [each for each in ends if each[2][0] == last]
        heights = apart([y for _, _, (_, y) in there], gap=(high - low) * 0.055)
        outside = last == LAYERS[-1]
        for (text, color, _), height in zip(there, heights, strict=True):
            axes.annotate(
                text,
                (1.0 if outside else last, height),
                xycoords=axes.get_yaxis_transform() if outside else "data",
                xytext=(4 if outside else 7, 0),
                textcoords="offset points",
                va="center",
                color=color,
                fontweight="bold",
                fontsize=9,
                annotation_clip=False,
                # Other lines may pass behind those inside.
                path_effects=[withStroke(linewidth=3, foreground="white")],
            )


def place_badges(
    axes: Axes, wanted: Sequence[tuple[str, Sequence[tuple[float, float]]]]
) -> list[str]:
    """Puts numbered badges at the first of their places that is still free.

    Args:
      axes: Axes with final limits.
      wanted: For each badge its text and places (x, y), best first.

    Returns:
      The texts of the badges that were placed.
    """
    low, high = axes.get_ylim()
    taken: list[tuple[float, float]] = []
    placed = []
    for text, places in wanted:
        free = [
            (x, y)
            for x, y in places
            if all(
                abs(x - a) > 0.4 or abs(y - b) > 0.075 * (high - low) for a, b in taken
            )
        ]
        if not free:
            continue
        x, y = free[0]
        taken.append((x, y))
        placed.append(text)
        axes.annotate(
            text,
            (x, y),
            ha="center",
            va="center",
            fontsize=9,
            fontweight="bold",
            zorder=10,
            bbox={
                "boxstyle": "circle,pad=0.25",
                "facecolor": "white",
                "edgecolor": "#222222",
            },
        )
    return placed


def means_by_family(points: Sequence[NetworkResult], measure: str) -> Means:
    """Mean accuracy by family and n, with the base as n = 0 of every curve."""
    groups: dict[str, dict[int, list[float]]] = {}
    for point in points:
        group = groups.setdefault(point.family, {})
        group.setdefault(point.n, []).append(point.value(measure))
    means = {
        family: {n: float(np.mean(values)) for n, values in sorted(group.items())}
        for family, group in groups.items()
    }
    start = means.get("base", {})
    return {family: start | curve for family, curve in means.items()}


def relative_means(points: Sequence[NetworkResult], measure: str) -> Means:
    """Mean difference to the own base, in points, by family and n."""
    means: Means = {}
    for (family, n), values in by_family_and_n(
        relative_to_base(points, measure)
    ).items():
        means.setdefault(family, {0: 0.0})[n] = float(np.mean(values))
    return {family: dict(sorted(curve.items())) for family, curve in means.items()}


def line(curve: dict[int, float]) -> tuple[list[int], list[float]]:
    """The x and y of a curve, as `Axes.plot` takes them."""
    return list(curve), list(curve.values())
