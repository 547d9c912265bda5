"""The values of the flags of a command that trains, read once."""

import dataclasses
import pathlib

from absl import flags

from yosinski_tf.binaries.job import auto_settings, machine_flags, shared_flags
from yosinski_tf.binaries.job.machine_flags import AUTO
from yosinski_tf.machine.precision import PrecisionChoice
from yosinski_tf.study.settings import DataSource, StudySettings, make_settings
from yosinski_tf.training import clusters, save_clock

FLAGS = flags.FLAGS


@dataclasses.dataclass(frozen=True)
class JobOptions:
    """The values of the flags, except for the splits and treatments to train.

    Attributes:
      settings: What all runs of the study folder have in common.
      precision: The number format of the recipe, and why.
      processes: Cohorts trained at a time; None for as many as suit the machine.
      cohort_size: Most networks in a cohort; None for as many as fit into memory.
      retry_failed: Whether to train again what failed or diverged earlier.
      checkpoint_every, deterministic, distribution, feature_cache: As in `Job`.
    """

    runs: pathlib.Path
    settings: StudySettings
    precision: PrecisionChoice
    seeds: tuple[int, ...]
    processes: int | None
    cohort_size: int | None
    retry_failed: bool
    checkpoint_every: save_clock.Interval
    deterministic: bool
    distribution: clusters.Distribution
    feature_cache: str


def from_flags() -> JobOptions:
    """Reads the flags.

    Raises:
      UserError: If a flag is wrong, or flags contradict each other.
    """
    runs = pathlib.Path(FLAGS.runs)
    precision = auto_settings.number_format(FLAGS.precision, runs)
    network = shared_flags.network()
    recipe = shared_flags.recipe(precision.precision)
    distribution = machine_flags.distribution()
    # Refuses a crop that is too small for the network.
    network.kernel_shapes(recipe.crop_size, num_classes=2)
    data = DataSource(FLAGS.dataset, recipe.image_size, FLAGS.data_dir, FLAGS.held_out)
    return JobOptions(
        runs=runs,
        settings=make_settings(
            data, network, recipe, FLAGS.threads, FLAGS.train_per_class
        ),
        precision=precision,
        seeds=tuple(shared_flags.whole_numbers("seeds", FLAGS.seeds)),
        processes=FLAGS.processes if distribution.kind == "none" else 1,
        cohort_size=None if FLAGS.cohort_size == AUTO else FLAGS.cohort_size,
        retry_failed=FLAGS.retry_failed,
        checkpoint_every=FLAGS.checkpoint_every,
        deterministic=FLAGS.deterministic,
        distribution=distribution,
        feature_cache=FLAGS.feature_cache,
    )
