"""A cohort to train, as a value that a process can be handed."""

import dataclasses
import pathlib

from yosinski_tf.networks import Network
from yosinski_tf.plan import Cohort
from yosinski_tf.recipes import Recipe


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
      threads: Threads that compute, or None for the library's choice.
      checkpoint_seconds: Least time between two checkpoints.
    """

    cohort: Cohort
    network: Network
    recipe: Recipe
    runs: pathlib.Path
    images: pathlib.Path
    command: str
    threads: int | None = None
    checkpoint_seconds: float = 30.0


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a cohort is.

    Attributes:
      step: Steps taken.
      images_per_second: Training images per second since the last report.
    """

    step: int
    images_per_second: float
