"""A stand-in for training, fast and without TensorFlow, to test what calls it."""

import contextlib
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
from yosinski_tf.scheduling import engine, ray_engine, scheduler
from yosinski_tf.study import records
from yosinski_tf.system import locks, ray_cluster
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
    """Writes weights and record of each run, and a line to `trained.txt`.

    It waits if the study folder holds a file `slow`; a run fails or diverges if its
    own folder holds a file `raise`, `diverge`, `crash` (how often) or `full`.
    """
    _say(job, "begun")
    for run in job.cohort.runs:
        folder = job.runs / run.run_id
        make_folder(folder)
        if (folder / "raise").exists():
            raise RuntimeError("a wheel came off\nand rolled away")
        if (crash := folder / "crash").exists():
            left = int(crash.read_text() or 9) - 1
            crash.write_text(str(left)) if left else crash.unlink()
            os._exit(7)
        if (folder / "full").exists():
            raise OSError(28, "No space left on device", str(folder / "weights.npz"))
    end = time.monotonic() + (0.5 if (job.runs / "slow").exists() else 0)
    report(Progress(50, 100.0))
    while time.monotonic() < end:
        if should_stop():
            time.sleep(0.5)
            _say(job, "saved")
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


def _say(job: Job, what: str) -> None:
    with open(job.runs / "said.txt", "a") as file:
        threads = os.environ.get("OMP_NUM_THREADS")
        file.write(f"{what} {job.cohort.cohort_id} {os.getpid()} {threads}\n")


def train_all(
    runs: pathlib.Path, made, report, processes: int = 1, work=train, devices=(), **more
):
    """What the scheduler returns after training cohorts in a folder."""
    runs.mkdir(exist_ok=True)
    return scheduler.train_all(
        made,
        functools.partial(job, runs),
        engine.LocalEngine(processes, devices, work),
        runs=runs,
        report=report,
        **{"retries": 2, **more},
    )


def trained(runs: pathlib.Path) -> list[str]:
    """Ids of the runs that were trained, sorted."""
    lines = (runs / "trained.txt").read_text().splitlines()
    return sorted(line.split()[0] for line in lines)


@contextlib.contextmanager
def ray_of_this_machine(runs: pathlib.Path, work):
    """An engine on a cluster with two processors, which is started and ended."""
    with ray_cluster.connected("", runs / "logs" / "ray", cpus=2, gpus=0):
        share = ray_engine.Share(cpus=1, gpus=0)
        yield ray_engine.RayEngine(runs, share, lambda cohort: 1_000_000, work)


def main() -> None:
    """A study process: `RUNS TREATMENTS SPLITS ENGINE` as arguments."""
    # Imported by name, so that the processes of the cohorts find `train`.
    import stub_training

    runs, work = pathlib.Path(sys.argv[1]), stub_training.train
    with contextlib.ExitStack() as stack:
        stack.enter_context(locks.driving(runs))
        used = engine.LocalEngine(2, work=work)
        if sys.argv[4] == "ray":
            used = stack.enter_context(ray_of_this_machine(runs, work))
        lost = scheduler.train_all(
            cohorts(sys.argv[2], int(sys.argv[3])),
            functools.partial(job, runs),
            used,
            runs=runs,
            retries=2,
            report=lambda event: print(
                event.kind.words, event.cohort.cohort_id, flush=True
            ),
        )
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
