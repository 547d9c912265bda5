"""The flags that several binaries share, and their way from text to values."""

import re
from collections.abc import Sequence
from typing import Any

from absl import flags

from yosinski_tf.binaries.job import machine_flags
from yosinski_tf.binaries.job.flag_parsers import AUTO
from yosinski_tf.data.sources import by_name
from yosinski_tf.experiment.architectures import NETWORKS, get_network, usual_images
from yosinski_tf.experiment.networks import ACTIVATIONS, Network
from yosinski_tf.experiment.paper_plans import PLANS
from yosinski_tf.experiment.recipes import (
    MEANS,
    PRECISIONS,
    RATE_DROPS,
    Recipe,
    parse_rate_drops,
)
from yosinski_tf.results.network_result import MEASURES
from yosinski_tf.system.errors import UserError

FLAGS = flags.FLAGS

DATA = ("dataset", "data_dir", "held_out", "split")
NETWORK = ("network", "activation", "lrn", "widths", "dropout", "num_outputs")
RECIPE = (
    "steps",
    "batch_size",
    "learning_rate",
    "rate_drops",
    "drop_factor",
    "momentum",
    "weight_decay",
    "bias_rate",
    "image_size",
    "crop_size",
    "mirror",
    "mean",
    "validate_every",
    "precision",
)
STUDY = ("plan", "dry_run", "rate", "export", "measure")
_LARGEST_NUMBER = 2**32 - 1


def define_all(treatments: Sequence[str] | None = None) -> None:
    """Defines the flags of all binaries, so that each reads every flag file.

    Args:
      treatments: What this binary trains unless told otherwise.
    """
    flags.DEFINE_string(
        "runs", "runs", "The study folder: runs, report, TensorBoard, exports."
    )
    _define_data()
    _define_network()
    _define_recipe()
    machine_flags.define()
    _define_study()
    flags.DEFINE_list(
        "treatments",
        treatments,
        "What to train, for example A3B,A3B+; all: everything this command trains.",
    )
    flags.DEFINE_bool("with_bases", False, "Train base networks that are missing.")
    flags.DEFINE_enum(
        "measure",
        "top1",
        list(MEASURES),
        "What figures show: the last validation, or the paper's number.",
    )


def _define_study() -> None:
    flags.DEFINE_string(
        "plan", "", f"Splits and treatments of the paper: {', '.join(PLANS)}."
    )
    flags.DEFINE_bool("dry_run", False, "Print the plan and train nothing.")
    flags.DEFINE_float(
        "rate",
        None,
        "Images/s times networks, to estimate time (default: as measured so far).",
        lower_bound=1e-6,
    )
    flags.DEFINE_string(
        "export",
        "",
        "Run to export as a SavedModel at the end: its id, or best, the transferred"
        " network with the highest accuracy.",
    )


def _define_data() -> None:
    flags.DEFINE_string(
        "dataset",
        "embedded",
        "embedded, embedded:SEED, folder:DIR, tfds:NAME, or store:DIR, made by"
        " yosinski-prepare.",
    )
    flags.DEFINE_string("data_dir", None, "Where TFDS has prepared its data sets.")
    flags.DEFINE_float(
        "held_out",
        None,
        "Share of each class to validate on, for a folder without train and val.",
    )
    flags.DEFINE_list(
        "split",
        ["random:0"],
        "How classes fall into halves: random:SEED, natural_manmade,"
        " manmade_natural, file:PATH; or all classes together: whole, first:N (the"
        " first N training images of each). Several with commas.",
    )


def _define_network() -> None:
    flags.DEFINE_string(
        "network", "mini", f"The network: {', '.join(sorted(NETWORKS))}."
    )
    flags.DEFINE_string(
        "activation", None, f"{' or '.join(ACTIVATIONS)} (default: the network's)."
    )
    flags.DEFINE_bool(
        "lrn", None, "Local response normalisation (default: the network's)."
    )
    flags.DEFINE_list(
        "widths", None, "Widths of conv1..conv5, fc6, fc7 (default: the network's)."
    )
    flags.DEFINE_float(
        "dropout", None, "Share dropped in fc6 and fc7 (default: the network's)."
    )
    flags.DEFINE_integer(
        "num_outputs", None, "Outputs of fc8 (default: one per class of the half)."
    )


