"""Trains cohorts in dependency order, one process each, some side by side.

A Keras process keeps memory for every model it ever built, so each cohort has
a process of its own; the parent never imports TensorFlow.
"""

import contextlib
import dataclasses
import multiprocessing
import multiprocessing.connection
import os
import pathlib
import signal
import time
import traceback
from collections.abc import Callable, Sequence

from yosinski_tf.experiment.cohorts import Cohort, without
from yosinski_tf.scheduling import multi_worker
from yosinski_tf.scheduling.backlog import Backlog
from yosinski_tf.scheduling.events import Event
from yosinski_tf.scheduling.worker_files import Deserted, PeerLost
from yosinski_tf.study import failures
from yosinski_tf.study.records import has_record
from yosinski_tf.system import files, locks
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import DiskFull
from yosinski_tf.system.signals import StopRequest, terminate
from yosinski_tf.training.job import Job, Progress, Stopped

_LOGS = "logs"
# Between two looks at what others have done.
_LOOK_SECONDS = 1.0
# Ends that say nothing about the cohort: it was killed, or memory ran out.
_KILLED = (-signal.SIGKILL, -signal.SIGTERM)
_ALONE = "another worker has ended"
# Trains a job, as `training.train` does; a process of its own must find it.
Work = Callable[[Job, Callable[[Progress], None], Callable[[], bool]], object]


def _train(job, report, should_stop):
    if job.distribution.workers:
        multi_worker.lead(job, report, should_stop)
        return
    # Imported here, with threads set first: TensorFlow reads them once.
    from yosinski_tf.machine import threads
    from yosinski_tf.training import trainer

    threads.set_up(job.threads)
    trainer.train(job, report=report, should_stop=should_stop)


def train_all(
    cohorts: Sequence[Cohort],
    make_job: Callable[[Cohort], Job],
    *,
    runs: pathlib.Path,
    processes: int,
    report: Callable[[Event], None] = lambda event: None,
    work: Work = _train,
) -> list[Event]:
    """Trains every cohort as soon as its bases are there.

    Other processes may train the same study: what they hold is waited for, and
    done here if they end without having done it. A cohort that fails is noted
    in the study folder and does not stop the others; networks that copy from
    one that failed or diverged are left out. Ctrl-C and SIGTERM end all
    processes after they have saved.

    Args:
      cohorts: What to train, in order of preference.
      make_job: Makes the job of a cohort.
      runs: The study folder.
      processes: How many cohorts are trained at a time.
      report: Told of every event.
      work: Trains a job, in a process of its own.

    Returns:
      The events of what failed and of what was left out.

    Raises:
      KeyboardInterrupt: After Ctrl-C.
      Terminated: After SIGTERM.
      DiskFull: If there is no room; all that are training are stopped.
      Deserted: If another worker of a multi-worker training did not come.
      UserError: If the study folder holds a broken record.
    """
    backlog = Backlog(cohorts, runs)
    running: dict[multiprocessing.connection.Connection, _Child] = {}
    lost: list[Event] = []
    attempts = multi_worker.Attempts()
    previous = signal.signal(signal.SIGTERM, terminate)
    looked = waited_for = None

    def tell(event: Event) -> None:
        report(event)
        if event.kind in ("failed", "dropped"):
            lost.append(event)

    try:
        while backlog or running:
            if looked is None or time.monotonic() - looked > _LOOK_SECONDS:
                for event in backlog.refresh():
                    tell(event)
                looked = time.monotonic()
            while len(running) < processes and (cohort := backlog.take()):
                child = _Child(make_job(cohort), work)
                running[child.connection] = child
                tell(Event("started", cohort))
            if not running and (event := backlog.holder()) and event != waited_for:
                waited_for = event
                tell(event)
            ready = multiprocessing.connection.wait(list(running), _LOOK_SECONDS)
            for connection in ready:
                child = running[connection]
                event = child.receive()
                if event.progress is not None:
                    attempts.reached(child.cohort.cohort_id, event.progress.step)
                    tell(event)
                    continue
                child.process.join()
                del running[connection]
                if event.kind == "alone" and attempts.lost(child.cohort.cohort_id):
                    event = child.given_up(event.message)
                _close(backlog, child, event)
                tell(event)
                looked = None
                if event.kind == "full":
                    raise DiskFull(event.message)
                if event.kind == "deserted":
                    raise Deserted(event.message)
    except BaseException:
        # Whatever it is, what the others have trained is saved first.
        _stop(running, report)
        raise
    finally:
        signal.signal(signal.SIGTERM, previous)
        for child in running.values():
            child.process.kill()
    return lost


def _close(backlog: Backlog, child: "_Child", event: Event) -> None:
    """Tells the backlog how the process of a cohort ended."""
    # One that was stopped alone, by whomever, goes on from where it was.
    if event.kind in ("busy", "stopped", "alone", "deserted"):
        backlog.put_back(child.cohort)
    else:
        backlog.close(child.cohort, "failed" if event.kind == "failed" else "")


def _stop(running, report):
    # A second signal must not leave children behind half-way through saving.
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        for child in running.values():
            child.process.terminate()
        # All of them have ended before anything is told, which may go wrong.
        for event in [_last_event(child) for child in running.values()]:
            with contextlib.suppress(OSError):
                report(event)
    finally:
        signal.signal(signal.SIGINT, previous)


