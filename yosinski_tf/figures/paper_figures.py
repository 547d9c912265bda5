"""The paper's figures 2 and 3.

Families and panels that a study does not have (yet) are left out.
"""

import pathlib

from yosinski_tf.figures import drawing, figure2_panels, figure3_panels
from yosinski_tf.figures.drawing import FigureData
from yosinski_tf.results import tables
from yosinski_tf.results.network_result import (
    FROM_FILE,
    RANDOM,
    WHOLE,
    given_kind,
    of_kind,
    with_given,
)


def figure2(data: FigureData, path: pathlib.Path, title: str = "") -> pathlib.Path:
    """Draws the paper's Figure 2: every treatment, on random splits.

    If the study has no network on a random split, its networks on splits read
    from files are drawn instead, or those that copy a given network, or the others;
    of the paper's layers only those on all classes.

    The upper panel shows each network. The lower one shows means over networks,
    as in the paper, and marks what it calls co-adaptation, specificity and
    improved generalisation. With published networks, it shows the means of both
    studies relative to each network's own base, so that they share an axis.

    `path` is the PNG to write, and `title` a heading in place of the usual one.
    """
    chosen, heading = of_kind(data.networks, RANDOM), "Transfer between random halves"
    if not chosen and (chosen := of_kind(data.networks, FROM_FILE)):
        heading = "Transfer between halves read from a file"
    if not chosen and with_given(data.networks):
        kind = given_kind(data.networks)
        chosen = of_kind(data.networks, kind)
        heading = f"Transfer from a given network: {tables.kind_name(kind)}"
    elif not chosen:
        papers = drawing.is_papers(data.stages)
        chosen = of_kind(data.networks, WHOLE) if papers else data.networks
        if kinds := tables.kinds(chosen):
            heading = ", ".join(map(tables.kind_name, kinds)).capitalize()
    data = FigureData(chosen, data.measure, of_kind(data.published, RANDOM))
    with drawing.new_figure(7.8, 8.8 + drawing.room_for_names(data.stages)) as figure:
        top, bottom = figure.subplots(2, 1)
        figure.suptitle(title or heading, fontweight="bold")
        figure2_panels.every_network(top, data)
        if data.published:
            figure2_panels.both_relative(bottom, data)
        else:
            figure2_panels.interpretation(figure, bottom, data)
        return drawing.save(figure, path)


def figure3(
    data: FigureData, path: pathlib.Path, title: str = ""
) -> pathlib.Path | None:
    """Draws the paper's Figure 3: distant classes, and random features.

    Above left, transfer between natural and man-made classes; above right,
    random frozen layers; below, both and the random halves relative to the own
    base of each network. Markers are networks, lines their means. The arguments are
    those of `figure2`.

    Returns:
      The path; None, and nothing is written, without both kinds of networks.
    """
    above = {}
    if figure3_panels.has_distant(data):
        above["Distant classes"] = figure3_panels.distant
    if figure3_panels.has_random(data):
        above["Random features"] = figure3_panels.random
    if not above:
        return None
    with drawing.new_figure(7.8, 7.6 + drawing.room_for_names(data.stages)) as figure:
        below = figure3_panels.has_relative(data)
        rows = [[*above], ["below"] * len(above)]
        panels = figure.subplot_mosaic(rows if below else rows[:1])
        heading = ", and ".join(above).capitalize()
        figure.suptitle(title or heading, fontweight="bold")
        for name, draw in above.items():
            draw(panels[name], data)
        if below:
            figure3_panels.relative(panels["below"], data)
        return drawing.save(figure, path)
