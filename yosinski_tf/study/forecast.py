"""The time that a study will take and the disk that it will fill."""

import functools
from collections.abc import Callable, Iterable, Sequence

from yosinski_tf.experiment.cohorts import Cohort
from yosinski_tf.experiment.runs import Run
from yosinski_tf.experiment.stages import Network
from yosinski_tf.study.records import Record

_FLOAT = 4


def seconds_as_measured(
    cohorts: Iterable[Cohort],
    runs: Iterable[Run],
    records: Iterable[Record],
    cost: Callable[[Sequence[Run]], float],
    processes: int,
) -> float | None:
    """Time to train some cohorts, of all runs of a study, at the rate so far.

    `cost` computes the work of training some runs as one cohort, in any unit:
    networks with frozen layers take less.

    Returns:
      Seconds, with start-up and validation; None if no cohort is finished.
    """
    by_id = {run.run_id: run for run in runs}
    done = seconds = 0.0
    # The id does not identify a cohort: other plans give it to other runs.
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
    moments: int = 1,
) -> dict[str, int]:
    """The size of a study folder when all its runs are trained.

    `cohorts` are those left to train, so many `processes` at a time; `input_size` is
    the side of the crop, pixels; `moments` is `Recipe.moments`.

    Returns:
      Bytes, without logs, which are small: `weights` of all runs; `checkpoints` while
      the largest cohorts are trained, two of each, and a third that is being written;
      `images`, warped and not compressed.
    """

    @functools.cache
    def stages(classes: int) -> list[int]:
        return [s.parameters for s in network.stages(input_size, classes)]

    def parameters(run: Run, first: int = 0) -> int:
        classes = len(run.split.classes(run.treatment.target))
        return sum(stages(classes)[first:])

    def checkpoint(cohort: Cohort) -> int:
        trained = (parameters(run, run.treatment.frozen_layers) for run in cohort.runs)
        return (1 + moments) * _FLOAT * sum(trained)

    largest = sorted(map(checkpoint, cohorts), reverse=True)[:processes]
    return {
        "weights": _FLOAT * sum(map(parameters, runs)),
        "checkpoints": 3 * sum(largest),
        "images": image_bytes,
    }


def gigabytes(size: float) -> str:
    """Formats a number of bytes: `0.2 GB`, `61 GB`, `1.5 TB`."""
    if size >= 1e12:
        return f"{size / 1e12:.1f} TB"
    return f"{size / 1e9:.0f} GB" if size >= 10e9 else f"{size / 1e9:.1f} GB"
