"""A loaded data set kept in the study folder, so that it is decoded once."""

import dataclasses
import io
import json
import pathlib

import numpy as np

from yosinski_tf.data.image_set import ImageSet
from yosinski_tf.errors import UserError
from yosinski_tf.files import write_atomically

_ARRAYS = (
    "train_images",
    "train_labels",
    "validation_images",
    "validation_labels",
)
_DESCRIPTION = "dataset.json"


def save(folder: pathlib.Path, images: ImageSet) -> None:
    """Stores a data set; the description, written last, says it is whole."""
    folder.mkdir(parents=True, exist_ok=True)
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
      UserError: If it is damaged.
    """
    description = folder / _DESCRIPTION
    if not description.is_file():
        return None
    try:
        fields = json.loads(description.read_text())
        for name in ("class_names", "families"):
            fields[name] = None if fields[name] is None else tuple(fields[name])
        arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in _ARRAYS
        }
        return ImageSet(**fields, **arrays)
    except (OSError, ValueError, TypeError, KeyError, EOFError) as error:
        raise UserError(
            f"cannot read the stored data set in {folder} ({error}): delete that"
            " folder to read the source again"
        ) from None
