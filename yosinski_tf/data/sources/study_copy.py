"""A data set kept in the study folder, so that it is decoded once.

Of a store no image is copied: the folder holds where it is, and its fingerprint.
"""

import dataclasses
import io
import json
import os
import pathlib

import numpy as np

from yosinski_tf.data.sources.image_set import ImageSet, stored_image_set
from yosinski_tf.data.store.format import open_store
from yosinski_tf.data.store.stored_images import StoredImages
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import make_folder, write_atomically

_ARRAYS = (
    "train_images",
    "train_labels",
    "validation_images",
    "validation_labels",
)
_DESCRIPTION = "dataset.json"
_STORE = "store"
# What reading a damaged description may raise.
_BROKEN = (OSError, ValueError, TypeError, KeyError, RecursionError)


def save(folder: pathlib.Path, images: ImageSet) -> None:
    """Stores a data set; the description, written last, says it is whole."""
    make_folder(folder)
    if isinstance(images.train_images, StoredImages):
        write_atomically(folder / _DESCRIPTION, json.dumps(_pointer(images)).encode())
        return
    for name in _ARRAYS:
        buffer = io.BytesIO()
        np.save(buffer, getattr(images, name), allow_pickle=False)
        write_atomically(folder / f"{name}.npy", buffer.getbuffer())
    fields = dataclasses.asdict(
        dataclasses.replace(images, **dict.fromkeys(_ARRAYS, None))
    )
    text = json.dumps({k: v for k, v in fields.items() if k not in _ARRAYS}, indent=1)
    write_atomically(folder / _DESCRIPTION, text.encode())


def load(folder: pathlib.Path) -> ImageSet | None:
    """The stored data set, its arrays mapped into memory; None if there is none.

    Raises:
      UserError: If it is damaged, or a store that is not there or has changed.
    """
    description = folder / _DESCRIPTION
    if not description.is_file():
        return None
    try:
        fields = json.loads(description.read_text())
        if _STORE in fields:
            return _from_store(fields[_STORE], fields["fingerprint"])
        for name in ("class_names", "families"):
            fields[name] = None if fields[name] is None else tuple(fields[name])
        arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in _ARRAYS
        }
        return ImageSet(**fields, **arrays)
    except (*_BROKEN, EOFError) as error:
        raise UserError(
            f"cannot read the stored data set in {folder} ({error}): delete that"
            " folder to read the source again"
        ) from None


def holds(folder: pathlib.Path, images: ImageSet) -> bool:
    """Whether the folder holds a data set already; of a store, this very one.

    Raises:
      UserError: If it is damaged, or was made from a store of other content.
    """
    if not isinstance(images.train_images, StoredImages):
        return load(folder) is not None
    try:
        fields = json.loads((folder / _DESCRIPTION).read_text())
        stored = fields[_STORE], fields["fingerprint"]
    except FileNotFoundError:
        return False
    except _BROKEN as error:
        raise UserError(
            f"cannot read {folder / _DESCRIPTION} ({error}): delete it to point to the"
            " store again"
        ) from None
    place = images.train_images.store.folder
    if stored[1] != images.fingerprint:
        raise _changed(place, stored[1], images.fingerprint)
    return stored == (_pointer(images)[_STORE], images.fingerprint)


def _pointer(images: ImageSet) -> dict[str, str]:
    folder = os.path.abspath(images.train_images.store.folder)
    return {_STORE: folder, "fingerprint": images.fingerprint}


def _from_store(folder: str, fingerprint: str) -> ImageSet:
    store = open_store(folder)
    if store.fingerprint != fingerprint:
        raise _changed(store.folder, fingerprint, store.fingerprint)
    return stored_image_set(store)


def _changed(folder: pathlib.Path, wanted: str, found: str) -> UserError:
    return UserError(
        f"the store {folder} has changed since this study was begun: wanted"
        f" fingerprint {wanted[:12]}, got {found[:12]}: restore it, or choose another"
        " --runs folder"
    )
