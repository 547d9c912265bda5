"""Tells whether a source's files may have changed, without reading them.

The same signature says that no file was added, removed, replaced or written. After
another signature the images must be read to know whether they changed.
"""

import hashlib
import os
import pathlib
from collections.abc import Iterator

from yosinski_tf.data.embedded import embedded_images
from yosinski_tf.data.sources import folder, source_spec

_TFDS_DEFAULT = "~/tensorflow_datasets"
# Levels of TFDS: configuration, version, file. Of a folder: part, class, file.
_DEPTH = 3


def sign(spec: str, data_dir: str | None = None) -> str | None:
    """Returns a digest that changes when a source of `by_name.load` may have changed.

    For a folder, a TFDS data set and any other folder of files it covers the files'
    names, sizes and times of change. For TFDS these are the files of all versions,
    since a newer version is read unless one is named. For `embedded` it covers the
    seed and the version of the drawing.

    Returns:
      SHA-256, hexadecimal; None if the folder does not exist or cannot be read.
    """
    kind, rest = source_spec.split_spec(spec)
    if kind == "embedded":
        return _digest(f"embedded {int(rest or 0)} {embedded_images.VERSION}")
    if kind == "tfds":
        name = rest.partition(":")[0].partition("/")[0]
        root = data_dir or os.environ.get("TFDS_DATA_DIR") or _TFDS_DEFAULT
        place = pathlib.Path(root).expanduser() / name
    else:
        place = pathlib.Path(rest).expanduser()
    try:
        return _digest("\n".join(_files(place))) if rest and place.is_dir() else None
    except OSError:
        return None


def _files(root: pathlib.Path, within: str = "", depth: int = 1) -> Iterator[str]:
    """Yields a line for every file, in the order of their names."""
    for entry in folder.visible_entries(root):
        name = f"{within}{entry.name}"
        if os.path.isdir(entry.path):
            # A study beside DIR/train changes, and is no part of the images.
            made = depth == 1 and folder.holds_something_made(pathlib.Path(entry.path))
            if depth < _DEPTH and not made:
                yield from _files(pathlib.Path(entry.path), f"{name}/", depth + 1)
        elif os.path.isfile(entry.path):
            state = os.stat(entry.path)
            yield f"{name!r} {state.st_size} {state.st_mtime_ns}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
