"""Writes what was measured of the layers into the report's folder."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

from yosinski_tf.explain import kept_fits, measured, populations, summary, units
from yosinski_tf.explain import rows as tidy
from yosinski_tf.explain.gabor import first_kernel
from yosinski_tf.explain.rows import Row
from yosinski_tf.figures import filter_fits, filter_histograms, layer_panels
from yosinski_tf.study.finished_run import read_finished_run
from yosinski_tf.system import files
from yosinski_tf.system.errors import UserError

SUMMARY = "layers.md"
HISTOGRAMS = "filter_histograms.png"


@dataclasses.dataclass(frozen=True)
class LayersPaths:
    """The files that say what the layers hold.

    Attributes:
      table: A row for each value.
      summary: All measures in Markdown.
      pictures: The pictures that there are, the measures by layer first.
    """

    table: pathlib.Path
    summary: pathlib.Path
    pictures: tuple[pathlib.Path, ...]


def write_layers(
    runs: pathlib.Path,
    folder: pathlib.Path,
    rows: Sequence[Row],
    found: Sequence[units.Unit],
) -> LayersPaths:
    """Writes the table of measures, the tables in Markdown, and the pictures.

    A picture for which there is nothing (any more) is removed.

    Args:
      runs: The study folder.
      folder: Where to write.
      rows: The measures.
      found: The units that were measured.

    Raises:
      OSError: If a file cannot be written.
    """
    files.make_folder(folder)
    # Fits may be there whose measures are not.
    layers = {row.kind: row.layer for row in rows if row.measure == "gabor_share"}
    groups = populations.populations(runs, found)
    groups = {kind: each for kind, each in groups.items() if kind in layers}
    compared = {kind: populations.comparisons(each) for kind, each in groups.items()}
    for kind, each in compared.items():
        rows = [*rows, *populations.p_values(kind, layers[kind], each)]
    kinds = tidy.by_kind(rows)
    by_layer = {}
    for kind, name in layer_panels.file_names(kinds).items():
        if _kept(layer_panels.layers_figure(kinds[kind], folder / name), folder / name):
            by_layer[kind] = name
    tidy.write_table(folder / tidy.TABLE, rows)
    text = summary.summary(rows, by_layer)
    files.write_atomically(folder / SUMMARY, text.encode())
    measured.note(runs, measured.networks_of(found))
    pictures = [folder / name for name in by_layer.values()]
    pictures += _draw_filters(runs, folder, found[0], groups, compared)
    return LayersPaths(folder / tidy.TABLE, folder / SUMMARY, tuple(pictures))


def filter_pictures(folder: pathlib.Path, unit: units.Unit) -> dict[str, pathlib.Path]:
    """The pictures of first layers of a unit's bases, by their names in the fits."""
    bases = {"baseB": unit.base, "baseA": unit.other}
    return {
        name: folder / f"filters_{record.run_id}.png"
        for name, record in bases.items()
        if record is not None
    }


def _draw_filters(
    runs: pathlib.Path,
    folder: pathlib.Path,
    first: units.Unit,
    groups: Mapping[str, populations.Groups],
    compared: Mapping[str, filter_histograms.Comparisons],
) -> list[pathlib.Path]:
    """Draws the first layers of the first unit's bases, and the histograms of all."""
    fits = kept_fits.read(kept_fits.path_of(runs, first.slug))
    drawn, size = [], 0
    for name, path in filter_pictures(folder, first).items():
        record = first.base if name == "baseB" else first.other
        if name not in fits:
            path.unlink(missing_ok=True)
        else:
            try:
                weights = read_finished_run(runs, record.run_id).weights
            except UserError:
                continue  # Whoever measures says so; an earlier picture stays.
            kernel = first_kernel(weights)
            size = max(kernel.shape[:2])
            drawn.append(
                filter_fits.filter_fits(kernel, fits[name], path, record.run_id)
            )
    path = folder / HISTOGRAMS
    shown = groups if size else {}
    made = filter_histograms.filter_histograms(shown, compared, size, path)
    return [*drawn, *([path] if _kept(made, path) else [])]


def _kept(made: pathlib.Path | None, path: pathlib.Path) -> bool:
    """Removes a picture that was not made; returns whether it was."""
    if made is None:
        path.unlink(missing_ok=True)
    return made is not None
