"""What was measured of the layers, beside the curves, by n."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import scipy.stats
from matplotlib.axes import Axes

from yosinski_tf.explain import rows as tidy
from yosinski_tf.explain.cautions import lacks_ceiling
from yosinski_tf.explain.rows import Row
from yosinski_tf.figures import drawing
from yosinski_tf.figures.drawing import STYLES, Style
from yosinski_tf.results import tables
from yosinski_tf.results.analysis import estimate

_WIDTH = 7.8
_ROW = 2.35
_SMALL = 7.5
_EMPTY = "."
_READING = """\
B: the half of the classes that networks are
trained on. A: the other half.
AnB: layers 1 to n of base A, frozen; the rest
is trained on B. BnB: those of base B itself.
+: fine-tuned, not frozen.
Random values: a network that is not trained.
(6/12): of 6 of 12 pairs only."""
Values = Mapping[int, Sequence[float]]


@dataclasses.dataclass(frozen=True)
class _Line:
    """A measure of one network, and how it is drawn."""

    name: str
    network: str
    measure: str
    look: Style


@dataclasses.dataclass(frozen=True)
class _Panel:
    """Lines on one pair of axes.

    Attributes:
      title: Its title.
      unit: The label of its y axis.
      lines: What is drawn, if there are values.
      values: The values of a line, by n.
      beside: Whether the accuracy of frozen copies is drawn too.
      zero: Whether 0 is marked.
      note: What stands below the lines, from the rows.
    """

    title: str
    unit: str
    lines: Sequence[_Line]
    values: Callable[[Sequence[Row], str, str], Values] = tidy.values_by_n
    beside: bool = False
    zero: bool = False
    note: Callable[[Sequence[Row]], str] = lambda rows: ""


def _looks(names: Mapping[str, str], measure: str) -> list[_Line]:
    """Lines of one measure, by network the style's family and the name."""
    return [
        _Line(name, network, measure, STYLES[_FAMILY[network]])
        for network, name in names.items()
    ]


# The style in which a network is drawn: that of the copies of it.
_FAMILY = {
    "baseA": "AnB",
    "baseA baseB": "AnB",
    "baseB": "BnB",
    "baseB baseB'": "BnB",
    "R": "RnB",
    "R baseB": "RnB",
    "P": "PnB",
    "P baseB": "PnB",
    "AnB+ baseA": "AnB+",
    "BnB+ baseB": "BnB+",
    "PnB+ P": "PnB+",
    **{family: family for family in STYLES},
}
_SOURCES = {"baseA": "base A", "baseB": "base B", "P": "P", "R": "random values"}
# Without random layers, which lose several times as much.
_COPIES = {f: f for f in ("BnB", "BnB+", "AnB", "AnB+", "PnB", "PnB+")}
_TUNED = {family: family for family in ("AnB+", "BnB+", "PnB+")}
_PAIRS = {
    "baseA baseB": "base A, base B",
    "P baseB": "P, base B",
    "baseB baseB'": "base B, second seed: ceiling",
    "R baseB": "random values, base B",
    "AnB+ baseA": "AnB+, its start",
    "BnB+ baseB": "BnB+, its start",
    "PnB+ P": "PnB+, its start",
}
_BY_THE_SCORES = Style("", "#009e73", "^", True)


def _of_longest(rows: Sequence[Row], measure: str, network: str) -> Values:
    """Values of the copies with the largest n, whose layers all moved as long."""
    start = f"{network} n="
    own = {row.network for row in rows if row.measure == measure}
    last = max(
        (int(name.removeprefix(start)) for name in own if name.startswith(start)),
        default=0,
    )
    return tidy.values_by_n(rows, measure, f"{start}{last}")


def _ranks(rows: Sequence[Row], measure: str, network: str) -> Values:
    """Where each layer of a pair stands among its layers: 0 lowest, 1 highest."""
    found: dict[int, list[float]] = {}
    chosen = [r for r in rows if (r.measure, r.network) == (measure, network)]
    for pair in sorted({row.pair for row in chosen}):
        own = [r for r in chosen if r.pair == pair and np.isfinite(r.value)]
        if len(own) > 1:
            ranks = scipy.stats.rankdata([row.value for row in own])
            for row, rank in zip(own, ranks, strict=True):
                found.setdefault(row.n, []).append((rank - 1) / (len(own) - 1))
    return dict(sorted(found.items()))


def _ceiling(rows: Sequence[Row]) -> str:
    """That there is no second seed, if there is a base to compare one with."""
    return "one seed: no ceiling" if lacks_ceiling(rows) else ""


_PANELS = (
    _Panel(
        "The curves: copies against their base",
        "points over the base",
        _looks(_COPIES, "over_base"),
        zero=True,
    ),
    _Panel(
        "Linear probe",
        "% of B's images",
        _looks(_SOURCES, "linear_probe"),
        beside=True,
    ),
    _Panel(
        "k nearest neighbours",
        "% of B's images",
        _looks(_SOURCES, "knn_probe"),
        beside=True,
    ),
    _Panel("Similarity", "linear CKA", _looks(_PAIRS, "cka"), note=_ceiling),
    _Panel(
        "Weight travel in the longest copies",
        "change / start",
        _looks(_TUNED, "travel"),
        values=_of_longest,
    ),
    _Panel(
        "Criticality of base B's layers",
        "points lost",
        [
            _Line("put back to its start", "baseB", "loss_put_back", STYLES["BnB"]),
            _Line("drawn anew", "baseB", "loss_drawn_anew", STYLES["RnB"]),
        ],
        zero=True,
    ),
    _Panel(
        "Scores, as ranks of the layers",
        "rank of the layer",
        [
            _Line("LogME of base A", "baseA", "logme", STYLES["AnB"]),
            _Line("H-score of base A", "baseA", "h_score", _BY_THE_SCORES),
            _Line("LogME of P", "P", "logme", STYLES["PnB"]),
            _Line("H-score of P", "P", "h_score", STYLES["PnB+"]),
        ],
        values=_ranks,
        beside=True,
    ),
)


