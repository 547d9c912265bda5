"""The trained network that a study was given, and its copy in the study folder.

Treatments such as P3B copy from it. (Not in the paper, which trained its own bases.)
"""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Mapping

import numpy as np

from yosinski_tf.models import surgery
from yosinski_tf.system import errors, files

FOLDER = "source"
_WEIGHTS, _MEAN, _DESCRIPTION = "weights.npz", "mean.npy", "source.json"


@dataclasses.dataclass(frozen=True)
class Description:
    """What `source.json` says of a source: the fields of `Source` of these names."""

    spec: str
    sha256: str


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """A trained network without its classifier.

    Attributes:
      spec: `file:MODEL.keras` or `run:FOLDER/RUN_ID`, as the user named it.
      sha256: Digest of weights and mean.
      weights: By `layer/variable`.
      mean: What is subtracted from pixels, 0..255, if it was trained by this project:
        float32 [3] or [side, side, 3]. None if the network says what its input is.
    """

    spec: str
    sha256: str
    weights: Mapping[str, np.ndarray]
    mean: np.ndarray | None = None


def make_source(
    spec: str, weights: Mapping[str, np.ndarray], mean: np.ndarray | None = None
) -> Source:
    """A source with its digest."""
    sha = hashlib.sha256(surgery.digest(weights).encode())
    if mean is not None:
        mean = np.asarray(mean, np.float32)
        sha.update(np.ascontiguousarray(mean, "<f4").tobytes())
    return Source(spec, sha.hexdigest(), weights, mean)


def save(runs: pathlib.Path, source: Source) -> None:
    """Copies a source into a study folder.

    Raises:
      OSError: If a file cannot be written.
    """
    folder = runs / FOLDER
    files.make_folder(folder)
    files.write_atomically(
        folder / _WEIGHTS, lambda file: np.savez(file, **source.weights)
    )
    if source.mean is not None:
        files.write_array(folder / _MEAN, source.mean)
    described = Description(source.spec, source.sha256)
    text = json.dumps(dataclasses.asdict(described), indent=1)
    # Written last: a folder with a description is complete.
    files.write_atomically(folder / _DESCRIPTION, text.encode())


def read_description(runs: pathlib.Path) -> Description | None:
    """The description of the copy in a study folder, without its weights.

    None if the folder has no copy, or none with a description that can be read.
    """
    try:
        return _description(runs / FOLDER)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _description(folder: pathlib.Path) -> Description:
    values = json.loads((folder / _DESCRIPTION).read_text("utf-8"))
    return Description(str(values["spec"]), str(values["sha256"]))


def read(runs: pathlib.Path) -> Source:
    """Reads the copy in a study folder.

    Raises:
      UserError: If it is missing, broken, or not what its description says.
    """
    folder = runs / FOLDER
    try:
        described = _description(folder)
        mean = None
        if (folder / _MEAN).exists():
            mean = np.load(folder / _MEAN, allow_pickle=False)
        weights = surgery.read_weights(folder / _WEIGHTS)
        found = make_source(described.spec, weights, mean)
        if found.sha256 == described.sha256:
            return found
        why = "its weights do not have the digest that was noted"
    except (OSError, ValueError, KeyError, TypeError, errors.UserError) as error:
        why = str(error)
    raise errors.UserError(
        f"cannot read the copy of the source in {folder} ({why}): restore it, or choose"
        " another --runs folder"
    )
