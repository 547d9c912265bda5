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

from yosinski_tf.scheduling import cohort_process
from yosinski_tf.scheduling.events import Event, EventKind
from yosinski_tf.scheduling.progress import Display
from yosinski_tf.study.records import RECORD_NAME, has_record
from yosinski_tf.system import errors, locks

# Share of a core's time that writing may take.
_SHARE = 0.02
# Less would leave a processor that is busy with training no time for it.
_NICENESS = 5
_PATIENCE_SECONDS = 60.0
_ASKING = (EventKind.STARTED, EventKind.FINISHED)


class LiveReport(contextlib.AbstractContextManager):
    """Rewrites a study's report while it is trained, as a context.

    A study that ends early gets a report that says so; one that ends well needs
    `write_report` once more.

    Attributes:
      complete: Whether the study has ended well; set by the user of the context.
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
        self.complete = False

    def __exit__(self, *unused) -> None:
        if self._process is None:
            return
        if self._connection is not None:
            self._connection.close()
        self._process.join(_PATIENCE_SECONDS)
        self._process.kill()
        if not self.complete:
            # Nothing that is wrong here may hide why the study ends.
            with contextlib.suppress(Exception):
                _write(*self._arguments, time_left="")

    def show(self, event: Event, display: Display) -> None:
        """Asks for a new report when a cohort starts or ends; never waits for it."""
        try:
            # First what the process has said: it may have ended since.
            if self._connection is not None and self._connection.poll():
                why = self._connection.recv()
                display.tell(f"the report cannot be written ({why}); training goes on")
                self._connection = None
            if event.kind in _ASKING and self._started():
                self._connection.send(display.left)
        except (OSError, EOFError):
            # The process has ended, or did not start: the study goes on without it.
            self._connection = None

    def _started(self) -> bool:
        """Starts the process when there is a record; returns whether it is there."""
        runs = self._arguments[0]
        if self._process is None and any(runs.glob(f"*/{RECORD_NAME}")):
            self._process, self._connection = cohort_process.start(
                _body, *self._arguments, duplex=True
            )
        return self._connection is not None


def _body(
    runs: pathlib.Path, measure: str, wanted: frozenset[str], connection: Connection
) -> None:
    """Runs in the process: writes the report as often as it may."""
    os.nice(_NICENESS)
    parent, log = os.getppid(), runs / "logs" / "report.log"
    try:
        cohort_process.print_to(log)
        # Loaded before the first report, whose time limits the second.
        from yosinski_tf.report import write_report  # noqa: F401

        time_left = connection.recv()
        while True:
            while connection.poll():
                time_left = connection.recv()
            began = time.process_time()
            _write(runs, measure, wanted, time_left)
            ready = time.monotonic() + (time.process_time() - began) / _SHARE
            time_left = connection.recv()
            while (wait := ready - time.monotonic()) > 0:
                if connection.poll(wait):
                    time_left = connection.recv()
    except EOFError:
        if os.getppid() != parent:  # It was killed, and has said nothing.
            _write(runs, measure, wanted, time_left="")
    except Exception as error:
        known = isinstance(error, OSError | errors.UserError)
        told = str(error) if known else cohort_process.explain(error, log)
        with contextlib.suppress(OSError):
            connection.send(errors.one_line(told))


def _write(
    runs: pathlib.Path, measure: str, wanted: frozenset[str], time_left: str
) -> None:
    """Writes a report with how far the study is; "" if this process stops."""
    # Imported late: to draw takes a second to load.
    from yosinski_tf.report.page import StudyProgress
    from yosinski_tf.report.write_report import write_report

    done = sum(has_record(runs, run_id) for run_id in wanted)
    text = f"{done} of {len(wanted)} networks are trained"
    if time_left:
        text += f", time left {time_left} at {time.strftime('%H:%M')}"
    progress = StudyProgress(
        done=done, wanted=len(wanted), text=text, running=bool(time_left)
    )
    # Another process that writes it now, such as yosinski-report, writes the same.
    with locks.held(runs, locks.REPORT) as held:
        if held:
            write_report(runs, measure, progress)
