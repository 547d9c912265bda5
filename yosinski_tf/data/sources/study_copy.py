"""The copy of a data set in a study folder, so that images are decoded once.

Images of a store are not copied: the study keeps the store's path and fingerprint.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from yosinski_tf.data.copies import Copies
from yosinski_tf.data.sources.image_set import ImageSet, stored_image_set
from yosinski_tf.data.store import format, stored_images
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import make_folder, write_array, write_atomically

_ARRAYS = [f"{part}_{what}" for part in format.PARTS for what in ("images", "labels")]
_DESCRIPTION = "dataset.json"
_STORE, _VERSION, _COPIES = "store", "decoding_version", "copies"


def save(folder: pathlib.Path, images: ImageSet) -> None:
    """Writes a data set; the description is written last and says it is complete."""
    make_folder(folder)
    if isinstance(images.train_images, stored_images.StoredImages):
        write_atomically(folder / _DESCRIPTION, json.dumps(_pointer(images)).encode())
        return
    for name in _ARRAYS:
        write_array(folder / f"{name}.npy", getattr(images, name))
    names = [f.name for f in dataclasses.fields(images) if f.name not in _ARRAYS]
    values = {name: getattr(images, name) for name in names}
    text = json.dumps({**values, _COPIES: _copies_of(images)}, indent=1)
    write_atomically(folder / _DESCRIPTION, text.encode())


def load(folder: pathlib.Path) -> ImageSet | None:
    """Reads the data set, its arrays memory-mapped; None if there is none.

    Raises:
      UserError: If it is damaged, or if its store is missing or has changed.
    """
    if not (folder / _DESCRIPTION).is_file():
        return None
    with _readable(folder):
        fields = json.loads((folder / _DESCRIPTION).read_text())
        if _STORE in fields:
            store = format.open_store(fields[_STORE])
            _check_unchanged(store.folder, fields["fingerprint"], store.fingerprint)
            return stored_image_set(store)
        for name in ("class_names", "families"):
            fields[name] = None if fields[name] is None else tuple(fields[name])
        fields[_COPIES] = Copies.from_json(fields.get(_COPIES))
        arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in _ARRAYS
        }
        return ImageSet(**fields, **arrays)


def decoding_version(folder: pathlib.Path) -> int | None:
    """The version of `decoding` that read a data set's images; None if it is not there.

    Raises:
      UserError: If its description is damaged.
    """
    if not (folder / _DESCRIPTION).is_file():
        return None
    with _readable(folder):
        return int(json.loads((folder / _DESCRIPTION).read_text()).get(_VERSION, 1))


def copies(folder: pathlib.Path) -> Copies | None:
    """Which images of a data set are the same; None if that is not known."""
    try:
        fields = json.loads((folder / _DESCRIPTION).read_text())
        return Copies.from_json(fields.get(_COPIES))
    except format.DAMAGED_JSON:
        return None  # A report does without; training says what is wrong.


def holds(folder: pathlib.Path, images: ImageSet) -> bool:
    """Whether the folder holds a data set; for a store, whether it is this store.

    Raises:
      UserError: If it is damaged, or if it was made from a store of other content.
    """
    if not isinstance(images.train_images, stored_images.StoredImages):
        return load(folder) is not None
    if not (folder / _DESCRIPTION).is_file():
        return False
    with _readable(folder):
        fields = json.loads((folder / _DESCRIPTION).read_text())
        place, fingerprint = fields[_STORE], fields["fingerprint"]
    found = _pointer(images)
    _check_unchanged(found[_STORE], fingerprint, images.fingerprint)
    return place == found[_STORE]


@contextlib.contextmanager
def _readable(folder: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except (*format.DAMAGED_JSON, EOFError) as error:
        raise UserError(
            f"cannot read the stored data set in {folder} ({error}): delete that"
            " folder, so that the source is read again"
        ) from None


def _copies_of(images: ImageSet) -> dict[str, Any] | None:
    return images.copies and dataclasses.asdict(images.copies)


def _pointer(images: ImageSet) -> dict[str, Any]:
    store = images.train_images.store
    return {
        _STORE: os.path.abspath(store.folder),
        "fingerprint": images.fingerprint,
        _VERSION: store.decoding_version,
        _COPIES: _copies_of(images),
    }


def _check_unchanged(folder: str | pathlib.Path, needed: str, found: str) -> None:
    if needed != found:
        raise UserError(
            f"the store {folder} has changed since this study began: needs fingerprint"
            f" {needed[:12]}, found {found[:12]}: restore it, or choose another --runs"
            " folder"
        )
