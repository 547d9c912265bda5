"""A finished run as read from its folder: its record and what belongs to it.

Everything is checked against the record before it is used, and nothing in the
files is executed: weights and mean images are plain arrays.
"""

import dataclasses
import difflib
import pathlib

import numpy as np

from yosinski_tf.experiment.networks import Network
from yosinski_tf.models import surgery
from yosinski_tf.study.records import (
    MEAN_NAME,
    RECORD_NAME,
    WEIGHTS_NAME,
    Record,
    read_record,
)
from yosinski_tf.system.errors import UserError

_REMEDY = "delete the folder to train the run again"


@dataclasses.dataclass(frozen=True, eq=False)
class FinishedRun:
    """A network that can be used.

    Attributes:
      record: Its record.
      network: Its description.
      weights: Its weights, those that the record speaks of.
      mean: What it was used to having subtracted: the mean of each channel, or
        float [image_size, image_size, 3].
    """

    record: Record
    network: Network
    weights: surgery.Weights
    mean: np.ndarray | list[float]


def read_finished_run(runs: pathlib.Path, run_id: str) -> FinishedRun:
    """Reads a run and checks that its files belong together.

    Args:
      runs: The study folder.
      run_id: The run, a folder in it.

    Raises:
      UserError: If there is no such run, it diverged, a file is missing or
        broken, or the files are not of one training.
    """
    record = _read_record(runs, run_id)
    folder = runs / run_id
    path = folder / RECORD_NAME
    image_size, crop_size = (
        record.recipe.get(name) for name in ("image_size", "crop_size")
    )
    sizes = isinstance(image_size, int) and isinstance(crop_size, int)
    if not sizes or not 1 <= crop_size <= image_size:
        raise UserError(
            f"{path} has a recipe with the image size {image_size!r} and the crop"
            f" size {crop_size!r}: wanted two numbers of pixels, the crop not the"
            f" larger; {_REMEDY}"
        )
    if len(record.class_names) != record.num_classes or len(record.mean_pixel) != 3:
        raise UserError(
            f"{path} has {len(record.class_names)} class names and a mean of"
            f" {len(record.mean_pixel)} channels: wanted {record.num_classes} and 3;"
            f" {_REMEDY}"
        )
    network = Network.from_settings(record.network_settings)
    weights = read_run_weights(runs, record, network, crop_size)
    return FinishedRun(record, network, weights, _mean(folder, record))


def read_run_weights(
    runs: pathlib.Path, record: Record, network: Network, input_size: int
) -> surgery.Weights:
    """The weights of a run, which are those that its record speaks of.

    Args:
      runs: The study folder.
      record: The run's record.
      network: The network that the weights are for.
      input_size: Side of the images that it sees, pixels.

    Raises:
      UserError: If they are missing, broken, of another training or of another
        network.
    """
    path = runs / record.run_id / WEIGHTS_NAME
    if not path.exists():
        raise UserError(
            f"{path.parent} has a record but no {WEIGHTS_NAME}: delete the folder to"
            " train the run again"
        )
    weights = surgery.read_weights(path)
    digest = surgery.digest(weights, network.layer_names)
    if digest != record.weights_sha256:
        raise UserError(
            f"{path} has the digest {digest}, its record says"
            f" {record.weights_sha256}: they are not of one training; {_REMEDY}"
        )
    shapes = network.kernel_shapes(input_size, record.num_classes)
    wanted = {
        **{f"{name}/kernel": shape for name, shape in shapes.items()},
        **{f"{name}/bias": shape[-1:] for name, shape in shapes.items()},
    }
    found = {name: values.shape for name, values in weights.items()}
    if found != wanted:
        name = min(
            name
            for name in found.keys() | wanted.keys()
            if found.get(name) != wanted.get(name)
        )
        raise UserError(
            f"{path} is of another network: wanted {name} of shape"
            f" {wanted.get(name)}, got {found.get(name)}; {_REMEDY}"
        )
    return weights


def _read_record(runs: pathlib.Path, run_id: str) -> Record:
    if not runs.is_dir():
        raise UserError(f"no study folder at {runs}: give --runs=DIR of a study")
    known = sorted(path.parent.name for path in runs.glob(f"*/{RECORD_NAME}"))
    if run_id not in known:
        near = difflib.get_close_matches(run_id, known, n=3, cutoff=0.5) or known[:3]
        there = f"did you mean {' or '.join(near)}?" if near else "it has none yet"
        raise UserError(f"no finished run {run_id!r} in {runs}: {there}")
    record = read_record(runs / run_id / RECORD_NAME)
    if record.status != "finished":
        raise UserError(
            f"run {run_id} has the status {record.status!r}, its network is of no"
            " use: export a run that finished, or train it anew with a lower"
            " --learning_rate"
        )
    return record


def _mean(folder: pathlib.Path, record: Record) -> np.ndarray | list[float]:
    """What the network was used to having subtracted."""
    if record.recipe.get("mean", "pixel") == "pixel":
        return record.mean_pixel
    path, side = folder / MEAN_NAME, record.recipe["image_size"]
    try:
        image = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(
            f"cannot read the mean image {path} ({error}): delete the folder to"
            " train the run again"
        ) from None
    if (
        not isinstance(image, np.ndarray)
        or image.dtype.kind != "f"
        or image.shape != (side, side, 3)
        or not np.allclose(image.mean((0, 1), np.float64), record.mean_pixel, atol=1e-3)
    ):
        raise UserError(
            f"{path} is not the mean image of its record: delete the folder to train"
            " the run again"
        )
    return image
