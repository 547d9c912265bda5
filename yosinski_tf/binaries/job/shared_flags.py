"""The flags that several commands share, and the values that they stand for."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from absl import flags

from yosinski_tf.binaries.job import machine_flags
from yosinski_tf.data.sources import by_name
from yosinski_tf.experiment import recipes
from yosinski_tf.experiment.architectures import NETWORKS, get_network, usual_images
from yosinski_tf.experiment.networks import ACTIVATIONS, Network
from yosinski_tf.experiment.paper_plans import PLANS
from yosinski_tf.experiment.recipes import MEANS, PRECISIONS, Recipe, parse_rate_drops
from yosinski_tf.results.network_result import MEASURES
from yosinski_tf.system.errors import UserError

FLAGS = flags.FLAGS

DATA = ("dataset", "data_dir", "held_out", "train_per_class", "split")
NETWORK = ("network", "activation", "lrn", "widths", "dropout", "num_outputs")
RECIPE = tuple(field.name for field in dataclasses.fields(Recipe))
STUDY = ("plan", "dry_run", "rate", "export", "measure")
# Numbers of the recipe, with their help; `Recipe` has the defaults.
_NUMBERS = {
    "steps": "Optimizer steps.",
    "batch_size": "Images per step.",
    "learning_rate": "Learning rate at the start.",
    "drop_factor": "Factor of each drop of the learning rate.",
    "momentum": "Share of the velocity kept.",
    "weight_decay": "Weight decay (L2) of kernels.",
    "bias_rate": "Factor of the learning rate for biases.",
    "validate_every": "Steps between validations.",
}
_LARGEST_NUMBER = 2**32 - 1


def define_all(treatments: Sequence[str] | None = None) -> None:
    """Defines the flags of all commands, so that each can read every flag file.

    `treatments` is what this command trains by default.
    """
    flags.DEFINE_string(
        "runs", "runs", "The study folder: runs, report, TensorBoard, exports."
    )
    flags.DEFINE_list(
        "treatments",
        treatments,
        "What to train, such as A3B,A3B+; all: all that this command trains.",
    )
    flags.DEFINE_list("seeds", ["0"], "Repetitions: one or more numbers.")
    flags.DEFINE_bool("with_bases", False, "Train base networks that are missing.")
    _define_data()
    _define_network()
    _define_recipe()
    machine_flags.define()
    _define_study()


def _define_study() -> None:
    flags.DEFINE_string(
        "plan", "", f"Splits and treatments of the paper: {', '.join(PLANS)}."
    )
    flags.DEFINE_bool("dry_run", False, "Print the plan and train nothing.")
    flags.DEFINE_float(
        "rate",
        None,
        "Images/s times networks, to estimate the time (default: as measured so far).",
        lower_bound=1e-6,
    )
    flags.DEFINE_string(
        "export",
        "",
        "Run to export at the end: its id, or best, the one that the report recommends"
        " (best:A for the classes of half A).",
    )
    flags.DEFINE_enum(
        "measure",
        "top1",
        list(MEASURES),
        "What figures show: the last validation, or the paper's number.",
    )


def _define_data() -> None:
    flags.DEFINE_string(
        "dataset",
        "embedded",
        "embedded[:SEED], folder:DIR, tfds:NAME, or store:DIR (see yosinski-prepare).",
    )
    flags.DEFINE_string("data_dir", None, "Folder of data sets prepared by TFDS.")
    flags.DEFINE_float(
        "held_out",
        None,
        "Share of each class to validate on, for a folder without train and val.",
    )
    flags.DEFINE_integer(
        "train_per_class",
        None,
        "Training images of each class, the first ones (default: all).",
        lower_bound=1,
    )
    flags.DEFINE_list(
        "split",
        ["random:0"],
        "How classes are divided into halves: random:SEED, natural_manmade,"
        " manmade_natural, file:PATH. Or all classes together: whole, first:N (the"
        " first N training images of each class). Several with commas.",
    )


def _define_network() -> None:
    flags.DEFINE_string(
        "network", "mini", f"The network: {', '.join(sorted(NETWORKS))}."
    )
    flags.DEFINE_string(
        "activation", None, f"{', '.join(ACTIVATIONS)} (default: the network's)."
    )
    flags.DEFINE_bool(
        "lrn", None, "Local response normalisation (default: the network's)."
    )
    flags.DEFINE_list("widths", None, "Widths of conv1..fc7 (default: the network's).")
    flags.DEFINE_float(
        "dropout", None, "Share dropped in fc6 and fc7 (default: the network's)."
    )
    flags.DEFINE_integer(
        "num_outputs", None, "Outputs of fc8 (default: one per class of the half)."
    )


def _define_recipe() -> None:
    default = Recipe()
    for name, text in _NUMBERS.items():
        value = getattr(default, name)
        whole = isinstance(value, int)
        define = flags.DEFINE_integer if whole else flags.DEFINE_float
        define(name, value, text)
    flags.DEFINE_list(
        "rate_drops",
        list(recipes.RATE_DROPS),
        "When the learning rate drops: steps, or percentages of all steps.",
    )
    flags.DEFINE_integer(
        "image_size",
        None,
        "Side of images, pixels (default: 32; caffenet: 256; a store's own).",
    )
    flags.DEFINE_integer(
        "crop_size",
        None,
        "Side of crops, pixels (default: the image's; caffenet: 227 of 256).",
    )
    flags.DEFINE_bool("mirror", default.mirror, "Mirror training images at random.")
    flags.DEFINE_string(
        "mean",
        None,
        f"What is subtracted: {' or '.join(MEANS)} (default: pixel; caffenet: image).",
    )
    flags.DEFINE_enum(
        "precision",
        machine_flags.AUTO,
        [machine_flags.AUTO, *PRECISIONS],
        "Number format of layers; auto: a fast one on this machine.",
    )


def recipe(number_format: str) -> Recipe:
    """The recipe that the flags describe, in a number format.

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
    """Sides of the images and of the crop, pixels."""
    usual, image_size = usual_images(FLAGS.network), FLAGS.image_size
    store = by_name.open_stored(FLAGS.dataset)
    if image_size is None and store and store.image_size != usual.image_size:
        image_size = store.image_size
    crop_size = image_size
    if image_size is None:
        image_size, crop_size = usual.image_size, usual.crop_size
    return image_size, crop_size if FLAGS.crop_size is None else FLAGS.crop_size


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


def whole_numbers(flag: str, texts: Sequence[str]) -> list[int]:
    """The whole numbers of a list flag.

    Raises:
      UserError: If one is not a whole number from 0 to 2**32 - 1, or there is none.
    """
    numbers = [int(t) for t in texts if re.fullmatch(r"\s*[0-9]{1,10}\s*", t)]
    if not texts or len(numbers) < len(texts) or max(numbers) > _LARGEST_NUMBER:
        raise UserError(
            f"--{flag} needs whole numbers up to {_LARGEST_NUMBER}, separated by"
            f" commas, found {','.join(texts)!r:.80}: give some, such as 0,1,2"
        )
    return numbers
