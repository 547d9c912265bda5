"""Training by several workers: what the chief adds, and what the others do.

The chief trains a study as a single process would. The other workers join each
training that the chief calls for, in a new process each time, and write only logs.
"""

import contextlib
import os
import pathlib
import time
import traceback
from collections import Counter
from collections.abc import Callable

from yosinski_tf.scheduling import cohort_process, worker_files
from yosinski_tf.scheduling.cohort_process import Report, ShouldStop
from yosinski_tf.scheduling.events import Event, EventKind
from yosinski_tf.scheduling.worker_files import Call, PeerLost
from yosinski_tf.system.errors import UserError
from yosinski_tf.training.job import Job, Progress, Stopped

_CHIEF = "worker 0 (the chief)"
# How often workers may end before a cohort gets further than before.
MOST_ATTEMPTS = 5
_LOOK_SECONDS = 0.2
# The exceptions of collective operations when a peer has ended.
_LOST_ERRORS = {
    "AbortedError",
    "CancelledError",
    "DeadlineExceededError",
    "UnavailableError",
}


class Attempts:
    """Counts how often a worker ended before a cohort got further than before."""

    def __init__(self) -> None:
        self._furthest: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()

    def reached(self, cohort: str, step: int) -> None:
        """Notes the step that a cohort has reached."""
        if step > self._furthest[cohort]:
            self._furthest[cohort], self._lost[cohort] = step, 0

    def lost(self, cohort: str) -> bool:
        """Notes that a worker ended; returns whether to give up."""
        self._lost[cohort] += 1
        return self._lost[cohort] >= MOST_ATTEMPTS


def lead(job: Job, report: Report, should_stop: ShouldStop) -> None:
    """Trains a cohort with all workers; the chief's part.

    Raises:
      PeerLost: If another worker ended; calling `lead` again resumes.
      Deserted: If another worker did not come.
      Stopped: If `should_stop` returned True.
      UserError: As `training.trainer.train`.
    """
    workers, parent = job.distribution.workers, os.getppid()
    standing = worker_files.gather(
        job.runs,
        job.cohort.cohort_id,
        [run.run_id for run in job.cohort.runs],
        workers,
        # Not `should_stop`: from its first call on, SIGTERM no longer ends the process.
        should_stop=lambda: os.getppid() != parent,
        waiting=lambda note: report(Progress(0, 0.0, note)),
    )
    if standing is None:
        raise Stopped
    worker_files.watch(job.runs, standing, job.distribution)
    _train(job, report, should_stop)


def _train(job: Job, report: Report, should_stop: ShouldStop) -> None:
    try:
        cohort_process.train(job, report, should_stop)
    except Exception as error:
        if type(error).__name__ not in _LOST_ERRORS:
            raise
        traceback.print_exc()
        raise PeerLost(worker_files.WORKER_ENDED) from None


def follow(
    make_job: Callable[[Call], Job],
    *,
    runs: pathlib.Path,
    rank: int,
    report: Callable[[Event], None],
    waiting: Callable[[str], None],
    patience: float = worker_files.PATIENCE_SECONDS,
) -> str:
    """Joins every training that the chief calls for, until the chief ends.

    Args:
      make_job: Makes the job of a call.
      rank: This worker's number.
      report: Called with the events of the cohorts.
      waiting: Called with a sentence while this worker waits for the chief.
      patience: Most seconds to wait for it.

    Returns:
      How the chief ended: `finished` or `stopped`.

    Raises:
      Deserted: If the chief did not come, or ended without saying so.
      UserError: If this worker cannot train what the chief calls for.
    """
    # The last call of an earlier chief, which has ended.
    before = worker_files.last_call(runs)
    chief = worker_files.Peer(runs, 0)
    heard, told = time.monotonic(), False
    with worker_files.Presence(runs, rank) as presence:
        follower = _Follower(make_job, presence, report)
        try:
            while True:
                chief.look()
                call = worker_files.last_call(runs)
                if call is not None and call.end and call != before:
                    return call.end
                # The call of a chief that was killed stands, but is not joined.
                if call is not None and not call.end and chief.lives:
                    follower.turn_to(call)
                if follower.look() or chief.lives:
                    heard, told = time.monotonic(), False
                elif time.monotonic() - heard > patience:
                    raise worker_files.deserted(_CHIEF, patience)
                elif not told:
                    waiting(f"waiting for {_CHIEF}, up to {patience / 60:.0f} minutes")
                    told = True
                time.sleep(_LOOK_SECONDS)
        finally:
            follower.stop()


class _Follower:
    """This worker's part in the current training, in a process of its own."""

    def __init__(self, make_job, presence: worker_files.Presence, report):
        self._make_job, self._presence, self._report = make_job, presence, report
        self._call = self._job = self._process = self._connection = None

    def turn_to(self, call: Call) -> None:
        """Joins the training of a call, unless this worker has already."""
        if call == self._call:
            return
        self.stop()
        self._call, self._job = call, self._make_job(call)
        self._report(Event(EventKind.STARTED, self._job.cohort))
        rank = self._job.distribution.rank
        self._log = cohort_process.log_of(self._job, f".worker{rank}")
        self._process, self._connection = cohort_process.start(
            _take_part, self._job, call, self._log
        )
        # The process of an earlier training has ended.
        self._presence.ready_for(call.id)

    def look(self) -> bool:
        """Reports how the training ended; returns whether its process still runs."""
        if self._process is None:
            return False
        if self._connection is not None and self._connection.poll():
            event, self._connection = self._last_event(), None
            if event.kind is EventKind.FAILED:
                raise UserError(event.message)
            self._report(event)
            if event.kind is not EventKind.FINISHED:
                self._process.kill()
                self._process.join()
        if not self._process.is_alive():
            # The chief calls again once all workers are there.
            self._presence.ready_for("")
            self._process = None
        return self._process is not None

    def _last_event(self) -> Event:
        try:
            return self._connection.recv()
        except EOFError:
            self._process.join()
            message = f"its process ended with code {self._process.exitcode}"
            if self._process.exitcode == worker_files.LOST:
                message = f"{worker_files.WORKER_ENDED}; see {self._log}"
            return Event(EventKind.WORKER_LOST, self._job.cohort, message=message)

    def stop(self) -> None:
        """Ends the process; the chief has everything that it holds."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None


def _take_part(job: Job, call: Call, log: pathlib.Path, connection) -> None:
    """Runs in the new process."""
    cohort_process.print_to(log)
    worker_files.watch(job.runs, call, job.distribution)
    kind, message = EventKind.FINISHED, ""
    try:
        _train(job, lambda progress: None, lambda: False)
    except PeerLost as error:
        kind, message = EventKind.WORKER_LOST, str(error)
    except UserError as error:
        kind, message = EventKind.FAILED, str(error)
    except Exception as error:
        kind, message = EventKind.FAILED, cohort_process.explain(error, log)
    with contextlib.suppress(OSError):
        connection.send(Event(kind, job.cohort, message=message))
    # The chief needs this process no more, but would notice if it ended.
    while kind is EventKind.FINISHED:
        time.sleep(1)