def _define_recipe() -> None:
    default = Recipe()
    flags.DEFINE_integer("steps", default.steps, "Optimizer steps.")
    flags.DEFINE_integer("batch_size", default.batch_size, "Images per step.")
    flags.DEFINE_float("learning_rate", default.learning_rate, "Rate at the start.")
    flags.DEFINE_list(
        "rate_drops",
        list(RATE_DROPS),
        "When the rate drops: steps, or percentages of all steps.",
    )
    flags.DEFINE_float("drop_factor", default.drop_factor, "Factor of each drop.")
    flags.DEFINE_float("momentum", default.momentum, "Share of the velocity kept.")
    flags.DEFINE_float("weight_decay", default.weight_decay, "L2 on kernels.")
    flags.DEFINE_float("bias_rate", default.bias_rate, "Factor of biases' rate.")
    flags.DEFINE_integer(
        "image_size",
        None,
        "Side that images are warped to, pixels (default: 32; caffenet: 256; a"
        " store's own).",
    )
    flags.DEFINE_integer(
        "crop_size",
        None,
        "Side of the crop that is seen (default: the image; caffenet: 227 of 256).",
    )
    flags.DEFINE_bool("mirror", default.mirror, "Mirror training images at random.")
    flags.DEFINE_string(
        "mean",
        None,
        f"{' or '.join(MEANS)}: what is subtracted (default: pixel; caffenet: image).",
    )
    flags.DEFINE_integer(
        "validate_every", default.validate_every, "Steps between validations."
    )
    flags.DEFINE_enum(
        "precision",
        AUTO,
        [AUTO, *PRECISIONS],
        "Number format of layers; auto: what this machine is fast at.",
    )


def recipe(number_format: str) -> Recipe:
    """The recipe that the flags describe.

    Args:
      number_format: What `--precision` stands for.

    Raises:
      UserError: If a value is out of its range.
    """
    values: dict[str, Any] = {name: FLAGS[name].value for name in RECIPE}
    values["precision"] = number_format
    values["rate_drops"] = parse_rate_drops(values["rate_drops"], values["steps"])
    values["image_size"], values["crop_size"] = _sizes()
    if values["mean"] is None:
        values["mean"] = usual_images(FLAGS.network).mean
    return Recipe(**values)


def _sizes() -> tuple[int, int]:
    """Sides of the images and of the crop."""
    usual, image_size = usual_images(FLAGS.network), FLAGS.image_size
    store = by_name.open_stored(FLAGS.dataset)
    if image_size is None and store and store.image_size != usual.image_size:
        image_size = store.image_size
    if image_size is None:
        crop_size = usual.crop_size if FLAGS.crop_size is None else FLAGS.crop_size
        return usual.image_size, crop_size
    return image_size, image_size if FLAGS.crop_size is None else FLAGS.crop_size


def network() -> Network:
    """The network that the flags describe.

    Raises:
      UserError: If there is none of that name or a setting is out of range.
    """
    given = {
        name: FLAGS[name].value for name in NETWORK if FLAGS[name].value is not None
    }
    if "widths" in given:
        given["widths"] = tuple(whole_numbers("widths", given["widths"]))
    return get_network(given.pop("network"), **given)


def dataset() -> dict[str, Any]:
    """Arguments of `sources.load`."""
    return {
        "spec": FLAGS.dataset,
        "image_size": _sizes()[0],
        "data_dir": FLAGS.data_dir,
        "held_out": FLAGS.held_out,
    }


def whole_numbers(flag: str, texts: Sequence[str]) -> list[int]:
    """The whole numbers of a list flag.

    Raises:
      UserError: If one is not a whole number from 0 to 2**32 - 1, or there is none.
    """
    if not texts or not all(re.fullmatch(r"\s*[0-9]{1,10}\s*", t) for t in texts):
        raise UserError(
            f"--{flag} wants whole numbers with commas between, got"
            f" {','.join(texts)!r:.80}: give some, such as 0,1,2"
        )
    numbers = [int(text) for text in texts]
    if max(numbers) > _LARGEST_NUMBER:
        raise UserError(
            f"--{flag} wants numbers up to {_LARGEST_NUMBER}, got {max(numbers)}:"
            " give a smaller one"
        )
    return numbers
