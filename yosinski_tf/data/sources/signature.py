"""Whether a data set's files are those that were read, without reading them.

A changed signature does not say that the images changed, only that they must
be read again to know; the same one says that no file was added, removed,
replaced or written to.
"""

import hashlib
import os
import pathlib
from collections.abc import Iterator

from yosinski_tf.data.embedded import embedded_images

_TFDS_DEFAULT = "~/tensorflow_datasets"
_SYSTEM_FILES = ("Thumbs.db", "desktop.ini")
# Of TFDS: configuration, version, file. Of a folder: part, class, file.
_DEPTH = 3


def sign(spec: str, data_dir: str | None = None) -> str | None:
    """A digest of what tells whether a source has changed.

    Of `folder`, `tfds` and any other source that is a folder of files: their
    names within it, sizes and times of change; of `tfds` those of all versions
    that are prepared, since a newer one is read unless one is named. Of
    `embedded`: the seed, and the version of the program that draws.

    Args:
      spec: The source, as for `sources.load`.
      data_dir: As for `sources.load`.

    Returns:
      SHA-256, in hexadecimal; None if there is no such folder, or it cannot
      be read.
    """
    kind, _, rest = spec.partition(":")
    if kind == "embedded":
        return _digest(f"embedded {int(rest or 0)} {embedded_images.VERSION}")
    if kind == "tfds":
        name = rest.partition(":")[0].partition("/")[0]
        root = data_dir or os.environ.get("TFDS_DATA_DIR") or _TFDS_DEFAULT
        place = pathlib.Path(root).expanduser() / name
    else:
        place = pathlib.Path(rest).expanduser()
    try:
        if rest and place.is_dir():
            return _digest("\n".join(_files(place)))
    except OSError:
        pass
    return None


def _files(root: pathlib.Path, within: str = "", depth: int = 1) -> Iterator[str]:
    """A line for every file, in the order of their names."""
    with os.scandir(root) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name[0] == "." or entry.name in _SYSTEM_FILES:
            continue
        name = f"{within}{entry.name}"
        if os.path.isdir(entry.path):
            if depth < _DEPTH:
                yield from _files(pathlib.Path(entry.path), f"{name}/", depth + 1)
        elif os.path.isfile(entry.path):
            state = os.stat(entry.path)
            yield f"{name!r} {state.st_size} {state.st_mtime_ns}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
