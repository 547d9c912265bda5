"""The paper's figures 2 and 3, and accuracy against examples per class.

Families that a study does not have (yet) are named in the figure and left out.
"""

import pathlib
from collections.abc import Sequence

from yosinski_tf import distant_panels, drawing, halves_panels
from yosinski_tf.drawing import STYLES
from yosinski_tf.points import DISTANT, RANDOM, Point, check_measure, of_kind
from yosinski_tf.published import ReducedRun


def figure2(
    points: Sequence[Point],
    path: pathlib.Path,
    measure: str,
    title: str | None = None,
    published_points: Sequence[Point] | None = None,
) -> pathlib.Path:
    """Draws the paper's Figure 2: random splits, every treatment.

    The upper panel shows each network. The lower one shows plain means over
    networks, as the paper does, with the areas that it reads as co-adaptation,
    specificity and improved generalisation. With `published_points` both
    studies are drawn, the published one as dashed means, and the lower panel
    is relative to each network's own base so that they share an axis.

    Args:
      points: Networks of a study; only those on random splits are drawn.
      path: PNG to write.
      measure: One of `points.MEASURES`.
      title: Heading of the figure.
      published_points: Networks of the paper to compare with.
    """
    check_measure(measure)
    chosen = of_kind(points, RANDOM)
    theirs = of_kind(published_points, RANDOM) if published_points else []
    with drawing.style():
        figure = drawing.new_figure(7.8, 8.8)
        top, bottom = figure.subplots(2, 1)
        figure.suptitle(title or "Transfer between random halves", fontweight="bold")
        halves_panels.every_network(top, chosen, theirs, measure)
        if theirs:
            halves_panels.both_relative(bottom, chosen, theirs, measure)
        else:
            halves_panels.interpretation(figure, bottom, chosen, measure)
        return drawing.save(figure, path)


def figure3(
    points: Sequence[Point],
    path: pathlib.Path,
    measure: str,
    title: str | None = None,
    published_points: Sequence[Point] | None = None,
) -> pathlib.Path:
    """Draws the paper's Figure 3: distant classes, and random features.

    Above left, transfer between natural and man-made classes; above right,
    random frozen layers; below, both and the random halves relative to the own
    base of each network: points are networks, lines their means.

    Args:
      points: Networks of a study, on any splits.
      path: PNG to write.
      measure: One of `points.MEASURES`.
      title: Heading of the figure.
      published_points: Networks of the paper, drawn as dashed means below.
    """
    check_measure(measure)
    with drawing.style():
        figure = drawing.new_figure(7.8, 7.6)
        panels = figure.subplot_mosaic([["distant", "random"], ["below", "below"]])
        figure.suptitle(
            title or "Distant classes, and random features", fontweight="bold"
        )
        distant_panels.distant(panels["distant"], of_kind(points, DISTANT), measure)
        distant_panels.random(panels["random"], points, measure)
        distant_panels.relative(
            panels["below"], points, published_points or [], measure
        )
        return drawing.save(figure, path)


def reduced_data(rows: Sequence[ReducedRun], path: pathlib.Path) -> pathlib.Path:
    """Draws accuracy against training examples per class (not in the paper).

    Args:
      rows: Networks of the released logs, see `published.reduced_runs`.
      path: PNG to write.
    """
    learned = [row for row in rows if row.top1_mean_of_10_best > 0.01]
    stuck = [row for row in rows if row not in learned]
    color = STYLES["BnB"].color
    with drawing.style():
        figure = drawing.new_figure(7.2, 4.2)
        axes = figure.subplots()
        for chosen, face, name in (
            (learned, color, "trained"),
            (stuck, "white", "never got past 1%: about chance"),
        ):
            axes.plot(
                [row.examples_per_class for row in chosen],
                [row.top1_mean_of_10_best for row in chosen],
                color=color,
                marker="o",
                markerfacecolor=face,
                linestyle="-" if chosen is learned else "none",
                label=name,
            )
        for row in learned:
            axes.annotate(
                f"{row.top1_mean_of_10_best:.2f}",
                (row.examples_per_class, row.top1_mean_of_10_best),
                xytext=(7, -11) if row is learned[-1] else (-7, 5),
                textcoords="offset points",
                ha="left" if row is learned[-1] else "right",
                fontsize=9,
            )
        axes.set_xscale("log")
        ticks = [row.examples_per_class for row in rows]
        shown = [n for n in ticks if n not in (750, 1000)]
        axes.set_xticks(shown, [str(n) for n in shown])
        axes.minorticks_off()
        axes.set_xlim(0.7, 2400)
        axes.set_ylim(-0.02, 0.65)
        axes.set_xlabel("training images per class, 1000 classes (log scale)")
        axes.set_ylabel("top-1 accuracy\n(mean of the ten highest validations)")
        axes.set_title("Base networks on fewer images: the authors' released logs")
        axes.legend(loc="upper left")
        return drawing.save(figure, path)
