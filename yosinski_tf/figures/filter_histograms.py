"""Orientations and wavelengths of the Gabor filters of first layers, by group."""

import pathlib
from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from yosinski_tf.explain import filters, populations
from yosinski_tf.explain.filters import (
    ORIENTATION,
    WAVELENGTH,
    Difference,
    Network,
)
from yosinski_tf.explain.gabor import GABOR
from yosinski_tf.explain.populations import Groups
from yosinski_tf.figures import drawing
from yosinski_tf.figures.drawing import STYLES, Style
from yosinski_tf.results import tables

_BINS = 8
_STYLES = dict(
    zip(
        (*populations.BASES, populations.P, populations.RANDOM, *populations.TUNED),
        "AnB BnB base PnB RnB AnB+ BnB+ PnB+".split(),
        strict=True,
    )
)
Comparisons = Mapping[str, Mapping[str, Difference]]


def filter_histograms(
    found: Mapping[str, Groups],
    compared: Mapping[str, Comparisons],
    size: int,
    path: pathlib.Path,
) -> pathlib.Path | None:
    """Draws the histograms of each kind of split, with p values below.

    Args:
      found: Those of `populations.populations`.
      compared: The `populations.comparisons` of each kind of split.
      size: The longer side of the filters, pixels.
      path: Of the PNG.

    Returns:
      The path; None, and nothing is written, if no trained network has a Gabor filter.
    """
    found = {kind: g for kind, g in found.items() if populations.has_gabor(g)}
    if not found:
        return None
    with drawing.new_figure(7.8, 0.5 + 4.4 * len(found)) as figure:
        figure.suptitle("Gabor filters of first layers", fontweight="bold")
        rows = figure.subplots(len(found), 2, squeeze=False)
        for row, (kind, groups) in zip(rows, found.items(), strict=True):
            told = _p_values(compared[kind])
            _orientations(row[0], groups, told[ORIENTATION])
            _wavelengths(row[1], groups, size, told[WAVELENGTH])
            row[0].set_title(tables.kind_name(kind).capitalize(), fontsize=10)
            row[0].set_ylabel("share of the group's Gabor filters", fontsize=9)
        return drawing.save(figure, path)


def _p_values(compared: Comparisons) -> dict[str, str]:
    """The permutation tests of both properties, a line for each comparison."""
    lines: dict[str, list[str]] = {ORIENTATION: [], WAVELENGTH: []}
    regrouped = set()
    for name, made in compared.items():
        for what, told in lines.items():
            difference, p = made[what], "cannot be tested"
            if difference.p_value is not None:
                p = f"p = {difference.p_value:.2g}"
                regrouped.add(difference.regrouped)
            told.append(f"{name}: {p}")
    if regrouped:
        text = f"permutation tests: {' or '.join(sorted(regrouped))} change groups"
        if "filters" in regrouped:
            text += ",\nso one unlike network can make p small"
        lines[ORIENTATION].append(text)
    return {what: "\n".join(each) for what, each in lines.items()}


def _orientations(axes: Axes, groups: Groups, below: str) -> None:
    places = np.arange(_BINS) * 180 / _BINS

    def counts(fits: Network) -> np.ndarray:
        return filters.orientation_histogram(fits, _BINS)

    _draw(axes, groups, places, counts)
    axes.set_xticks(places[::2], [f"{each:.0f}°" for each in places[::2]])
    axes.set_xlabel(
        f"orientation; 0° is upright stripes\n{below}", fontsize=8, linespacing=1.5
    )
    names = len(axes.get_legend_handles_labels()[0])
    axes.legend(loc="upper left", fontsize=7.5, ncols=1)
    # The legend stands above the curves.
    low, high = axes.get_ylim()
    axes.set_ylim(0, high * (1 + 0.11 * names))


def _wavelengths(axes: Axes, groups: Groups, size: int, below: str) -> None:
    edges = np.geomspace(2, 2 * size, 9)

    def counts(fits: Network) -> np.ndarray:
        return filters.wavelength_histogram(fits, edges)

    _draw(axes, groups, np.sqrt(edges[1:] * edges[:-1]), counts)
    axes.set_xscale("log")
    axes.set_xticks(edges[::2], [f"{each:.2g}" for each in edges[::2]])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"wavelength, pixels\n{below}", fontsize=8, linespacing=1.5)


def _draw(
    axes: Axes,
    groups: Groups,
    places: np.ndarray,
    counts: Callable[[Network], np.ndarray],
) -> None:
    for name, networks in groups.items():
        fits = [fit for network in networks for fit in network]
        found = counts(fits)
        label = f"{name}: {sum(fit.kind == GABOR for fit in fits)} of {len(fits)}"
        look: Style = STYLES[_STYLES[name]]
        share = found / max(found.sum(), 1) if found.any() else found * np.nan
        axes.plot(places, share, linewidth=1.3, label=label, **look.marks(4))
    axes.tick_params(labelsize=8)
