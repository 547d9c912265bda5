"""The flags that several commands share, and the values that they stand for."""

import re
from collections.abc import Sequence
from typing import Any

from absl import flags

from yosinski_tf.binaries.job import command_line, machine_flags
from yosinski_tf.data.sources import by_name
from yosinski_tf.experiment import recipes
from yosinski_tf.experiment.architectures import NETWORKS, get_network, usual_images
from yosinski_tf.experiment.networks import ACTIVATIONS, Network
from yosinski_tf.experiment.paper_plans import PLANS
from yosinski_tf.experiment.recipes import MEANS, PRECISIONS, Recipe, parse_rate_drops
from yosinski_tf.results.network_result import MEASURES
from yosinski_tf.system.errors import UserError

FLAGS = flags.FLAGS

# The flags in groups, each as in `command_line.define`.
DATA = {
    "dataset": (
        "embedded",
        "embedded[:SEED], folder:DIR, tfds:NAME, or store:DIR (see yosinski-prepare).",
    ),
    "data_dir": (None, "Folder of data sets prepared by TFDS.", str),
    "held_out": (
        None,
        "Share of each class to validate on, for a folder without train and val.",
        float,
    ),
    "train_per_class": (
        None,
        "Training images of each class, the first ones (default: all).",
        1,
    ),
    "split": (
        ["random:0"],
        "How classes are divided into halves: random:SEED, natural_manmade,"
        " manmade_natural, file:PATH. Or all classes together: whole, first:N (the"
        " first N training images of each class). Several with commas.",
    ),
}
NETWORK = {
    "network": ("mini", f"The network: {', '.join(sorted(NETWORKS))}."),
    "activation": (None, f"{', '.join(ACTIVATIONS)} (default: the network's).", str),
    "lrn": (None, "Local response normalisation (default: the network's).", bool),
    "widths": (None, "Widths of conv1..fc7 (default: the network's).", list),
    "dropout": (None, "Share dropped in fc6 and fc7 (default: the network's).", float),
    "num_outputs": (None, "Outputs of fc8 (default: one per class of the half).", int),
}
RECIPE = {
    "steps": (Recipe.steps, "Optimizer steps."),
    "batch_size": (Recipe.batch_size, "Images per step."),
    "learning_rate": (Recipe.learning_rate, "Learning rate at the start."),
    "rate_drops": (
        list(recipes.RATE_DROPS),
        "When the learning rate drops: steps, or percentages of all steps.",
    ),
    "drop_factor": (Recipe.drop_factor, "Factor of each drop of the learning rate."),
    "momentum": (Recipe.momentum, "Share of the velocity kept."),
    "weight_decay": (Recipe.weight_decay, "Weight decay (L2) of kernels."),
    "bias_rate": (Recipe.bias_rate, "Factor of the learning rate for biases."),
    "image_size": (
        None,
        "Side of images, pixels (default: 32; caffenet: 256; a store's own).",
        int,
    ),
    "crop_size": (
        None,
        "Side of crops, pixels (default: the image's; caffenet: 227 of 256).",
        int,
    ),
    "mirror": (Recipe.mirror, "Mirror training images at random."),
    "mean": (
        None,
        f"What is subtracted: {' or '.join(MEANS)} (default: pixel; caffenet: image).",
        str,
    ),
    "validate_every": (Recipe.validate_every, "Steps between validations."),
    "precision": (
        machine_flags.AUTO,
        "Number format of layers; auto: a fast one on this machine.",
        [machine_flags.AUTO, *PRECISIONS],
    ),
}
STUDY = {
    "plan": ("", f"Splits and treatments of the paper: {', '.join(PLANS)}."),
    "dry_run": (False, "Print the plan and train nothing."),
    "rate": (
        None,
        "Images/s times networks, to estimate the time (default: as measured so far).",
        1e-6,
    ),
    "export": (
        "",
        "Run to export at the end: its id, or best, the one that the report recommends"
        " (best:A for the classes of half A).",
    ),
    "measure": (
        "top1",
        "What figures show: the last validation, or the paper's number.",
        list(MEASURES),
    ),
}
_LARGEST_NUMBER = 2**32 - 1


def define_all(treatments: Sequence[str] | None = None) -> None:
    """Defines the flags of all commands, so that each can read every flag file.

    `treatments` is what this command trains by default.
    """
    command_line.define(
        {
            "runs": ("runs", "The study folder: runs, report, TensorBoard, exports."),
            "treatments": (
                treatments,
                "What to train, such as A3B,A3B+; all: all that this command trains.",
                list,
            ),
            "seeds": (["0"], "Repetitions: one or more numbers."),
            "with_bases": (False, "Train base networks that are missing."),
            **DATA,
            **NETWORK,
            **RECIPE,
            **machine_flags.MACHINE,
            **STUDY,
        }
    )


def recipe(number_format: str) -> Recipe:
    """The recipe that the flags describe, in a number format.

    Raises:
      UserError: If a value is out of its range.
    """
    values: dict[str, Any] = {name: FLAGS[name].value for name in RECIPE}
    values["precision"] = number_format
    values["rate_drops"] = parse_rate_drops(values["rate_drops"], values["steps"])
    usual, store = usual_images(FLAGS.network), by_name.open_stored(FLAGS.dataset)
    own_size = store and store.image_size != usual["image_size"]
    if values["image_size"] is None and own_size:
        values["image_size"] = store.image_size
    if values["crop_size"] is None:
        values["crop_size"] = values["image_size"]
    missing = {k: value for k, value in usual.items() if values[k] is None}
    return Recipe(**{**values, **missing})


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
