"""The state of a cohort in training, to go on from after an interruption.

Weights, optimizer, step and random seeds in one file of plain arrays: Keras'
own backup leaves out dropout's random state and repeats steps.
"""

import io
import json
import pathlib
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from yosinski_tf.errors import UserError
from yosinski_tf.models import Cohort
from yosinski_tf.records import write_atomically


def to_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays as the content of a `.npz` file."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def save(
    path: pathlib.Path,
    cohort: Cohort,
    *,
    identity: Sequence[str],
    step: int,
    history: list[list[dict]],
    train_seconds: float,
    total_seconds: float,
) -> None:
    """Stores the state, replacing an earlier one in one move.

    Args:
      path: The file.
      cohort: The compiled cohort.
      identity: Run ids, in order: a state fits this list and no other.
      step: Steps taken.
      history: Validations so far, for each network.
      train_seconds: Time spent in training steps so far.
      total_seconds: Time spent on the cohort so far.
    """
    arrays = {
        f"variable_{index}": keras.ops.convert_to_numpy(variable)
        for index, variable in enumerate(_variables(cohort))
    }
    meta = {
        "identity": list(identity),
        "step": step,
        "history": history,
        "train_seconds": train_seconds,
        "total_seconds": total_seconds,
    }
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    write_atomically(path, to_bytes(arrays))


def restore(
    path: pathlib.Path, cohort: Cohort, *, identity: Sequence[str]
) -> dict[str, Any] | None:
    """Puts a stored state into a cohort.

    Returns:
      The `step`, `history`, `train_seconds` and `total_seconds` given to `save`;
      None, with the cohort unchanged, if there is no state of these runs.

    Raises:
      UserError: If the file is damaged.
    """
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            meta = json.loads(stored["meta"].tobytes())
            if meta["identity"] != list(identity):
                return None
            for index, variable in enumerate(_variables(cohort)):
                variable.assign(stored[f"variable_{index}"])
            return meta
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"cannot read the checkpoint {path} ({error}): delete it to train its"
            " cohort from the start"
        ) from None


def _variables(cohort: Cohort) -> list:
    model = cohort.training
    model.optimizer.build(model.trainable_variables)
    return [
        *model.variables,
        *model.optimizer.variables,
        *model.totals.variables,
    ]
