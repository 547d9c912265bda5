"""Training that takes no time and no TensorFlow, for tests of what is around it."""

import functools
import os
import pathlib
import sys
import time

import fabricate

from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.cohorts import Cohort, make_cohorts
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.experiment.runs import make_runs
from yosinski_tf.experiment.splits import make_split
from yosinski_tf.experiment.treatments import parse_treatments
from yosinski_tf.machine.threads import Threads
from yosinski_tf.scheduling import scheduler
from yosinski_tf.study import records
from yosinski_tf.system.files import make_folder, write_atomically
from yosinski_tf.training.job import Job, Progress, Stopped

NAMES = [f"class{index}" for index in range(8)]
NETWORK = get_network("mini", widths=(4, 4, 4, 4, 4, 8, 8))
RECIPE = Recipe(steps=100, rate_drops=(70, 90))


def cohorts(treatments: str, splits: int = 1, size: int | None = None):
    parsed = parse_treatments(treatments.split(","))
    parts = [(make_split(f"random:{i}", NAMES), parsed) for i in range(splits)]
    whole = make_split("whole", NAMES)
    return make_cohorts(make_runs(parts, whole, [0], with_bases=True), size)


def job(runs: pathlib.Path, cohort: Cohort) -> Job:
    return Job(
        cohort=cohort,
        network=NETWORK,
        recipe=RECIPE,
        runs=runs,
        images=runs / "dataset",
        command="stub",
        threads=Threads(1, 1),
    )


def train(job: Job, report, should_stop) -> None:
    """Appends a line per run to `trained.txt`, then writes weights and record.

    The file `slow` in the study folder makes it wait, a folder `<run id>` with
    a file `raise`, `diverge`, `crash` or `full` makes that run do so.
    """
    for run in job.cohort.runs:
        folder = job.runs / run.run_id
        make_folder(folder)
        if (folder / "raise").exists():
            raise RuntimeError("a wheel came off\nand rolled away")
        if (folder / "crash").exists():
            os._exit(7)
        if (folder / "full").exists():
            raise OSError(28, "No space left on device", str(folder / "weights.npz"))
    end = time.monotonic() + (0.5 if (job.runs / "slow").exists() else 0)
    report(Progress(50, 100.0))
    while time.monotonic() < end:
        if should_stop():
            raise Stopped
        time.sleep(0.02)
    for run in job.cohort.runs:
        folder = job.runs / run.run_id
        with open(job.runs / "trained.txt", "a") as file:
            file.write(f"{run.run_id} {os.getpid()}\n")
        treatment = str(run.treatment)
        write_atomically(folder / "weights.npz", b"weights of " + treatment.encode())
        diverged = (folder / "diverge").exists()
        made = fabricate.record(
            treatment,
            0.5,
            run.split.name,
            run_id=run.run_id,
            status="diverged" if diverged else "finished",
            split_digest=run.split.digest,
            recipe=RECIPE.settings(),
            network_settings=NETWORK.settings(),
            threads=job.threads.number,
        )
        records.write_record(job.runs, made)


def main() -> None:
    """A study process: `RUNS TREATMENTS SPLITS` as arguments."""
    # By its own name, so that the processes of the cohorts find it.
    import stub_training

    runs = pathlib.Path(sys.argv[1])
    lost = scheduler.train_all(
        cohorts(sys.argv[2], int(sys.argv[3])),
        functools.partial(job, runs),
        runs=runs,
        processes=1,
        report=lambda event: print(event.kind, event.cohort.cohort_id, flush=True),
        work=stub_training.train,
    )
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
