"""How long a study will take and what it will fill, before it is trained."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from yosinski_tf.experiment.cohorts import Cohort
from yosinski_tf.experiment.networks import Network
from yosinski_tf.experiment.runs import Run
from yosinski_tf.study.records import Record

_FLOAT = 4
Cost = Callable[[Sequence[Run]], float]


@dataclasses.dataclass(frozen=True)
class Disk:
    """What a study folder fills, in bytes; logs are small and left out.

    Attributes:
      weights: The final weights of every run, those that are done included.
      checkpoints: The last two, and the one that is being written, of each of
        the largest cohorts that are in training at a time.
      images: The data set, warped and not compressed.
    """

    weights: int
    checkpoints: int
    images: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.checkpoints + self.images


def seconds_at(
    cohorts: Iterable[Cohort], steps: int, batch_size: int, rate: float
) -> float:
    """Time to train some cohorts at a given rate.

    Args:
      cohorts: What is to be trained.
      steps: Steps of every network.
      batch_size: Images of every step.
      rate: Images per second times networks, of all processes together; the
        display of a study in training shows it for each cohort.

    Returns:
      Seconds of training steps; start-up and validation come on top.
    """
    networks = sum(len(cohort.runs) for cohort in cohorts)
    return networks * steps * batch_size / rate


def seconds_as_measured(
    cohorts: Iterable[Cohort],
    runs: Iterable[Run],
    records: Iterable[Record],
    cost: Cost,
    processes: int,
) -> float | None:
    """Time to train some cohorts at the rate of those that are done.

    Args:
      cohorts: What is to be trained.
      runs: The runs of the study, for what the finished cohorts cost.
      records: Of what is done.
      cost: Work of training some runs of one cohort, in any unit: networks
        with frozen layers take less time.
      processes: How many cohorts are trained at a time.

    Returns:
      Seconds with start-up and validation; None if no cohort of the study is
      done.
    """
    by_id = {run.run_id: run for run in runs}
    done = seconds = 0.0
    # By its runs: studies of other plans may give the same id to others.
    for cohort in {tuple(r.cohort["runs"]): r.cohort for r in records}.values():
        if cohort["runs"] and set(cohort["runs"]) <= by_id.keys():
            done += cost([by_id[run_id] for run_id in cohort["runs"]])
            seconds += cohort["total_seconds"]
    if not done:
        return None
    return sum(cost(c.runs) for c in cohorts) * seconds / done / processes


def disk(
    runs: Iterable[Run],
    cohorts: Iterable[Cohort],
    network: Network,
    *,
    input_size: int,
    image_bytes: int,
    processes: int,
) -> Disk:
    """What a study folder fills.

    Args:
      runs: All runs.
      cohorts: Those that are yet to be trained.
      network: The network.
      input_size: Side of the crop that it sees, pixels.
      image_bytes: Size of the data set.
      processes: How many cohorts are trained at a time.
    """
    counts: dict[int, list[int]] = {}

    def layers(run: Run) -> list[int]:
        classes = len(run.split.classes(run.treatment.target))
        if classes not in counts:
            found = network.count(input_size, classes)
            counts[classes] = [layer.parameters for layer in found]
        return counts[classes]

    def kept(cohort: Cohort) -> int:
        trained = sum(
            sum(layers(run)[run.treatment.frozen_layers :]) for run in cohort.runs
        )
        # The last two checkpoints and the one that is being written, each with
        # weights and velocities.
        return 3 * 2 * _FLOAT * trained

    largest = sorted(map(kept, cohorts), reverse=True)[:processes]
    weights = _FLOAT * sum(sum(layers(run)) for run in runs)
    return Disk(weights, sum(largest), image_bytes)


def gigabytes(size: float) -> str:
    """A number of bytes to read: `0.2 GB`, `61 GB`, `1.5 TB`."""
    if size >= 1e12:
        return f"{size / 1e12:.1f} TB"
    return f"{size / 1e9:.0f} GB" if size >= 10e9 else f"{size / 1e9:.1f} GB"
