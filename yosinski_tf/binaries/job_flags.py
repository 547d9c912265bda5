"""The flags that several binaries share, and their way from text to values."""

import os
import re
from collections.abc import Sequence
from typing import Any

from absl import flags

from yosinski_tf import feature_rule
from yosinski_tf.architectures import NETWORKS, get_network, usual_images
from yosinski_tf.binaries.flag_parsers import AUTO, CohortSizeParser, IntervalParser
from yosinski_tf.clusters import DISTRIBUTIONS, Distribution, parse_cluster
from yosinski_tf.data import sources
from yosinski_tf.designs import PLANS
from yosinski_tf.errors import UserError
from yosinski_tf.networks import ACTIVATIONS, Network
from yosinski_tf.points import MEASURES
from yosinski_tf.recipes import MEANS, PRECISIONS, Recipe, parse_rate_drops

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
MACHINE = (
    "processes",
    "threads",
    "cohort_size",
    "checkpoint_every",
    "deterministic",
    "distribution",
    "devices",
    "feature_cache",
    "retry_failed",
)
_DEFAULT_DROPS = ("60%", "85%")
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
    _define_machine()
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


def _define_machine() -> None:
    flags.DEFINE_list("seeds", ["0"], "Repetitions: one or more numbers.")
    flags.DEFINE_integer(
        "processes",
        None,
        "Cohorts trained side by side (default: one per core, up to four; one on"
        " a GPU).",
        lower_bound=1,
    )
    flags.DEFINE_integer(
        "threads",
        None,
        "Threads of each process, for good: they decide how a processor rounds"
        " (default: the folder's; of a new one its share of the cores).",
        lower_bound=1,
    )
    flags.DEFINE_bool(
        "retry_failed", False, "Train again what failed or diverged earlier."
    )
    flags.DEFINE(
        CohortSizeParser(),
        "cohort_size",
        AUTO,
        "Most networks trained together as one model; auto: as many as the memory"
        " allows.",
    )
    flags.DEFINE(
        IntervalParser(),
        "checkpoint_every",
        "1min",
        "Least distance between two checkpoints of a cohort, 500steps or 2min (a time"
        " grows to 50 times what a save takes); they change no number.",
    )
    flags.DEFINE_bool(
        "deterministic",
        False,
        "On a GPU, ask TensorFlow for kernels that give the same bits each time:"
        " slower; on a CPU nothing changes.",
    )
    flags.DEFINE_enum(
        "distribution",
        "none",
        list(DISTRIBUTIONS),
        "Share each batch out among this machine's devices (mirrored) or several"
        " machines' (multi_worker: the same command and TF_CONFIG on each).",
    )
    flags.DEFINE_integer(
        "devices",
        None,
        "Devices of mirrored; of a CPU its parts (default: all; one).",
        lower_bound=1,
    )
    flags.DEFINE_enum(
        "feature_cache",
        "auto",
        list(feature_rule.MODES),
        "Keep outputs of frozen layers in memory (auto: on a CPU, where that pays);"
        " no weight changes.",
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
        list(_DEFAULT_DROPS),
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
    store = sources.open_stored(FLAGS.dataset)
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


def distribution() -> Distribution:
    """How a batch is shared out.

    Raises:
      UserError: If flags contradict each other, or `TF_CONFIG` is missing or wrong.
    """
    kind, devices = FLAGS.distribution, FLAGS.devices
    if devices is not None and kind != "mirrored":
        raise UserError(
            f"--devices={devices} wants --distribution=mirrored, got {kind}: give both,"
            " or leave out --devices"
        )
    if kind == "none":
        return Distribution()
    if FLAGS.processes not in (None, 1):
        raise UserError(
            f"--distribution={kind} wants one cohort at a time, on all devices, got"
            f" --processes={FLAGS.processes}: leave it out, or --distribution"
        )
    if kind == "mirrored":
        _check_shares(devices or 1, "--devices")
        return Distribution(kind, devices)
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        raise UserError(
            "--distribution=multi_worker wants TensorFlow, got"
            f" KERAS_BACKEND={backend}: leave it out, or use --distribution=mirrored on"
            " one machine"
        )
    workers, rank = parse_cluster(os.environ.get("TF_CONFIG"))
    _check_shares(len(workers), "workers")
    return Distribution(kind, None, workers, rank)


def _check_shares(count: int, of: str) -> None:
    """Says before anything starts that a batch does not fall into equal parts."""
    if FLAGS.batch_size % count:
        raise UserError(
            f"--batch_size={FLAGS.batch_size} wants to be shared out evenly among"
            f" {count} {of.removeprefix('--')}: give a multiple of {count}, or other"
            f" {of}"
        )


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
