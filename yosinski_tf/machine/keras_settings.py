"""What Keras is told by its environment and by the user's `keras.json`.

Keras reads both when it is imported. Networks here need some values of their own; the
user's file is never written.
"""

import importlib.util
import json
import os
import pathlib
from typing import Any

from yosinski_tf.system.errors import UserError

_BACKENDS = ("tensorflow", "jax")
# What Keras refuses with a stack trace when it is imported.
_FORMATS = ("channels_last", "channels_first")
_FLOATS = ("float16", "float32", "float64")
_EPSILON = 1e-7
_NNX = "KERAS_NNX_ENABLED"


def backend() -> str:
    """The backend that Keras will use, found the way Keras finds it."""
    if given := os.environ.get("KERAS_BACKEND"):
        return given
    try:
        return str(_read(_file()).get("backend", "tensorflow"))
    except UserError:
        return "tensorflow"  # `check` tells the user what is wrong.


def check() -> None:
    """Refuses what Keras or this project cannot use, before Keras is imported.

    Raises:
      UserError: If `keras.json` cannot be read or has a value that Keras refuses, or
        the backend is not TensorFlow or JAX, or not installed.
    """
    path = _file()
    found = _read(path)
    for name, fits, needed in (
        ("image_data_format", lambda value: value in _FORMATS, " or ".join(_FORMATS)),
        ("floatx", lambda value: value in _FLOATS, " or ".join(_FLOATS)),
        ("epsilon", lambda value: isinstance(value, float), "a number such as 1e-7"),
        ("nnx_enabled", lambda value: not value, "false"),
    ):
        if name in found and not fits(found[name]):
            raise UserError(
                f"{path} needs {name} {needed}, found {found[name]!r}: correct the"
                " line, or remove it"
            )
    if os.environ.get(_NNX, "").lower() in ("true", "1"):
        raise UserError(
            f"networks here need Keras without NNX, found {_NNX}=true: unset it"
        )
    _check_backend(path)


def set_up() -> None:
    """Gives Keras the settings with which networks are built and trained here.

    Call it before a layer is built. A layer that names other settings keeps them.
    """
    import keras

    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(_EPSILON)
    keras.config.set_dtype_policy("float32")
    # Limits from the environment, which would end a training early without a word.
    for name in ("set_max_epochs", "set_max_steps_per_epoch"):
        if limit := getattr(keras.config, name, None):  # Keras from 3.12 on.
            limit(None)


def _check_backend(path: pathlib.Path) -> None:
    found = backend()
    place = "KERAS_BACKEND" if os.environ.get("KERAS_BACKEND") else str(path)
    if found not in _BACKENDS:
        raise UserError(
            f"networks here need Keras on tensorflow or jax, found {found!r} in"
            f" {place}: set KERAS_BACKEND=tensorflow"
        )
    if importlib.util.find_spec(found) is None:
        raise UserError(
            f"Keras needs the package {found}, which {place} names, found that it is"
            f" not installed: install it, or set KERAS_BACKEND=tensorflow"
        )


def _file() -> pathlib.Path:
    """Where Keras looks for `keras.json`."""
    folder = os.environ.get("KERAS_HOME")
    if folder is None:
        home = os.path.expanduser("~")
        folder = os.path.join(home if os.access(home, os.W_OK) else "/tmp", ".keras")
    return pathlib.Path(folder, "keras.json").expanduser()


def _read(path: pathlib.Path) -> dict[str, Any]:
    """The values of `keras.json`; none if there is no file, or it is no JSON."""
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UserError(
            f"Keras needs to read {path}, found that it cannot ({error.strerror}): make"
            " it readable, or move it away"
        ) from None
    except ValueError:
        return {}  # As Keras does.
    if not isinstance(found, dict):
        raise UserError(
            f"{path} needs settings by name, found a {type(found).__name__}: correct"
            " it, or move it away"
        )
    return found