def file_names(kinds: Iterable[str]) -> dict[str, str]:
    """The names of the pictures of kinds of splits: `layers.png` for the first."""
    return {
        kind: f"layers_{kind}.png" if place else "layers.png"
        for place, kind in enumerate(kinds)
    }


def layers_figure(rows: Sequence[Row], path: pathlib.Path) -> pathlib.Path | None:
    """Draws the measures of one kind of split by layer: means and 95% intervals.

    Above stands the difference of the copies to their base; a panel without data is
    left out. An interval takes three pairs.

    Returns:
      The path; None, and nothing is written, without a value.
    """
    panels = [panel for panel in _PANELS if _drawn(panel, rows)]
    if not panels:
        return None
    layers = tidy.layer_names(rows)
    titles = [panels[0].title, _READING, *(panel.title for panel in panels[1:])]
    titles += [_EMPTY] * (len(titles) % 2)
    grid = [list(pair) for pair in zip(titles[::2], titles[1::2], strict=True)]
    names = 0.25 + 0.07 * max(map(len, layers.values()))
    with drawing.new_figure(_WIDTH, 0.7 + names + _ROW * len(grid)) as figure:
        axes = figure.subplot_mosaic(grid, sharex=True, empty_sentinel=_EMPTY)
        for panel in panels:
            _draw(axes[panel.title], panel, rows)
            drawing.name_layers(axes[panel.title], layers)
        if titles[-1] == _EMPTY:  # Else only the panels of the last row name n.
            axes[titles[-3]].tick_params(labelbottom=True)
        axes[_READING].axis("off")
        axes[_READING].text(
            0, 1, _READING, va="top", fontsize=8.5, transform=axes[_READING].transAxes
        )
        figure.suptitle(
            f"What the layers hold: {tables.kind_name(rows[0].kind)},"
            f" {tidy.counted_pairs(rows)}",
            fontweight="bold",
        )
        bars = any(each.collections for each in axes.values())
        figure.supxlabel(
            "layer n; means over pairs,"
            f" {'bars are 95% intervals' if bars else 'intervals need 3 pairs'}",
            fontsize=9,
        )
        return drawing.save(figure, path)


def _drawn(panel: _Panel, rows: Sequence[Row]) -> list[tuple[_Line, Values]]:
    found = [
        (line, panel.values(rows, line.measure, line.network)) for line in panel.lines
    ]
    return [(line, values) for line, values in found if values]


def _draw(axes: Axes, panel: _Panel, rows: Sequence[Row]) -> None:
    if panel.zero:
        axes.axhline(0, color="#222222", linewidth=1)
    pairs = len({row.pair for row in rows if row.direction})
    lines = _drawn(panel, rows)
    for place, (line, values) in enumerate(lines):
        shift = 0.06 * (place - (len(lines) - 1) / 2)
        _curve(axes, values, shift, line.look, f"{line.name}{_some(values, pairs)}")
    if panel.beside:
        family = next((f for f in ("AnB", "PnB") if panel.values(rows, "top1", f)), "")
        if family:
            values = panel.values(rows, "top1", family)
            name = f"accuracy of {family}{_some(values, pairs)}"
            thin = {"color": "#222222", "linewidth": 1, "marker": ".", "markersize": 4}
            drawing.joined(axes, _means(values), label=name, **thin)
    if note := panel.note(rows):
        axes.text(0.02, 0.03, note, fontsize=_SMALL, transform=axes.transAxes)
    if panel.values is _ranks:
        axes.set_yticks([0, 1], ["lowest", "highest"])
    axes.set_ylabel(panel.unit, fontsize=9)
    axes.tick_params(axis="y", labelsize=8)
    axes.grid(False, axis="x")
    count = len(axes.get_legend_handles_labels()[0])
    axes.set_title(panel.title, fontsize=10, pad=5 + 11.5 * -(-count // 2))
    legend = axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=2,
        frameon=False,
        fontsize=_SMALL,
        borderaxespad=0.1,
        labelspacing=0.2,
        columnspacing=1.2,
        handlelength=1.6,
    )
    # Room is left by the title; a long name shall not make the axes narrow.
    legend.set_in_layout(False)


def _some(values: Values, pairs: int) -> str:
    """Of how many pairs some values are, if there are more."""
    least = min(map(len, values.values()))
    return f" ({least}/{pairs})" if least < pairs else ""


def _means(values: Values) -> drawing.Curve:
    return {n: float(np.mean(each)) for n, each in values.items()}


def _curve(axes: Axes, values: Values, shift: float, look: Style, name: str) -> None:
    """Draws means with their intervals, a little beside n."""
    means = {n + shift: mean for n, mean in _means(values).items()}
    drawing.joined(axes, means, linewidth=1.3, label=name, **look.marks(4))
    found = {n + shift: estimate(each) for n, each in values.items()}
    bars = {x: each for x, each in found.items() if each.high is not None}
    if not bars:
        return
    axes.errorbar(
        list(bars),
        [each.mean for each in bars.values()],
        [each.high - each.mean for each in bars.values()],
        fmt="none",
        ecolor=look.color,
        elinewidth=0.8,
        capsize=1.5,
    )
