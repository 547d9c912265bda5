"""The values of the flags of a command that trains, read once."""

import dataclasses
import math
import pathlib

from absl import flags

from yosinski_tf.binaries.job import auto_settings, machine_flags, shared_flags
from yosinski_tf.binaries.job.machine_flags import AUTO
from yosinski_tf.experiment.keras_networks import KerasNetwork
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.experiment.stages import Network
from yosinski_tf.machine import keras_settings, nodes
from yosinski_tf.machine.nodes import Node
from yosinski_tf.machine.precision import PrecisionChoice
from yosinski_tf.machine.threads import default_processes
from yosinski_tf.scheduling import ray_nodes
from yosinski_tf.study.given_source import Source
from yosinski_tf.study.settings import DataSource, StudySettings, make_settings
from yosinski_tf.system import ray_cluster
from yosinski_tf.system.errors import UserError
from yosinski_tf.training import save_clock, shared_batch

FLAGS = flags.FLAGS

# The share of its first statistics that batch normalisation may end with.
_MOST_LEFT = 0.01


@dataclasses.dataclass(frozen=True)
class JobOptions:
    """The values of the flags, except for the splits and treatments to train.

    Attributes:
      settings: What all runs of the study folder have in common.
      precision: The number format of the recipe, and why.
      nodes: The machines that train, the one with the fewest cores first.
      ray_address: Address of the Ray cluster that trains, empty for one of this
        machine; None if processes of this machine train.
      processes: Cohorts at a time on each machine; None for as many as suit it.
      cohort_size: Most networks in a cohort; None for as many as fit into memory.
      retries: How often a cohort whose process dies is trained again.
      retry_failed: Whether to train again what failed or diverged earlier.
      checkpoint_every, deterministic, distribution, feature_cache: As in `Job`.
    """

    runs: pathlib.Path
    settings: StudySettings
    precision: PrecisionChoice
    seeds: tuple[int, ...]
    nodes: tuple[Node, ...]
    ray_address: str | None
    processes: int | None
    cohort_size: int | None
    retries: int
    retry_failed: bool
    checkpoint_every: save_clock.Interval
    deterministic: bool
    distribution: shared_batch.Distribution
    feature_cache: str
    notes: tuple[str, ...] = ()

    @property
    def most_processes(self) -> int:
        """The most cohorts at a time on each machine."""
        return self.processes or min(map(default_processes, self.nodes))


def from_flags() -> JobOptions:
    """Reads the flags.

    Raises:
      UserError: If a flag is wrong, flags contradict each other, or Keras has settings
        that it or this project cannot use.
    """
    keras_settings.check()
    machine_flags.choose_gpus()
    address = machine_flags.ray_address()
    runs = pathlib.Path(FLAGS.runs)
    machines = _machines(address)
    precision = auto_settings.number_format(
        FLAGS.precision, runs, FLAGS.optimizer, machines
    )
    recipe = shared_flags.recipe(precision.precision)
    given = shared_flags.network(runs, recipe.crop_size)
    network = given.network
    distribution = machine_flags.distribution()
    # Refuses a crop that is too small for the network.
    network.stages(recipe.crop_size, num_classes=2)
    _check_normalisation(network, recipe, distribution.kind)
    _check_mean(network, recipe, given.source)
    data = DataSource(FLAGS.dataset, recipe.image_size, FLAGS.data_dir, FLAGS.held_out)
    return JobOptions(
        runs=runs,
        settings=make_settings(
            data,
            network,
            recipe,
            threads=FLAGS.threads,
            train_per_class=FLAGS.train_per_class,
            source=given.source,
            network_request=given.request,
        ),
        notes=(*given.notes, _slow_statistics(network, recipe)),
        precision=precision,
        seeds=tuple(shared_flags.whole_numbers("seeds", FLAGS.seeds)),
        nodes=machines,
        ray_address=address,
        processes=FLAGS.processes if distribution.kind == "none" else 1,
        cohort_size=None if FLAGS.cohort_size == AUTO else FLAGS.cohort_size,
        retries=FLAGS.retries,
        retry_failed=FLAGS.retry_failed,
        checkpoint_every=FLAGS.checkpoint_every,
        deterministic=FLAGS.deterministic,
        distribution=distribution,
        feature_cache=FLAGS.feature_cache,
    )


def _machines(address: str | None) -> tuple[Node, ...]:
    """The machines that train: this one, or the nodes of a cluster."""
    if address is not None:
        ray_cluster.check(address)
    if not address:
        return (nodes.here(),)
    with ray_cluster.connected(address, pathlib.Path()):
        return ray_nodes.look()


def _check_normalisation(network: Network, recipe: Recipe, distribution: str) -> None:
    """Refuses what batch normalisation cannot do, and the mean that none subtracts."""
    count = network.batch_norms(recipe.crop_size)
    if count and distribution != "none":
        raise UserError(
            f"--distribution={distribution} needs a network without batch"
            f" normalisation, which would see a part of each batch, found {count} in"
            f" {network.name}: leave out --distribution"
        )
    if recipe.calibrate_random and not count:
        raise UserError(
            "--calibrate_random needs batch normalisation, found none in"
            f" {network.name}: leave it out"
        )


def _check_mean(network: Network, recipe: Recipe, source: Source | None) -> None:
    """Refuses a mean that no network subtracts, or another one than the source's."""
    if network.pixels != "mean" and FLAGS.mean is not None:
        raise UserError(
            f"--mean is for --pixels=mean, found --pixels={network.pixels}, which"
            " subtracts no mean of the data: leave out --mean"
        )
    if source is None or source.mean is None:
        return
    needed = "pixel" if source.mean.ndim == 1 else "image"
    if recipe.mean != needed:
        raise UserError(
            f"--source={source.spec} was trained with --mean={needed}, found"
            f" --mean={recipe.mean}: leave out --mean"
        )
    if needed == "image" and recipe.image_size != len(source.mean):
        raise UserError(
            f"--source={source.spec} was trained with --image_size={len(source.mean)},"
            f" found {recipe.image_size}: leave out --image_size"
        )


def _slow_statistics(network: Network, recipe: Recipe) -> str:
    """A warning if batch normalisation forgets its first statistics too slowly."""
    if not isinstance(network, KerasNetwork):
        return ""
    momentum = network.slowest_momentum
    left = momentum**recipe.steps
    if left < _MOST_LEFT:
        return ""
    enough = min(0.9, math.floor(100 * _MOST_LEFT ** (1 / recipe.steps)) / 100)
    return (
        f"Warning: with a momentum of {momentum:g}, batch normalisation still holds"
        f" {left:.0%} of its first statistics after {recipe.steps:,} steps, and"
        f" validations are too low: give --norm_momentum={enough:g}, or more"
        " --steps."
    )
