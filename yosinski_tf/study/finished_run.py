"""A finished run: its record, its weights and its mean image, read and checked.

The files hold plain arrays; nothing in them is executed.
"""

import dataclasses
import difflib
import pathlib

import numpy as np

from yosinski_tf.experiment.keras_networks import KerasNetwork
from yosinski_tf.experiment.stages import Network
from yosinski_tf.experiment.treatments import parse_treatment
from yosinski_tf.models import surgery
from yosinski_tf.models.fresh_weights import fresh_weights, run_identity
from yosinski_tf.study import divergence, records
from yosinski_tf.study.network_file import network_of
from yosinski_tf.study.records import MEAN_NAME, RECORD_NAME, WEIGHTS_NAME, Record
from yosinski_tf.system.errors import UserError, why_unreadable

_REMEDY = "delete the folder to train the run again"


@dataclasses.dataclass(frozen=True, eq=False)
class FinishedRun:
    """A trained network, with its description and final weights.

    Attributes:
      mean: What is subtracted from its input: the mean of each channel, or float
        [image_size, image_size, 3], 0..255.
    """

    record: Record
    network: Network
    weights: surgery.Weights
    mean: np.ndarray | list[float]


def read_finished_run(runs: pathlib.Path, run_id: str) -> FinishedRun:
    """Reads a run of a study folder and checks that its files belong together.

    Raises:
      UserError: If there is no such run, it diverged, a file is missing or
        broken, or the files are not of one training.
    """
    record = _read_record(runs, run_id)
    image_size, crop_size = map(record.recipe.get, ("image_size", "crop_size"))
    if (
        not (isinstance(image_size, int) and isinstance(crop_size, int))
        or not 1 <= crop_size <= image_size
        or len(record.class_names) != record.num_classes
        or len(record.mean_pixel) != 3
    ):
        raise UserError(
            f"{runs / run_id / RECORD_NAME} needs an image size, a crop size of at"
            f" most that, {record.num_classes} class names and the mean of 3 channels,"
            f" found {image_size}, {crop_size}, {len(record.class_names)} and"
            f" {len(record.mean_pixel)}: {_REMEDY}"
        )
    network = network_of(runs, record.network_settings)
    weights = read_run_weights(runs, record, network, crop_size)
    return FinishedRun(record, network, weights, read_mean(runs, record))


def initial_weights(run: FinishedRun) -> surgery.Weights:
    """The random weights that a run started from, bit for bit: they are not stored.

    Returns:
      Those of the layers that it did not copy: of a base, of all layers.

    Raises:
      UserError: If Keras drew them with another backend, whose numbers differ.
    """
    treatment = parse_treatment(run.record.treatment)
    copied = run.network.layers_below(treatment.copied_layers)
    weights = _drawn(run.record, run.network, run.record.treatment)
    return {k: v for k, v in weights.items() if k.split("/")[0] not in copied}


def redrawn_weights(run: FinishedRun, seed: int) -> surgery.Weights:
    """Weights of all layers as this run could have started from, drawn by a seed.

    Raises:
      UserError: See `initial_weights`.
    """
    name = f"{run.record.treatment} redrawn {seed}"
    return _drawn(run.record, run.network, name)


def random_weights(record: Record, network: Network) -> surgery.Weights:
    """The random network that networks R of a run's split and seed stand on.

    Raises:
      UserError: See `initial_weights`.
    """
    return _drawn(record, network, "random")


def check_backend(record: Record, network: Network) -> None:
    """Refuses a backend of Keras that draws other random weights than a run had.

    Networks with eight layers are drawn by NumPy.

    Raises:
      UserError: If Keras has another backend than the one that drew them.
    """
    if not isinstance(network, KerasNetwork):
        return
    # Imported late for processes that have no Keras.
    import keras

    if keras.backend.backend() != record.backend:
        raise UserError(
            f"drawing random weights for {record.run_id} again needs the backend"
            f" {record.backend}, found {keras.backend.backend()}: set"
            f" KERAS_BACKEND={record.backend}"
        )


def read_run_weights(
    runs: pathlib.Path, record: Record, network: Network, input_size: int
) -> surgery.Weights:
    """Reads the weights that a record describes, for images of a side in pixels.

    Raises:
      UserError: If they are missing, broken, of another training or of another
        network.
    """
    path = runs / record.run_id / WEIGHTS_NAME
    if not path.exists():
        raise UserError(f"{path.parent} has a record but no {WEIGHTS_NAME}: {_REMEDY}")
    weights = surgery.read_weights(path)
    digest = surgery.digest(weights)
    if digest != record.weights_sha256:
        raise UserError(
            f"{path} and its record are not of one training: needs the digest"
            f" {record.weights_sha256[:12]}, found {digest[:12]}: {_REMEDY}"
        )
    needed = network.weight_shapes(input_size, record.num_classes)
    found = {name: values.shape for name, values in weights.items()}
    for name in sorted(found.keys() | needed.keys()):
        if found.get(name) != needed.get(name):
            raise UserError(
                f"{path} is of another network: needs {name} of shape"
                f" {needed.get(name)}, found {found.get(name)}: {_REMEDY}"
            )
    return weights


def _drawn(record: Record, network: Network, name: str) -> surgery.Weights:
    check_backend(record, network)
    identity = run_identity(record.split_digest, name, record.seed)
    crop_size = record.recipe["crop_size"]
    return fresh_weights(network, crop_size, record.num_classes, identity)


def _read_record(runs: pathlib.Path, run_id: str) -> Record:
    records.check_study_folder(runs)
    known = sorted(path.parent.name for path in runs.glob(f"*/{RECORD_NAME}"))
    if run_id not in known:
        near = difflib.get_close_matches(run_id, known, n=3, cutoff=0.5) or known[:3]
        hint = records.studies_within(runs) or "it has none yet"
        if near:
            hint = f"did you mean {' or '.join(near)}?"
        raise UserError(f"no finished run {run_id!r} in {runs}: {hint}")
    record = records.read_record(runs / run_id / RECORD_NAME)
    if record.status != "finished":
        raise UserError(
            f"the run {run_id} has the status {record.status!r} and no weights: export"
            f" a run that finished, or {divergence.advice(record.recipe)}"
        )
    return record


def read_mean(runs: pathlib.Path, record: Record) -> np.ndarray | list[float]:
    """What a run subtracts from its input, see `FinishedRun`.

    Raises:
      UserError: If it is a mean image that is missing or broken.
    """
    if record.recipe.get("mean", "pixel") == "pixel":
        return record.mean_pixel
    path, side = runs / record.run_id / MEAN_NAME, record.recipe["image_size"]
    try:
        image = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        why = why_unreadable(error)
    else:
        if not isinstance(image, np.ndarray) or image.dtype.kind != "f":
            why = "it holds no array of floats"
        elif image.shape != (side, side, 3) or not np.allclose(
            image.mean((0, 1), np.float64), record.mean_pixel, atol=1e-3
        ):
            why = "it is not the mean image of its record"
        else:
            return image
    raise UserError(f"cannot read the mean image {path} ({why}): {_REMEDY}")
