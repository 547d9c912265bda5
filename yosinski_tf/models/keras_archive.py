"""The description in a `.keras` file, read without Keras: nothing is built or run.

A `.keras` file is a zip archive: `config.json` says which layers there are, and
`model.weights.h5` holds their values.
"""

import json
import os
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from yosinski_tf.system.errors import UserError

_CONFIG = "config.json"
# The largest network of `keras.applications` has 2 MB.
_MOST_BYTES = 64 * 2**20
_DAMAGE = (
    EOFError,
    KeyError,
    NotImplementedError,  # A compression that `zipfile` does not know.
    RecursionError,
    RuntimeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_config(path: str) -> dict[str, Any]:
    """The description of the model in a `.keras` file, as Keras wrote it.

    Raises:
      UserError: If the file cannot be read, or is none.
    """
    _check_kind(path)
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(_CONFIG).file_size > _MOST_BYTES:
                raise ValueError(f"its {_CONFIG} has more than 64 MiB")
            config = json.loads(archive.read(_CONFIG))
        if not isinstance(config, dict) or not isinstance(config.get("config"), dict):
            raise ValueError(f"its {_CONFIG} describes no model")
        return config
    except OSError as error:
        raise UserError(
            f"needs a .keras file that can be read, found {path}"
            f" ({error.strerror or error}): name another"
        ) from None
    except _DAMAGE as error:
        raise damaged(path, error) from None


def damaged(path: str, reason: object) -> UserError:
    """What to say of a `.keras` file that cannot be used."""
    return UserError(
        f"needs a whole .keras file, found {path}, which is damaged or something else"
        f" ({reason}): save the model again with model.save('MODEL.keras')"
    )


def input_side(path: str) -> int | None:
    """Side in pixels of the square images that the model in a `.keras` file takes.

    None if there is no such side: it takes images of any size, or some that are not
    square, or has several inputs.

    Raises:
      UserError: If the file cannot be read, or is none.
    """
    layers = read_config(path)["config"].get("layers")
    shapes = [
        layer["config"].get("batch_shape")
        for layer in (layers if isinstance(layers, list) else ())
        if isinstance(layer, dict)
        and layer.get("class_name") == "InputLayer"
        and isinstance(layer.get("config"), dict)
    ]
    match shapes:
        case [[_, int(height), int(width), _]] if height == width:
            return height
    return None


def described_objects(config: Any) -> Iterator[dict[str, Any]]:
    """All descriptions of objects inside a model's description, outer ones first."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "class_name" in value:
                yield value
            waiting += reversed(value.values())
        elif isinstance(value, list):
            waiting += reversed(value)


def _check_kind(path: str) -> None:
    if os.path.isdir(path):
        raise UserError(
            f"needs a .keras file, found the folder {path}: a SavedModel has no layers"
            " that can be copied, save the model with model.save('MODEL.keras')"
        )
    if path.endswith((".h5", ".hdf5")):
        raise UserError(
            f"needs a .keras file, found {path}: load it with keras.models.load_model"
            " and save the model with model.save('MODEL.keras')"
        )
    if not path.endswith(".keras"):
        raise UserError(f"needs a file whose name ends in .keras, found {path}")
