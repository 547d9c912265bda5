"""The fits of first-layer filters in a file, so that they are fitted once."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence

from yosinski_tf.explain.gabor import BlobFit, FilterFit, GaborFit
from yosinski_tf.system import files

FOLDER = "explain/fits"
"""Within a study folder."""


def path_of(runs: pathlib.Path, unit: str) -> pathlib.Path:
    """The file for a unit of a study, by its name for files."""
    return runs / FOLDER / f"{unit}.json"


def keep(path: pathlib.Path, fitted: Mapping[str, Sequence[FilterFit]]) -> None:
    """Writes the fits of some networks, by their names.

    Raises:
      OSError: If the file cannot be written.
    """
    values = {
        name: [dataclasses.asdict(fit) for fit in fits] for name, fits in fitted.items()
    }
    files.make_folder(path.parent)
    files.write_atomically(path, json.dumps(values).encode())


def read(path: pathlib.Path) -> dict[str, tuple[FilterFit, ...]]:
    """The fits that `keep` wrote; none if there is no file, or a broken one."""
    try:
        return {
            name: tuple(_fit(**each) for each in fits)
            for name, fits in json.loads(path.read_text("utf-8")).items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _fit(gabor: dict, blob: dict, kind: str) -> FilterFit:
    return FilterFit(GaborFit(**_tuples(gabor)), BlobFit(**_tuples(blob)), kind)


def _tuples(values: dict) -> dict:
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in values.items()
    }