def _last_event(child: "_Child") -> Event:
    """Waits for a process that was told to stop, whatever the disk does."""
    event = stopped = Event("stopped", child.cohort)
    with contextlib.suppress(OSError, UserError):
        while (event := child.receive()).kind == "progress":
            pass
    child.process.join()
    with contextlib.suppress(OSError, UserError):
        child.sweep()
    # Of SIGTERM die those that had not begun to train: there was nothing to save.
    return stopped if child.process.exitcode == -signal.SIGTERM else event


class _Child:
    def __init__(self, job: Job, work: Work):
        self.cohort, self.runs = job.cohort, job.runs
        self.log = job.runs / _LOGS / f"{job.cohort.cohort_id}.log"
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe(duplex=False)
        self.process = context.Process(
            target=_work, args=(job, work, theirs, self.log), daemon=True
        )
        # Inherited from its first moment on: Ctrl-C is for the parent to handle.
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self.process.start()
        finally:
            signal.signal(signal.SIGINT, previous)
        theirs.close()

    def receive(self) -> Event:
        try:
            kind, content = self.connection.recv()
        except EOFError:
            return self._ended()
        if kind == "progress":
            return Event(kind, self.cohort, progress=content)
        if kind == "finished":
            left = [run for run in self.cohort.runs if run.run_id in content]
            return Event(kind, dataclasses.replace(self.cohort, runs=tuple(left)))
        return Event(kind, self.cohort, message=content)

    def sweep(self) -> None:
        """Gives back what the process could not give back itself."""
        locks.sweep(self.runs, [run.run_id for run in self.cohort.runs])

    def _ended(self) -> Event:
        """What became of a process that ended without a word."""
        self.process.join()
        self.sweep()
        code = self.process.exitcode
        if code == multi_worker.LOST:
            return Event("alone", self.cohort, message=f"{_ALONE}; see {self.log}")
        message = (
            f"its process ended with code {code}, as when memory runs out; see"
            f" {self.log}"
        )
        if code in _KILLED:
            return Event("failed", self.cohort, message=message)
        return self._failed(message)

    def given_up(self, message: str) -> Event:
        """It failed, since another worker ended again and again."""
        times = f"{multi_worker.MOST_ATTEMPTS} times before it got any further"
        return self._failed(f"{message}: so it went {times}")

    def _failed(self, message: str) -> Event:
        left = without([self.cohort], _done(self.cohort, self.runs))
        names = [run.run_id for cohort in left for run in cohort.runs]
        try:
            failures.note(self.runs, names, message, self.log)
        except DiskFull as error:
            return Event("full", self.cohort, message=str(error))
        return Event("failed", self.cohort, message=message)


def _work(job: Job, work: Work, connection, log: pathlib.Path) -> None:
    """Body of a cohort's process."""
    stop = StopRequest()

    def tell(kind: str, content: object) -> None:
        # Without a parent there is nobody to tell.
        with contextlib.suppress(OSError):
            connection.send((kind, content))

    try:
        files.make_folder(log.parent)
        with open(log, "a") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        with locks.take(job.runs, [run.run_id for run in job.cohort.runs]) as held:
            tell(*_locked(job, work, log, tell, held, stop))
    except locks.Busy as busy:
        tell("busy", str(busy))
    except DiskFull as error:
        tell("full", str(error))
    except OSError as error:
        message = f"cannot write to {job.runs} ({error.strerror})"
        full = files.full_reason(error)
        tell("full" if full else "failed", _no_room(error, job) if full else message)
    connection.close()


def _locked(job, work, log, tell, held, stopped) -> tuple[str, object]:
    """Trains what a cohort still lacks; returns what to tell in the end."""
    # Another process may have held, and done, some of it until just now.
    left = without([job.cohort], _done(job.cohort, job.runs))
    left = without(left, failures.read(job.runs))
    if not left:
        return "busy", ""
    (cohort,) = left
    names = tuple(run.run_id for run in cohort.runs)
    parent = multiprocessing.parent_process().pid
    try:
        work(
            dataclasses.replace(job, cohort=cohort),
            lambda progress: tell("progress", progress),
            lambda: stopped() or held.lost or os.getppid() != parent,
        )
        return "finished", names
    except Stopped:
        return "busy" if held.lost else "stopped", ""
    except DiskFull:
        raise
    except PeerLost as lost:
        return "alone", f"{lost}; see {log}"
    except Deserted as error:
        return "deserted", str(error)
    except UserError as error:
        message = str(error)
    except Exception as error:
        if files.full_reason(error):
            return "full", _no_room(error, job)
        traceback.print_exc()
        first = next(iter(str(error).splitlines()), "")
        message = f"{type(error).__name__}: {first}; see {log}"
    failures.note(job.runs, names, message, log)
    return "failed", message


def _no_room(error: Exception, job: Job) -> str:
    """The sentence for a full disk, of an error that is not ours."""
    # What has no name was not opened by us: TensorBoard's files.
    name = getattr(error, "filename", None) or job.runs / "tensorboard"
    reason = getattr(error, "strerror", None) or "No space left on device"
    return str(files.disk_full(pathlib.Path(name), reason))


def _done(cohort: Cohort, runs: pathlib.Path) -> list[str]:
    """Ids of the runs of a cohort that have a record."""
    ids = [run.run_id for run in cohort.runs]
    return [run_id for run_id in ids if has_record(runs, run_id)]
