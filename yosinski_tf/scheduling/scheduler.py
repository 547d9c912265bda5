"""Trains cohorts in dependency order, each in a process of its own.

A Keras process keeps memory for every model that it ever built; hence one process
for each cohort. The parent never imports TensorFlow.
"""

import contextlib
import dataclasses
import pathlib
import signal
from collections import Counter
from collections.abc import Callable, Sequence

from yosinski_tf.experiment.cohorts import Cohort
from yosinski_tf.scheduling import cohort_process
from yosinski_tf.scheduling.backlog import Backlog
from yosinski_tf.scheduling.engine import Engine
from yosinski_tf.scheduling.events import Event, EventKind, Fate
from yosinski_tf.study import failures
from yosinski_tf.study.records import has_record
from yosinski_tf.system import files, signals
from yosinski_tf.training.job import Job

# Signals are seen at once; this is for an engine that looks around itself.
_LOOK_SECONDS = 1.0


def train_all(
    cohorts: Sequence[Cohort],
    make_job: Callable[[Cohort], Job],
    engine: Engine,
    *,
    runs: pathlib.Path,
    retries: int,
    report: Callable[[Event], None] = lambda event: None,
) -> list[Event]:
    """Trains every cohort as soon as its base networks are finished.

    A cohort whose process ends without a word is trained again, from its checkpoint. A
    cohort that fails is noted in the study folder and does not stop the others;
    networks that copy from a base that failed or diverged are left out. After Ctrl-C,
    and after SIGTERM and SIGHUP if this process listens, all save and end.

    Args:
      cohorts: What to train, in order of preference.
      engine: Runs the cohorts; closed at the end.
      retries: How often a cohort that gets no further is trained again.
      report: Called with every event.

    Returns:
      The events of the cohorts that failed or were left out.

    Raises:
      KeyboardInterrupt: After Ctrl-C.
      Terminated: After SIGTERM or SIGHUP.
      DiskFull: If the disk is full; all processes have been stopped.
      UserError: If a record in the study folder is broken.
    """
    study = _Study(Backlog(cohorts, runs), runs, retries, report)
    running = 0
    try:
        study.leave_out()
        while study.backlog or running:
            while engine.has_room() and (cohort := study.backlog.take()):
                engine.start(make_job(cohort))
                running += 1
            for event in engine.wait(_LOOK_SECONDS):
                running -= event.kind.fate is not Fate.RUNNING
                study.take(event)
    except BaseException:
        # Whatever the error, the running processes save first.
        _stop(engine, report)
        raise
    finally:
        engine.close()
    return study.lost


class _Study:
    """What became of the cohorts so far.

    Attributes:
      backlog: The cohorts that are left.
      lost: The events of the cohorts that failed or were left out.
    """

    def __init__(self, backlog: Backlog, runs: pathlib.Path, retries: int, report):
        self.backlog, self.lost = backlog, []
        self._runs, self._retries, self._report = runs, retries, report
        self._furthest, self._attempts = Counter[str](), Counter[str]()

    def leave_out(self) -> None:
        """Reports the runs whose base has failed or diverged."""
        for event in self.backlog.leave_out():
            self._tell(event)

    def take(self, event: Event) -> None:
        """Reports an event, and sees to what follows from it.

        Raises:
          DiskFull: If the event says so, or a failure cannot be noted.
        """
        cohort = event.cohort
        name = cohort.cohort_id
        if event.progress is not None:
            if event.progress.step > self._furthest[name]:
                self._furthest[name] = event.progress.step
                self._attempts[name] = 0
        if event.kind is EventKind.LOST:
            event = self._given_up(event)
        fate = event.kind.fate
        if fate is Fate.PUT_BACK:
            self.backlog.put_back(cohort)
        elif fate is not Fate.RUNNING:
            self.backlog.close(cohort, failed=fate is Fate.FAILED)
        self._tell(event)
        if event.kind is EventKind.DISK_FULL:
            raise files.DiskFull(event.message)
        if fate is not Fate.RUNNING:
            self.leave_out()

    def _given_up(self, event: Event) -> Event:
        """The event, or another that says that the cohort has failed too often."""
        cohort = event.cohort
        name = cohort.cohort_id
        self._attempts[name] += 1
        if self._attempts[name] <= self._retries:
            return event
        message = f"{event.message} ({self._attempts[name]} times without progress)"
        ids = [run.run_id for run in cohort.runs]
        ids = [run_id for run_id in ids if not has_record(self._runs, run_id)]
        failures.note(
            self._runs, ids, message, cohort_process.log_of(self._runs, cohort)
        )
        return dataclasses.replace(event, kind=EventKind.FAILED, message=message)

    def _tell(self, event: Event) -> None:
        self._report(event)
        if event.kind.fate is Fate.FAILED:
            self.lost.append(event)


def _stop(engine: Engine, report: Callable[[Event], None]) -> None:
    """Stops all processes, lets them save, and reports their last events."""
    # A second signal must not interrupt this while they are saving.
    with signals.ignored(signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # All have ended before the first report, which may fail.
        for event in engine.stop():
            with contextlib.suppress(OSError):
                report(event)
