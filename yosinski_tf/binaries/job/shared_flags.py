"""The flags that several commands share, and the values that they stand for."""

import pathlib
import re
from collections.abc import Sequence
from typing import Any

from absl import flags

from yosinski_tf.binaries.job import command_line, machine_flags
from yosinski_tf.data.sources import by_name
from yosinski_tf.experiment import network_specs, recipes
from yosinski_tf.experiment.architectures import NETWORKS, get_network, usual_images
from yosinski_tf.experiment.keras_networks import PIXELS
from yosinski_tf.experiment.networks import ACTIVATIONS
from yosinski_tf.experiment.paper_plans import PLANS
from yosinski_tf.experiment.recipes import MEANS, PRECISIONS, Recipe
from yosinski_tf.results.network_result import MEASURES
from yosinski_tf.study import given_network
from yosinski_tf.study.settings import noted_learning_rate
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
    "network": (
        "mini",
        f"{', '.join(sorted(NETWORKS))}, resnet_mini, keras:NAME, file:MODEL.keras or"
        " python:MODULE:FUNCTION (default: mini, or the source's).",
    ),
    "stages": (
        "size",
        "Where it is cut: size (of its maps), block, or names of layers.",
    ),
    "source": (
        "",
        "The network of P3B, P3W+, ...: file:MODEL.keras or run:RUNS/RUN_ID.",
    ),
    "pixels": (
        "",
        f"What it expects: {', '.join(PIXELS)} (default: guessed).",
    ),
    "norm_momentum": (
        None,
        "Momentum of all batch normalisations (default: the network's).",
        float,
    ),
    "activation": (None, f"{', '.join(ACTIVATIONS)} (default: the network's).", str),
    "lrn": (None, "Local response normalisation (default: the network's).", bool),
    "widths": (None, "Widths of conv1..fc7 (default: the network's).", list),
    "dropout": (None, "Share dropped in fc6 and fc7 (default: the network's).", float),
    "num_outputs": (None, "Outputs of fc8 (default: one per class of the half).", int),
}
RECIPE = {
    "steps": (Recipe.steps, "Optimizer steps."),
    "batch_size": (Recipe.batch_size, "Images per step."),
    "optimizer": (
        Recipe.optimizer,
        "sgd, the paper's, or adamw, with rates near 0.001.",
        list(recipes.OPTIMIZERS),
    ),
    "learning_rate": (
        Recipe.learning_rate,
        "Learning rate, the highest; a study folder keeps its own.",
    ),
    "schedule": (
        Recipe.schedule,
        "The rate falls in steps, as in the paper, or on a cosine to 0.",
        list(recipes.SCHEDULES),
    ),
    "warmup": (
        str(Recipe.warmup),
        "Steps in which the rate rises, or a percentage of all, such as 5%.",
    ),
    "rate_drops": (
        list(recipes.RATE_DROPS),
        "Steps at which the rate drops, or percentages of all steps.",
    ),
    "drop_factor": (Recipe.drop_factor, "Factor of each drop of the learning rate."),
    "momentum": (Recipe.momentum, "Share of the velocity kept (adamw: beta 1)."),
    "weight_decay": (
        Recipe.weight_decay,
        "Weight decay of kernels (sgd: L2; adamw: decoupled).",
    ),
    "bias_rate": (Recipe.bias_rate, "Factor of the learning rate for biases (sgd)."),
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
    "calibrate_random": (
        Recipe.calibrate_random,
        "Random features get the batch statistics of training images.",
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
    "explain": (False, "At the end measure what the layers hold: yosinski-explain."),
    "measure": (
        "top1",
        "What figures show: the last validation, or the paper's number.",
        list(MEASURES),
    ),
}
# Those of `NETWORK` that describe a network of this project with eight layers.
_OF_EIGHT_LAYERS = ("activation", "lrn", "widths", "dropout", "num_outputs")
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
                "What to train, such as A3B,A3B+; AnB+ and A1B..A3B for several n; all:"
                " all that this command trains.",
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
    noted = noted_learning_rate(pathlib.Path(FLAGS.runs))
    if noted is not None and not FLAGS["learning_rate"].present:
        # Of a folder of an earlier version, which had another default.
        values["learning_rate"] = noted
    steps = values["steps"]
    values["rate_drops"] = recipes.parse_rate_drops(values["rate_drops"], steps)
    values["warmup"] = recipes.parse_steps("warmup", values["warmup"], steps)
    usual, store = _usual_images(), by_name.open_stored(FLAGS.dataset)
    own_size = store and store.image_size != usual["image_size"]
    if values["image_size"] is None and own_size:
        values["image_size"] = store.image_size
    if values["crop_size"] is None:
        values["crop_size"] = values["image_size"]
    missing = {k: value for k, value in usual.items() if values[k] is None}
    return Recipe(**{**values, **missing})


def network(runs: pathlib.Path, crop_size: int) -> given_network.Given:
    """The network that the flags describe, and its source.

    Args:
      runs: The study folder, which may have both.
      crop_size: Side of the crops that it sees, pixels.

    Raises:
      UserError: If there is none of that name, it cannot be used, or a setting is out
        of range.
    """
    name = _network_name()
    given = {flag: FLAGS[flag].value for flag in _OF_EIGHT_LAYERS}
    if name in NETWORKS:
        if FLAGS.source:
            raise UserError(
                f"--source={FLAGS.source} brings its own network, found"
                f" --network={name} too: leave out --network"
            )
        for flag in ("stages", "pixels", "norm_momentum"):
            if FLAGS[flag].present:
                raise UserError(
                    f"--{flag} is for networks of Keras, found --network={name}:"
                    f" leave out --{flag}, or name another network"
                )
        given = {flag: value for flag, value in given.items() if value is not None}
        if "widths" in given:
            given["widths"] = tuple(whole_numbers("widths", given["widths"]))
        return given_network.Given(get_network(name, **given))
    for flag, value in given.items():
        if value is not None:
            raise UserError(
                f"--{flag} is for {' and '.join(sorted(NETWORKS))}, found"
                f" {'--network=' + name if name else '--source'}: leave out --{flag}"
            )
    return given_network.resolve(runs, _request(name, crop_size))


def _network_name() -> str:
    """The spec of the network; empty for that of the source."""
    if FLAGS.source and not FLAGS["network"].present:
        return ""
    return FLAGS.network


def _request(name: str, crop_size: int) -> given_network.Request:
    if name:
        network_specs.parse_spec(name)
    momentum = FLAGS.norm_momentum
    if momentum is not None and not 0 <= momentum < 1:
        raise UserError(
            f"--norm_momentum needs at least 0 and under 1, found {momentum}"
        )
    if FLAGS.pixels == "mean" and FLAGS.source:
        raise UserError(
            "--pixels=mean is for networks that are trained here, found"
            f" --source={FLAGS.source}: say what it expects, one of"
            f" {', '.join(PIXELS[1:])}"
        )
    if FLAGS.pixels not in ("", *PIXELS):
        raise UserError(
            f"--pixels needs one of {', '.join(PIXELS)}, found {FLAGS.pixels!r}"
        )
    return given_network.Request(
        network=name,
        stages=FLAGS.stages,
        source=FLAGS.source,
        pixels=FLAGS.pixels,
        input_size=crop_size,
        norm_momentum=FLAGS.norm_momentum,
    )


def _usual_images() -> dict[str, Any]:
    """The sides of images and crops, and the mean, of a recipe that names none."""
    name = _network_name()
    if name in NETWORKS:
        return usual_images(name)
    runs = pathlib.Path(FLAGS.runs)
    return usual_images("mini") | given_network.own_images(runs, _request(name, 0))


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
