"""Names of lines and numbered badges that do not overlap."""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke


def apart(values: Iterable[float], gap: float) -> list[float]:
    """Moves values by the least that leaves `gap` between neighbours."""
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
    """Names lines at their ends: at the right edge for the last n, else inside.

    `ends` has for each line its name, its colour, and n and y of its end. The limits of
    the axes must be final.
    """
    low, high = axes.get_ylim()
    final = max(axes.get_xticks())
    for last in sorted({end[0] for _, _, end in ends}):
        there = [each for each in ends if each[2][0] == last]
        heights = apart([y for _, _, (_, y) in there], gap=(high - low) * 0.055)
        outside = last == final
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
                # Other lines may pass behind a name inside the axes.
                path_effects=[withStroke(linewidth=3, foreground="white")],
            )


def free_places(
    axes: Axes, badges: Sequence[tuple[str, Sequence[tuple[float, float]]]]
) -> dict[str, tuple[float, float]]:
    """Finds for each badge the first of its places that is free.

    `badges` has for each its text and its places (x, y), best first. The limits of the
    axes must be final.

    Returns:
      The places of the badges that have one, by text.
    """
    low, high = axes.get_ylim()
    apart_x = 0.05 * (axes.get_xlim()[1] - axes.get_xlim()[0])
    taken: dict[str, tuple[float, float]] = {}

    def is_free(x: float, y: float) -> bool:
        return all(
            abs(x - other_x) > apart_x or abs(y - other_y) > 0.075 * (high - low)
            for other_x, other_y in taken.values()
        )

    for text, places in badges:
        place = next((place for place in places if is_free(*place)), None)
        if place is None:
            continue
        taken[text] = place
    return taken


def badge(axes: Axes, text: str, place: tuple[float, float]) -> None:
    """Draws a text in a circle."""
    axes.annotate(
        text,
        place,
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
