"""Time and memory of a cohort against its size, as a figure."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from yosinski_tf.figures import drawing

_COLORS = ("#0072b2", "#d55e00")


def draw(
    growth: Sequence[Mapping[str, Any]], path: pathlib.Path, title: str
) -> pathlib.Path:
    """Draws time per network-step above memory, both over the networks together.

    Args:
      growth: As `cohort_growth.measure` gives it, by size.
      path: PNG to write.
      title: Heading of the figure.
    """
    sizes = [row["networks"] for row in growth]
    time = {
        key: [row["step_seconds"][key] * 1e3 / row["networks"] for row in growth]
        for key in ("median", "min", "max")
    }
    memory = [row["memory_bytes"] / 1e6 for row in growth]
    with drawing.style():
        figure = drawing.new_figure(7.0, 6.4)
        above, below = figure.subplots(2, 1, sharex=True)
        figure.suptitle(title, fontweight="bold")
        above.plot(sizes, time["median"], color=_COLORS[0], marker="o")
        above.fill_between(
            sizes, time["min"], time["max"], color=_COLORS[0], alpha=0.2, linewidth=0
        )
        above.set_title("Time of one step of one network")
        above.set_ylabel("milliseconds")
        below.plot(sizes, memory, color=_COLORS[1], marker="D")
        below.set_title("Memory that training adds to its process")
        below.set_ylabel("MB")
        below.set_xlabel("networks trained together")
        for axes in (above, below):
            axes.set_ylim(bottom=0)
            axes.set_xscale("log", base=2)
            axes.set_xticks(sizes, [str(size) for size in sizes])
            axes.minorticks_off()
        above.annotate(
            "line: median; area: least to greatest",
            (1, 1),
            xycoords="axes fraction",
            ha="right",
            va="bottom",
            fontsize=9,
            color="#555555",
        )
        return drawing.save(figure, path)
