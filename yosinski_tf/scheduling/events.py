"""What happens to cohorts while a study is trained."""

import dataclasses

from yosinski_tf.experiment.cohorts import Cohort
from yosinski_tf.training.job import Progress


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that happened to a cohort.

    Attributes:
      kind: `started`, `progress`, `finished`, `stopped` or `failed`; `busy` if
        another process trains it, `waiting` if there is nothing else to do,
        `elsewhere` if that process has finished it; `dropped` if it cannot be
        trained for want of its base; `full` if the disk is; `alone` if another
        worker has ended, `deserted` if one did not come.
      cohort: The cohort, with the runs that it happened to.
      progress: With `progress`: how far it is.
      message: What happened, where the kind does not say it all.
    """

    kind: str
    cohort: Cohort
    progress: Progress | None = None
    message: str = ""
