"""What happens to cohorts while a study is trained."""

import dataclasses
import enum

from yosinski_tf.experiment.cohorts import Cohort
from yosinski_tf.training.job import Progress


class Fate(enum.Enum):
    """What becomes of a cohort after an event."""

    # It is trained, or will be.
    RUNNING = enum.auto()
    # It goes back to the cohorts that are left, to go on from its checkpoint.
    PUT_BACK = enum.auto()
    # It is closed; other networks may copy from it.
    TRAINED = enum.auto()
    # It is closed; networks that copy from it cannot be trained.
    FAILED = enum.auto()


@enum.unique
class EventKind(enum.Enum):
    """What can happen to a cohort, and what follows.

    `fate` is what becomes of the cohort; the user reads `words` before its name.
    """

    # Its process has started.
    STARTED = Fate.RUNNING, "started"
    # A cluster has no room for it now.
    WAITING = Fate.RUNNING, "waiting with"
    # It has taken more steps.
    PROGRESS = Fate.RUNNING, "training"
    # All its networks are trained; some may have diverged.
    FINISHED = Fate.TRAINED, "finished"
    # It was asked to stop and has saved a checkpoint.
    STOPPED = Fate.PUT_BACK, "stopped"
    # Its process ended without a word.
    LOST = Fate.PUT_BACK, "lost"
    # The disk is full: the study ends.
    DISK_FULL = Fate.PUT_BACK, "disk full"
    # It cannot be trained because of an error.
    FAILED = Fate.FAILED, "failed"
    # It cannot be trained because a base network has failed or diverged.
    LEFT_OUT = Fate.FAILED, "left out"

    def __init__(self, fate: Fate, words: str):
        self.fate, self.words = fate, words


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that happened to a cohort, with the runs to which it happened.

    `progress` is how far the cohort is, for `PROGRESS`; `message` is what the kind does
    not say.
    """

    kind: EventKind
    cohort: Cohort
    progress: Progress | None = None
    message: str = ""
