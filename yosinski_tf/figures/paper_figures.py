"""The paper's figures 2 and 3.

Families that a study does not have (yet) are named in the figure and left out.
"""

import pathlib
from collections.abc import Sequence

from yosinski_tf.figures import drawing, figure2_panels, figure3_panels
from yosinski_tf.results.network_result import (
    DISTANT,
    FROM_FILE,
    RANDOM,
    NetworkResult,
    check_measure,
    of_kind,
)


def figure2(
    points: Sequence[NetworkResult],
    path: pathlib.Path,
    measure: str,
    title: str | None = None,
    published_points: Sequence[NetworkResult] | None = None,
) -> pathlib.Path:
    """Draws the paper's Figure 2: every treatment, on random splits.

    A study without a network on a random split, but with some on halves of the
    user's own, is drawn on these.

    The upper panel shows each network. The lower one shows plain means over
    networks, as the paper does, with the areas that it reads as co-adaptation,
    specificity and improved generalisation. With `published_points` both
    studies are drawn, the published one as dashed means, and the lower panel
    is relative to each network's own base so that they share an axis.

    Args:
      points: Networks of a study; of one kind of split those are drawn.
      path: PNG to write.
      measure: One of `points.MEASURES`.
      title: Heading of the figure.
      published_points: Networks of the paper to compare with.
    """
    check_measure(measure)
    chosen, halves = of_kind(points, RANDOM), "random halves"
    if not chosen and (chosen := of_kind(points, FROM_FILE)):
        halves = "halves read from a file"
    theirs = of_kind(published_points, RANDOM) if published_points else []
    with drawing.style():
        figure = drawing.new_figure(7.8, 8.8)
        top, bottom = figure.subplots(2, 1)
        figure.suptitle(title or f"Transfer between {halves}", fontweight="bold")
        figure2_panels.every_network(top, chosen, theirs, measure)
        if theirs:
            figure2_panels.both_relative(bottom, chosen, theirs, measure)
        else:
            figure2_panels.interpretation(figure, bottom, chosen, measure)
        return drawing.save(figure, path)


def figure3(
    points: Sequence[NetworkResult],
    path: pathlib.Path,
    measure: str,
    title: str | None = None,
    published_points: Sequence[NetworkResult] | None = None,
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
      published_points: Networks of the paper, drawn as dashed means.
    """
    check_measure(measure)
    with drawing.style():
        figure = drawing.new_figure(7.8, 7.6)
        panels = figure.subplot_mosaic([["distant", "random"], ["below", "below"]])
        figure.suptitle(
            title or "Distant classes, and random features", fontweight="bold"
        )
        theirs = published_points or []
        figure3_panels.distant(
            panels["distant"],
            of_kind(points, DISTANT),
            of_kind(theirs, DISTANT),
            measure,
        )
        figure3_panels.random(panels["random"], points, theirs, measure)
        figure3_panels.relative(panels["below"], points, theirs, measure)
        return drawing.save(figure, path)
