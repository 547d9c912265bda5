"""A process that trains one cohort: what its parent sees, and what it does."""

import contextlib
import dataclasses
import multiprocessing
import os
import pathlib
import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from yosinski_tf.experiment.cohorts import Cohort, without
from yosinski_tf.scheduling import worker_files
from yosinski_tf.scheduling.events import Event, EventKind
from yosinski_tf.study import failures
from yosinski_tf.study.records import has_record
from yosinski_tf.system import errors, files, locks, signals
from yosinski_tf.training.job import Job, Progress, Stopped

# Exit codes that say nothing about the cohort: a user killed the process, or the
# system did because memory ran out.
_KILLED = (-signal.SIGKILL, -signal.SIGTERM)
Report = Callable[[Progress], None]
ShouldStop = Callable[[], bool]
# Trains a job as `train` does; a new process must be able to import it.
Work = Callable[[Job, Report, ShouldStop], object]


class CohortProcess:
    """A process that trains one cohort, as its parent sees it.

    Its `connection` is ready when there is an event to receive.
    """

    def __init__(self, job: Job, work: Work):
        """Starts the process, which does some work on a job."""
        self.cohort, self._runs = job.cohort, job.runs
        self._log = log_of(job)
        self.process, self.connection = start(_body, job, work, self._log)

    def receive(self) -> Event:
        """Waits for the next event."""
        try:
            return self.connection.recv()
        except EOFError:
            return self._ended()

    def last_event(self) -> Event:
        """Waits for the end of the process, after it was told to stop."""
        event = stopped = Event(EventKind.STOPPED, self.cohort)
        # Whatever the state of the disk.
        with contextlib.suppress(OSError, errors.UserError):
            while (event := self.receive()).kind is EventKind.PROGRESS:
                pass
        self.process.join()
        with contextlib.suppress(OSError, errors.UserError):
            locks.sweep(self._runs, _ids(self.cohort))
        # SIGTERM ends a process that had not begun to train: nothing to save.
        return stopped if self.process.exitcode == -signal.SIGTERM else event

    def fail(self, message: str) -> Event:
        """Notes in the study folder that the cohort failed; returns the event."""
        names = [name for name in _ids(self.cohort) if not has_record(self._runs, name)]
        try:
            failures.note(self._runs, names, message, self._log)
        except files.DiskFull as error:
            return Event(EventKind.DISK_FULL, self.cohort, message=str(error))
        return Event(EventKind.FAILED, self.cohort, message=message)

    def _ended(self) -> Event:
        """The event for a process that ended without reporting."""
        self.process.join()
        locks.sweep(self._runs, _ids(self.cohort))
        code = self.process.exitcode
        if code == worker_files.LOST:
            message = f"{worker_files.WORKER_ENDED}; see {self._log}"
            return Event(EventKind.WORKER_LOST, self.cohort, message=message)
        reason = f"its process ended with code {code}, as when memory runs out"
        message = f"{reason}; see {self._log}"
        if code in _KILLED:
            return Event(EventKind.FAILED, self.cohort, message=message)
        return self.fail(message)


def log_of(job: Job, suffix: str = "") -> pathlib.Path:
    """The file to which the process of a job prints."""
    return job.runs / "logs" / f"{job.cohort.cohort_id}{suffix}.log"


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
    from yosinski_tf.machine import threads
    from yosinski_tf.training import trainer

    threads.set_up(job.threads)
    trainer.train(job, report=report, should_stop=should_stop)


def explain(error: Exception, log: pathlib.Path) -> str:
    """One line about an unexpected error, whose traceback is printed to the log."""
    traceback.print_exception(error)
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first}; see {log}"


def _body(job: Job, work: Work, log: pathlib.Path, connection: Connection) -> None:
    """Runs in the process: takes the locks, trains, and sends events."""
    stop = signals.StopRequest()

    def tell(kind: EventKind, cohort: Cohort = job.cohort, **content) -> None:
        # Fails if the parent has ended.
        with contextlib.suppress(OSError):
            connection.send(Event(kind, cohort, **content))

    try:
        print_to(log)
        with locks.take(job.runs, _ids(job.cohort)) as held:
            _train_rest(job, work, log, tell, held, stop)
    except locks.Busy as busy:
        tell(EventKind.BUSY, message=str(busy))
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


def _train_rest(job, work, log, tell, held, stop) -> None:
    """Trains the runs of a cohort that no other process has just trained."""
    done = {name for name in _ids(job.cohort) if has_record(job.runs, name)}
    left = without([job.cohort], done | failures.read(job.runs).keys())
    if not left:
        tell(EventKind.BUSY, message="another process has just trained it")
        return
    (cohort,) = left
    parent = multiprocessing.parent_process().pid
    try:
        work(
            dataclasses.replace(job, cohort=cohort),
            lambda progress: tell(EventKind.PROGRESS, cohort, progress=progress),
            lambda: stop() or held.lost or os.getppid() != parent,
        )
        tell(EventKind.FINISHED, cohort)
    except Stopped:
        if held.lost:
            tell(EventKind.BUSY, message="another process has taken over its locks")
        else:
            tell(EventKind.STOPPED)
    except worker_files.PeerLost as lost:
        tell(EventKind.WORKER_LOST, message=f"{lost}; see {log}")
    except worker_files.Deserted as error:
        tell(EventKind.WORKER_MISSING, message=str(error))
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
