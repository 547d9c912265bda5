"""The flags about the machine: processes, threads, devices, checkpoints."""

from absl import flags

from yosinski_tf.models import feature_rule
from yosinski_tf.system.errors import UserError
from yosinski_tf.training import shared_batch
from yosinski_tf.training.save_clock import Interval

FLAGS = flags.FLAGS

# The value that leaves a decision to the program.
AUTO = "auto"


class _CohortSizeParser(flags.ArgumentParser):
    """Parses `auto` or a number."""

    syntactic_help = f"{AUTO} or a positive integer"

    def parse(self, argument: str | int) -> str | int:
        if argument == AUTO:
            return AUTO
        if int(argument) < 1:
            raise ValueError(self.syntactic_help)
        return int(argument)


class _IntervalParser(flags.ArgumentParser):
    """Parses an `Interval`."""

    syntactic_help = "at least 1 step, or minutes, such as 500steps or 2min"

    def parse(self, argument: str | Interval) -> Interval:
        # A `UserError` is a `ValueError`, which absl expects.
        return argument if isinstance(argument, Interval) else Interval.parse(argument)


MACHINE = {
    "processes": (
        None,
        "Cohorts trained at a time (default: one per core, up to four; one on a GPU).",
        1,
    ),
    "threads": (
        None,
        "Threads of each process, fixed for a study (default: its share of the cores).",
        1,
    ),
    "cohort_size": (
        AUTO,
        "Most networks trained as one model; auto: as many as fit into memory.",
        _CohortSizeParser(),
    ),
    "checkpoint_every": (
        "1min",
        "Least interval between checkpoints, such as 500steps or 2min; minutes become"
        " more if saving would take over 2% of the time. Results do not change.",
        _IntervalParser(),
    ),
    "deterministic": (
        False,
        "On a GPU, use slower kernels that give the same bits each time; on a CPU,"
        " nothing changes.",
    ),
    "distribution": (
        "none",
        "mirrored: share each batch among the devices of a machine.",
        list(shared_batch.DISTRIBUTIONS),
    ),
    "devices": (
        None,
        "GPUs of mirrored (default: all), or parts of a CPU (default: one).",
        1,
    ),
    "feature_cache": (
        "auto",
        "Keep outputs of frozen layers; auto: on a CPU, if faster and exact.",
        list(feature_rule.MODES),
    ),
    "retries": (
        2,
        "How often a cohort whose process dies is trained again if it gets no further.",
        0,
    ),
    "retry_failed": (False, "Train again what failed or diverged."),
}


def distribution() -> shared_batch.Distribution:
    """How a batch is shared out.

    Raises:
      UserError: If flags contradict each other.
    """
    kind, devices = FLAGS.distribution, FLAGS.devices
    if devices is not None and kind != "mirrored":
        raise UserError(
            f"--devices={devices} needs --distribution=mirrored, found {kind}: give"
            " both, or leave out --devices"
        )
    if kind == "none":
        return shared_batch.Distribution()
    if FLAGS.processes not in (None, 1):
        raise UserError(
            f"--distribution={kind} needs one cohort at a time, on all devices, found"
            f" --processes={FLAGS.processes}: leave it out, or --distribution"
        )
    if FLAGS.feature_cache == "on":
        raise UserError(
            f"--distribution={kind} needs frozen layers computed where they are used,"
            " found --feature_cache=on: leave it out, or --distribution"
        )
    shared_batch.check_batch(FLAGS.batch_size, devices or 1)
    return shared_batch.Distribution(kind, devices)
