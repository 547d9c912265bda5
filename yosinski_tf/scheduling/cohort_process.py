"""A process that trains one cohort: what its parent sees, and what it does."""

import contextlib
import dataclasses
import multiprocessing
import os
import pathlib
import signal
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from yosinski_tf.experiment.cohorts import Cohort, without
from yosinski_tf.scheduling.events import Event, EventKind, Fate
from yosinski_tf.study import failures
from yosinski_tf.study.records import has_record
from yosinski_tf.system import errors, files, locks, processes, signals
from yosinski_tf.training.job import Job, Progress, Stopped

Report = Callable[[Progress], None]
ShouldStop = Callable[[], bool]
# Trains a job as `train` does; a new process must be able to import it.
Work = Callable[[Job, Report, ShouldStop], object]
_UNCHANGED: Mapping[str, str | None] = {}


class CohortProcess:
    """A process that trains one cohort, as its parent sees it.

    Its `connection` is ready when there is an event to receive.
    """

    def __init__(
        self,
        job: Job,
        work: Work,
        environment: Mapping[str, str | None] = _UNCHANGED,
    ):
        """Starts the process, which does some work on a job.

        `environment` has its variables that differ, see `processes.environment`.
        """
        self.cohort = job.cohort
        self._log = log_of(job.runs, job.cohort)
        with processes.environment(environment):
            self.process, self.connection = start(_body, job, work, self._log)

    def receive(self) -> Event:
        """Waits for the next event."""
        try:
            return self.connection.recv()
        except EOFError:
            self.process.join()
            code = self.process.exitcode
            reason = f"its process ended with code {code}, as when memory runs out"
            message = f"{reason}; see {self._log}"
            return Event(EventKind.LOST, self.cohort, message=message)

    def last_event(self) -> Event:
        """Waits for the end of the process, after it was told to stop."""
        while (event := self.receive()).kind.fate is Fate.RUNNING:
            pass
        self.process.join()
        if self.process.exitcode == -signal.SIGTERM:
            # It had not begun to train: nothing to save.
            return Event(EventKind.STOPPED, self.cohort)
        return event


def log_of(runs: pathlib.Path, cohort: Cohort) -> pathlib.Path:
    """The file to which the process of a cohort prints."""
    return runs / "logs" / f"{cohort.cohort_id}.log"


def start(
    body: Callable, *arguments: object, duplex: bool = False
) -> tuple[BaseProcess, Connection]:
    """Starts a process; returns it and the connection to read its events from.

    It calls `body` with the arguments and a connection to send events to; `duplex`
    connections can also be used the other way.
    """
    context = multiprocessing.get_context("spawn")
    connection, theirs = context.Pipe(duplex=duplex)
    process = context.Process(target=body, args=(*arguments, theirs), daemon=True)
    with signals.left_to_parent():
        process.start()
    theirs.close()
    return process, connection


def print_to(log: pathlib.Path) -> None:
    """Appends to a file everything that this process prints."""
    files.make_folder(log.parent)
    with open(log, "a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def train(job: Job, report: Report, should_stop: ShouldStop) -> None:
    """Sets up TensorFlow in this process and trains a job: see `trainer.train`."""
    # Imported here: the parent never imports TensorFlow, which reads threads once.
    from yosinski_tf.machine import keras_start, threads

    keras_start.load()
    from yosinski_tf.training import trainer

    threads.set_up(job.threads)
    trainer.train(job, report=report, should_stop=should_stop)


def explain(error: Exception, log: pathlib.Path) -> str:
    """One line about an unexpected error, whose traceback is printed to the log."""
    traceback.print_exception(error)
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first}; see {log}"


def _body(job: Job, work: Work, log: pathlib.Path, connection: Connection) -> None:
    """Runs in the process: waits for its runs, trains them, and sends events."""
    stop = signals.StopRequest()
    parent = multiprocessing.parent_process().pid

    def tell(kind: EventKind, cohort: Cohort = job.cohort, **content) -> None:
        # Fails if the parent has ended.
        with contextlib.suppress(OSError):
            connection.send(Event(kind, cohort, **content))

    def orphaned() -> bool:
        return os.getppid() != parent

    def wait() -> None:
        note = "waiting for the process that trained it before, which saves"
        tell(EventKind.PROGRESS, progress=Progress(0, 0.0, note))

    try:
        print_to(log)
        # Not `stop`: from its first call on, SIGTERM no longer ends the process.
        with locks.training(job.runs, _ids(job.cohort), wait, orphaned) as held:
            if held:
                _train_rest(job, work, log, tell, lambda: stop() or orphaned())
    except files.DiskFull as error:
        tell(EventKind.DISK_FULL, message=str(error))
    except Exception as error:
        if reason := files.full_reason(error):
            # TensorBoard's errors name no file.
            path = getattr(error, "filename", None) or job.runs / "tensorboard"
            full = files.disk_full(pathlib.Path(path), reason)
            tell(EventKind.DISK_FULL, message=str(full))
        elif isinstance(error, OSError):
            message = f"cannot write to {job.runs} ({error.strerror})"
            tell(EventKind.FAILED, message=message)
        else:
            raise
    connection.close()


def _train_rest(job, work, log, tell, should_stop) -> None:
    """Trains the runs of a cohort that no process has trained meanwhile."""
    done = {name for name in _ids(job.cohort) if has_record(job.runs, name)}
    left = without([job.cohort], done)
    if not left:
        tell(EventKind.FINISHED)
        return
    (cohort,) = left
    try:
        work(
            dataclasses.replace(job, cohort=cohort),
            lambda progress: tell(EventKind.PROGRESS, cohort, progress=progress),
            should_stop,
        )
        tell(EventKind.FINISHED, cohort)
    except Stopped:
        tell(EventKind.STOPPED)
    except files.DiskFull:
        raise
    except Exception as error:
        if files.full_reason(error):
            raise
        known = isinstance(error, errors.UserError)
        message = str(error) if known else explain(error, log)
        failures.note(job.runs, _ids(cohort), message, log)
        tell(EventKind.FAILED, message=message)


def _ids(cohort: Cohort) -> list[str]:
    return [run.run_id for run in cohort.runs]
