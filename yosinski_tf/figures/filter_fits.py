"""The filters of a first layer by kind, each with its fits beside it."""

import math
import pathlib
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from yosinski_tf.explain.gabor import BLOB, KINDS, FilterFit
from yosinski_tf.figures import drawing

_IN_A_ROW = 5
_MOST = 120
_WIDTH = 7.8
_ROW = 0.63


def filter_fits(
    kernels: np.ndarray, fits: Sequence[FilterFit], path: pathlib.Path, name: str
) -> pathlib.Path:
    """Draws the filters of each kind, those first that their fit explains best.

    Beside a filter stand its Gabor function and its blob, with the percentage of the
    filter that each explains. Zero is grey. Of more than 120 filters every second or
    third and so on is drawn, and the titles say so.

    Args:
      kernels: floats [height, width, channels, filters]; three channels are red,
        green and blue, of any other number the mean is drawn.
      fits: those of `explain.gabor.fit_filters`.
      path: of the PNG.
      name: of the network, for the title.

    Returns:
      The path.
    """
    kinds = {kind: _sorted(fits, kind) for kind in KINDS}
    kinds = {kind: places for kind, places in kinds.items() if places}
    step = math.ceil(len(fits) / _MOST)
    rows = [math.ceil(len(p[::step]) / _IN_A_ROW) for p in kinds.values()]
    height = 0.7 + sum(0.45 + _ROW * count for count in rows)
    with drawing.new_figure(_WIDTH, height) as figure:
        figure.suptitle(
            f"First layer of {name}\neach filter, its Gabor function, its blob;"
            " below: how much of the filter it explains",
            fontsize=9,
        )
        panels = figure.subplots(len(kinds), 1, height_ratios=rows, squeeze=False)
        for axes, (kind, places) in zip(panels[:, 0], kinds.items(), strict=True):
            title = f"{kind}: {len(places)} of {len(fits)}"
            axes.set_title(title + (f", one in {step} drawn" if step > 1 else ""))
            _draw(axes, kernels, fits, places[::step])
        return drawing.save(figure, path)


def _sorted(fits: Sequence[FilterFit], kind: str) -> list[int]:
    def explained(place: int) -> float:
        fit = fits[place].blob if kind == BLOB else fits[place].gabor
        return -fit.variance_explained

    return sorted((i for i, fit in enumerate(fits) if fit.kind == kind), key=explained)


def _draw(axes: Axes, kernels, fits, places) -> None:
    height, width = kernels.shape[:2]
    for number, place in enumerate(places):
        kernel, fit = kernels[..., place], fits[place]
        scale = max(float(np.abs(kernel).max()), 1e-30)
        left, top = 3.4 * (number % _IN_A_ROW), 1.35 * (number // _IN_A_ROW)
        tiles = kernel, fit.gabor.values(height, width), fit.blob.values(height, width)
        for tile, right in zip(tiles, (0, 1.04, 2.08), strict=True):
            x = left + right
            axes.imshow(_colors(tile / scale), extent=(x, x + 1, top + 1, top))
        for each, right in ((fit.gabor, 1.54), (fit.blob, 2.58)):
            axes.text(
                left + right,
                top + 1.03,
                f"{each.variance_explained:.0%}",
                fontsize=6,
                ha="center",
                va="top",
            )
    rows = math.ceil(len(places) / _IN_A_ROW)
    axes.set_xlim(0, 3.4 * _IN_A_ROW - 0.32)
    axes.set_ylim(1.35 * rows, 0)
    axes.set_aspect("equal")
    axes.axis("off")


def _colors(tile: np.ndarray) -> np.ndarray:
    """Colours of weights from -1 to 1, float [height, width, 3]."""
    if tile.shape[2] != 3:
        tile = np.repeat(tile.mean(2, keepdims=True), 3, axis=2)
    return np.clip(0.5 + 0.5 * tile, 0, 1)
