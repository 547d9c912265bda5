"""A cohort to train, as a value that a process can be handed."""

import dataclasses
import pathlib

from yosinski_tf.experiment.cohorts import Cohort
from yosinski_tf.experiment.networks import Network
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.machine.threads import Threads
from yosinski_tf.training.clusters import Distribution
from yosinski_tf.training.save_clock import Interval


class Stopped(Exception):
    """Training was asked to stop and has saved where it was."""


@dataclasses.dataclass(frozen=True)
class Job:
    """A cohort to train, with all that it takes.

    Attributes:
      cohort: The runs.
      network: Description of all their networks.
      recipe: Everything about the training.
      runs: The study folder.
      images: Folder of the data set's arrays (see `data.cache`).
      command: The command line, for the records.
      threads: Threads that compute.
      checkpoint_every: Least distance between two checkpoints; a time is made
        longer where saving would take more than 2% of it (see `SaveClock`).
      deterministic: Whether to ask for kernels that give the same bits each time.
      distribution: How a batch is shared out among devices.
      feature_cache: Whether outputs of frozen layers are computed once: `auto`,
        `on` or `off`, see `feature_rule.choose`.
    """

    cohort: Cohort
    network: Network
    recipe: Recipe
    runs: pathlib.Path
    images: pathlib.Path
    command: str
    threads: Threads = Threads(None, None)
    checkpoint_every: Interval = Interval(minutes=1.0)
    deterministic: bool = False
    distribution: Distribution = Distribution()
    feature_cache: str = "auto"


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a cohort is.

    Attributes:
      step: Steps taken.
      images_per_second: Training images per second since the last report.
      note: A sentence that the user should see; mostly there is none.
    """

    step: int
    images_per_second: float
    note: str = ""
