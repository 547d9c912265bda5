"""Trains cohorts in dependency order, each in a process of its own.

A Keras process keeps memory for every model that it ever built; hence one process
for each cohort. The parent never imports TensorFlow.
"""

import contextlib
import math
import pathlib
import signal
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait

from yosinski_tf.experiment.cohorts import Cohort
from yosinski_tf.scheduling import cohort_process, multi_worker, worker_files
from yosinski_tf.scheduling.backlog import Backlog
from yosinski_tf.scheduling.cohort_process import CohortProcess, Work
from yosinski_tf.scheduling.events import Event, EventKind, Fate
from yosinski_tf.system import files, signals
from yosinski_tf.training.job import Job

# Between two looks at what other processes have trained.
_LOOK_SECONDS = 1.0


def _train(job, report, should_stop) -> None:
    several = bool(job.distribution.workers)
    train = multi_worker.lead if several else cohort_process.train
    train(job, report, should_stop)


def train_all(
    cohorts: Sequence[Cohort],
    make_job: Callable[[Cohort], Job],
    *,
    runs: pathlib.Path,
    processes: int,
    report: Callable[[Event], None] = lambda event: None,
    work: Work = _train,
) -> list[Event]:
    """Trains every cohort as soon as its base networks are finished.

    Other processes may train the same study: this one waits for the cohorts that
    they hold, and trains them if the others end first. A cohort that fails is noted
    in the study folder and does not stop the others; networks that copy from a base
    that failed or diverged are left out. After Ctrl-C, SIGTERM or SIGHUP all
    processes save their cohorts and end.

    Args:
      cohorts: What to train, in order of preference.
      processes: Most cohorts trained at a time.
      report: Called with every event.
      work: Trains a job, in a process of its own.

    Returns:
      The events of the cohorts that failed or were left out.

    Raises:
      KeyboardInterrupt: After Ctrl-C.
      Terminated: After SIGTERM or SIGHUP.
      DiskFull: If the disk is full; all processes have been stopped.
      Deserted: If another worker of a multi-worker training did not come.
      UserError: If a record in the study folder is broken.
    """
    backlog = Backlog(cohorts, runs)
    running: dict[Connection, CohortProcess] = {}
    lost: list[Event] = []
    attempts = multi_worker.Attempts()
    previous = signal.signal(signal.SIGTERM, signals.terminate)
    looked, waiting_for = -math.inf, None

    def tell(event: Event) -> None:
        report(event)
        if event.kind.fate is Fate.FAILED:
            lost.append(event)

    try:
        while backlog or running:
            if time.monotonic() - looked > _LOOK_SECONDS:
                for event in backlog.refresh():
                    tell(event)
                looked = time.monotonic()
            while len(running) < processes and (cohort := backlog.take()):
                child = CohortProcess(make_job(cohort), work)
                running[child.connection] = child
                tell(Event(EventKind.STARTED, cohort))
            if not running and (event := backlog.held()) and event != waiting_for:
                waiting_for = event
                tell(event)
            for connection in wait(list(running), _LOOK_SECONDS):
                child = running[connection]
                name, event = child.cohort.cohort_id, child.receive()
                if event.progress is not None:
                    attempts.reached(name, event.progress.step)
                    tell(event)
                    continue
                child.process.join()
                del running[connection]
                if event.kind is EventKind.WORKER_LOST and attempts.lost(name):
                    times = f"{multi_worker.MOST_ATTEMPTS} times without progress"
                    event = child.fail(f"{event.message} ({times})")
                if event.kind.fate is Fate.PUT_BACK:
                    backlog.put_back(child.cohort)
                else:
                    failed = event.kind.fate is Fate.FAILED
                    backlog.close(child.cohort, failed=failed)
                tell(event)
                looked = -math.inf
                if event.kind is EventKind.DISK_FULL:
                    raise files.DiskFull(event.message)
                if event.kind is EventKind.WORKER_MISSING:
                    raise worker_files.Deserted(event.message)
    except BaseException:
        # Whatever the error, the running processes save first.
        _stop(list(running.values()), report)
        raise
    finally:
        signal.signal(signal.SIGTERM, previous)
        for child in running.values():
            child.process.kill()
    return lost


def _stop(running: Sequence[CohortProcess], report: Callable[[Event], None]) -> None:
    """Stops all processes, lets them save, and reports their last events."""
    # A second signal must not interrupt this while they are saving.
    with signals.ignored(signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        for child in running:
            child.process.terminate()
        # All have ended before the first report, which may fail.
        for event in [child.last_event() for child in running]:
            with contextlib.suppress(OSError):
                report(event)
