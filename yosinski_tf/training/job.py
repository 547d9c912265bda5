"""A cohort to train, as a value that is passed to a process."""

import dataclasses
import pathlib

from yosinski_tf.experiment import cohorts, recipes
from yosinski_tf.experiment.stages import Network
from yosinski_tf.machine.threads import Threads
from yosinski_tf.training import save_clock, shared_batch


class Stopped(Exception):
    """The training was asked to stop, and has saved a checkpoint."""


@dataclasses.dataclass(frozen=True)
class Job:
    """A cohort to train, and everything that its training needs.

    Attributes:
      cohort: The runs.
      network: Description of their network.
      recipe: Everything about the training.
      runs: The study folder.
      images: Folder of the data set, see `study_copy`.
      command: The command line, for the records.
      threads: Threads of the process.
      checkpoint_every: Least interval between two checkpoints; minutes become more
        if saving would take more than 2% of them, see `SaveClock`.
      deterministic: Whether to use kernels that give the same bits each time.
      distribution: How devices share a batch.
      source: Whether the study was given a trained network, see `given_source`.
      feature_cache: Whether outputs of frozen stages are computed only once: `auto`,
        `on` or `off`, see `feature_rule`.
    """

    cohort: cohorts.Cohort
    network: Network
    recipe: recipes.Recipe
    runs: pathlib.Path
    images: pathlib.Path
    command: str
    threads: Threads = Threads(None, None)
    checkpoint_every: save_clock.Interval = save_clock.Interval(minutes=1.0)
    deterministic: bool = False
    distribution: shared_batch.Distribution = shared_batch.Distribution()
    source: bool = False
    feature_cache: str = "auto"


@dataclasses.dataclass(frozen=True)
class Progress:
    """The progress of a cohort.

    Attributes:
      step: Steps taken.
      images_per_second: Training images per second since the last report.
      note: A sentence for the user; mostly empty.
    """

    step: int
    images_per_second: float
    note: str = ""
