"""Trains cohorts in dependency order, one process each, some side by side.

A Keras process keeps memory for every model it ever built, so each cohort has
a process of its own; the parent never imports TensorFlow.
"""

import dataclasses
import multiprocessing
import multiprocessing.connection
import os
import pathlib
import signal
import traceback
from collections.abc import Callable, Sequence

from yosinski_tf.errors import UserError
from yosinski_tf.jobs import Job, Progress, Stopped, StopRequest, Terminated
from yosinski_tf.machine import cores
from yosinski_tf.plan import Cohort, ready

_LOGS = "logs"


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that happened to a cohort.

    Attributes:
      kind: `started`, `progress`, `finished`, `stopped` or `failed`.
      cohort: The cohort.
      progress: With `progress`: how far it is.
      message: With `failed`: what happened.
    """

    kind: str
    cohort: Cohort
    progress: Progress | None = None
    message: str = ""


def train_all(
    cohorts: Sequence[Cohort],
    make_job: Callable[[Cohort], Job],
    *,
    processes: int,
    report: Callable[[Event], None] = lambda event: None,
) -> list[Event]:
    """Trains every cohort as soon as its bases are there.

    A cohort that fails does not stop the others; those that need its networks
    are left out. Ctrl-C and SIGTERM end all processes after they have saved.

    Args:
      cohorts: What to train, in order of preference.
      make_job: Makes the job of a cohort.
      processes: How many cohorts are trained at a time.
      report: Told of every event.

    Returns:
      The events of cohorts that failed.

    Raises:
      KeyboardInterrupt: After Ctrl-C.
      Terminated: After SIGTERM.
    """
    pending = list(cohorts)
    running: dict[multiprocessing.connection.Connection, _Child] = {}
    failures: list[Event] = []
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        while pending or running:
            busy = {r.run_id for c in pending for r in c.runs}
            busy |= {r.run_id for c in running.values() for r in c.cohort.runs}
            for cohort in ready(pending, busy):
                if len(running) == processes:
                    break
                child = _Child(make_job(cohort))
                running[child.connection] = child
                pending.remove(cohort)
                report(Event("started", cohort))
            for connection in multiprocessing.connection.wait(list(running), 1.0):
                child = running[connection]
                event = child.receive()
                report(event)
                if event.kind == "progress":
                    continue
                child.process.join()
                del running[connection]
                if event.kind == "failed":
                    failures.append(event)
                    pending = _drop_dependents(pending, event, failures, report)
    except KeyboardInterrupt:
        _stop(running, report)
        raise
    finally:
        signal.signal(signal.SIGTERM, previous)
        for child in running.values():
            child.process.kill()
    return failures


def _interrupt(number, frame):
    raise Terminated


def _drop_dependents(pending, failed, failures, report):
    lost = {run.run_id for run in failed.cohort.runs}
    left = []
    for cohort in pending:
        broken = [base.run_id for base in cohort.bases if base.run_id in lost]
        if not broken:
            left.append(cohort)
            continue
        event = Event(
            "failed", cohort, message=f"its base {', '.join(broken)} was not trained"
        )
        failures.append(event)
        report(event)
    return left


def _stop(running, report):
    # A second signal must not leave children behind half-way through saving.
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        for child in running.values():
            child.process.terminate()
        for child in running.values():
            while (event := child.receive()).kind == "progress":
                pass
            child.process.join()
            if child.process.exitcode == -signal.SIGTERM:
                # It had not begun to train, so there was nothing to save.
                event = Event("stopped", child.cohort)
            report(event)
    finally:
        signal.signal(signal.SIGINT, previous)


class _Child:
    def __init__(self, job: Job):
        self.cohort = job.cohort
        self.log = job.runs / _LOGS / f"{job.cohort.cohort_id}.log"
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe(duplex=False)
        self.process = context.Process(
            target=_work, args=(job, theirs, self.log, os.getpid()), daemon=True
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
            self.process.join()
            return Event(
                "failed",
                self.cohort,
                message=f"its process ended with code {self.process.exitcode}, as"
                f" when memory runs out; see {self.log}",
            )
        if kind == "progress":
            return Event(kind, self.cohort, progress=content)
        return Event(kind, self.cohort, message=content)


def _work(job: Job, connection, log: pathlib.Path, parent: int) -> None:
    """Body of a cohort's process."""
    stop = StopRequest()
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        # Imported here, with threads set first: TensorFlow reads them once.
        from yosinski_tf import training

        training.set_threads(job.threads)
        training.train(
            job,
            report=lambda progress: connection.send(("progress", progress)),
            should_stop=lambda: stop() or os.getppid() != parent,
        )
        connection.send(("finished", ""))
    except Stopped:
        connection.send(("stopped", ""))
    except UserError as error:
        connection.send(("failed", str(error)))
    except Exception as error:
        traceback.print_exc()
        first = next(iter(str(error).splitlines()), "")
        summary = f"{type(error).__name__}: {first}; see {log}"
        connection.send(("failed", summary))
    connection.close()


def default_processes() -> int:
    """One per core on a processor, up to four; one where there is a GPU."""
    if any(pathlib.Path("/dev").glob("nvidia[0-9]*")):
        return 1
    return min(4, cores())


def default_threads(processes: int) -> int | None:
    """Threads of each of several processes; None, all, where there is a GPU."""
    if any(pathlib.Path("/dev").glob("nvidia[0-9]*")):
        return None
    return max(1, cores() // processes)
