"""The report of a study that is still being trained, rewritten as networks finish.

A process of its own writes it, at a low priority and for a small share of the time,
so that training neither waits for it nor ends with it.
"""

import contextlib
import os
import pathlib
import time
from collections.abc import Collection
from multiprocessing.connection import Connection

from yosinski_tf.binaries.job import messages
from yosinski_tf.scheduling import cohort_process
from yosinski_tf.scheduling.events import Event, EventKind
from yosinski_tf.scheduling.progress import Display
from yosinski_tf.study.records import has_record
from yosinski_tf.system import errors, locks

# Share of a core's time that writing may take.
_SHARE = 0.02
# Less would leave a processor that is busy with training no time for it.
_NICENESS = 5
_PATIENCE_SECONDS = 60.0


class LiveReport:
    """Rewrites a study's report while it is trained, as a context.

    A study that ends early gets a report that says so; one that ends well needs
    `write_report` once more.
    """

    def __init__(self, runs: pathlib.Path, measure: str, wanted: Collection[str]):
        """Writes nothing yet.

        Args:
          runs: The study folder.
          measure: As for `write_report`.
          wanted: Ids of all runs of the study.
        """
        self._arguments = (runs, measure, frozenset(wanted))
        self._process, self._connection = None, None
        self._told = False
        self.complete = False

    def __enter__(self) -> "LiveReport":
        return self

    def __exit__(self, *unused) -> None:
        if self._process is None:
            return
        self._connection.close()
        self._process.join(_PATIENCE_SECONDS)
        self._process.kill()
        if not self.complete:
            # Nothing that is wrong here may hide why the study ends.
            with contextlib.suppress(OSError, errors.UserError):
                _write(*self._arguments, time_left=None)

    def show(self, event: Event, display: Display) -> None:
        """Asks for a new report when a cohort has finished; never waits for it."""
        if event.kind in (EventKind.FINISHED, EventKind.TRAINED_ELSEWHERE):
            if self._process is None:
                self._process, self._connection = cohort_process.start(
                    _body, *self._arguments, duplex=True
                )
            # Fails if the process has ended: the study goes on without it.
            with contextlib.suppress(OSError):
                self._connection.send(display.left)
        if self._connection is not None and not self._told:
            with contextlib.suppress(OSError, EOFError):
                if self._connection.poll():
                    self._told = True
                    display.tell(f"{self._connection.recv()}; training goes on")


def _body(
    runs: pathlib.Path, measure: str, wanted: frozenset[str], connection: Connection
) -> None:
    """Runs in the process: writes the report as often as it may."""
    os.nice(_NICENESS)
    with contextlib.suppress(OSError, EOFError):
        time_left = connection.recv()
        while True:
            while connection.poll():
                time_left = connection.recv()
            began = time.process_time()
            try:
                _write(runs, measure, wanted, time_left=time_left)
            except (OSError, errors.UserError) as error:
                connection.send(errors.one_line(str(error)))
            ready = time.monotonic() + (time.process_time() - began) / _SHARE
            time_left = connection.recv()
            while (wait := ready - time.monotonic()) > 0:
                if connection.poll(wait):
                    time_left = connection.recv()


def _write(
    runs: pathlib.Path, measure: str, wanted: frozenset[str], time_left: str | None
) -> None:
    """Writes a report with how far the study is; None if it has been stopped."""
    # Imported late: to draw takes a second to load.
    from yosinski_tf.report.page import StudyProgress
    from yosinski_tf.report.write_report import write_report

    done = sum(has_record(runs, run_id) for run_id in wanted)
    text = f"{done} of {len(wanted)} networks are trained"
    if time_left:
        text += f", time left {time_left}"
    progress = StudyProgress(
        done=done, wanted=len(wanted), text=text, running=time_left is not None
    )
    # Another process that trains the same study writes the same report.
    with contextlib.suppress(locks.Busy), messages.writing_to(runs):
        with locks.take(runs, ["report"]):
            write_report(runs, measure, progress)
