"""The flags that say what a study is trained on, and how much at a time."""

import os

from absl import flags

from yosinski_tf.binaries.job.flag_parsers import AUTO, CohortSizeParser, IntervalParser
from yosinski_tf.machine.precision import keras_backend
from yosinski_tf.models import feature_rule
from yosinski_tf.system.errors import UserError
from yosinski_tf.training.clusters import DISTRIBUTIONS, Distribution, parse_cluster

FLAGS = flags.FLAGS

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


def define() -> None:
    """Defines them, and how many repetitions there are."""
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
        "Threads of each process, for good (default: the folder's; of a new one its"
        " share of the cores, or twice that where operations are small).",
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
    if FLAGS.feature_cache == "on":
        raise UserError(
            f"--distribution={kind} wants frozen layers computed where they are used,"
            " got --feature_cache=on: leave it out, or --distribution"
        )
    if kind == "mirrored":
        _check_shares(devices or 1, "--devices")
        return Distribution(kind, devices)
    backend = keras_backend()
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
