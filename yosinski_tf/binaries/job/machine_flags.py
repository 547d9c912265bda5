"""The flags about the machine: processes, threads, devices, checkpoints."""

import os

from absl import flags

from yosinski_tf.machine import gpus
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


ENGINE = {
    "engine": (
        "local",
        "What does the work: this machine, or Ray.",
        ["local", "ray"],
    ),
    "ray_address": (
        "",
        "auto or HOST:PORT of Ray (default: it is started here).",
    ),
}

MACHINE = {
    **ENGINE,
    "processes": (
        None,
        "Cohorts at a time on a machine (default: one per GPU; without any, one per"
        " core, up to four).",
        1,
    ),
    "gpus": (
        None,
        "GPUs to use, by number, such as 0,2 (default: all).",
        list,
    ),
    "threads": (
        None,
        "Threads of each process, fixed for a study (default: its share of the cores).",
        1,
    ),
    "cohort_size": (
        AUTO,
        "Most networks in one model; auto: as many as fit.",
        _CohortSizeParser(),
    ),
    "checkpoint_every": (
        "1min",
        "Least interval between checkpoints, such as 500steps; minutes become more if"
        " saving takes over 2% of the time.",
        _IntervalParser(),
    ),
    "deterministic": (
        False,
        "On a GPU, use slower kernels that give the same bits each time; on a CPU,"
        " nothing changes.",
    ),
    "distribution": (
        "none",
        "mirrored: devices share a batch.",
        list(shared_batch.DISTRIBUTIONS),
    ),
    "devices": (
        None,
        "GPUs of mirrored (default: all), or parts of a CPU.",
        1,
    ),
    "feature_cache": (
        "auto",
        "Keep outputs of frozen layers; auto: on a CPU, if faster and exact.",
        list(feature_rule.MODES),
    ),
    "retries": (
        2,
        "Times to try a cohort again whose process dies.",
        0,
    ),
    "retry_failed": (False, "Train again what failed or diverged."),
}


def choose_gpus() -> None:
    """Hides the GPUs that `--gpus` does not name from this process and its children.

    Raises:
      UserError: If there is no such GPU.
    """
    if FLAGS.gpus is None:
        return
    named = ",".join(FLAGS.gpus)
    if FLAGS.engine != "local":
        raise UserError(
            f"--gpus={named} is for --engine=local, found --engine={FLAGS.engine},"
            " which gives out the GPUs of its cluster: leave out --gpus"
        )
    found = gpus.visible()
    numbers = [each.strip() for each in FLAGS.gpus]
    known = [str(number) for number in range(len(found))]
    if not numbers or len({*numbers}) < len(numbers) or not {*numbers} <= {*known}:
        raise UserError(
            f"--gpus needs different numbers of GPUs, found {named!r} and"
            f" {'the GPUs ' + ', '.join(known) if known else 'no GPU'}: give others, or"
            " leave out --gpus"
        )
    chosen = (found[int(number)].uuid for number in numbers)
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(chosen)


def ray_address() -> str | None:
    """The address of the cluster, empty for one of this machine; None without Ray.

    Raises:
      UserError: If flags contradict each other.
    """
    address = FLAGS.ray_address
    if FLAGS.engine == "ray":
        return address
    if address:
        raise UserError(
            f"--ray_address={address} needs --engine=ray, found"
            f" --engine={FLAGS.engine}: give it too, or leave out --ray_address"
        )
    return None


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
