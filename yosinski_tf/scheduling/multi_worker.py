"""Training by several workers: what the chief adds, and what the others do.

The chief trains a study as one process would. The others train with it what it
calls for, in a process of its own each time, and write nothing but logs.
"""

import contextlib
import multiprocessing
import os
import pathlib
import signal
import time
import traceback
from collections.abc import Callable

from yosinski_tf.scheduling import worker_files
from yosinski_tf.scheduling.events import Event
from yosinski_tf.scheduling.worker_files import Call, PeerLost
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import make_folder
from yosinski_tf.training.job import Job, Progress, Stopped

# The exit code of a process whose peers have ended.
LOST = 76
# In which a cohort does not get further than before.
MOST_ATTEMPTS = 5
_LOOK_SECONDS = 0.2
# What collective operations raise when a peer has ended.
_LOST_ERRORS = {
    "AbortedError",
    "CancelledError",
    "DeadlineExceededError",
    "UnavailableError",
}


class Attempts:
    """How often a worker ended before a cohort got any further than before."""

    def __init__(self) -> None:
        self._furthest: dict[str, int] = {}
        self._lost: dict[str, int] = {}

    def reached(self, cohort: str, step: int) -> None:
        """A cohort has taken so many steps."""
        if step > self._furthest.get(cohort, 0):
            self._furthest[cohort] = step
            self._lost.pop(cohort, None)

    def lost(self, cohort: str) -> bool:
        """A worker has ended; whether it is in vain to try again."""
        self._lost[cohort] = self._lost.get(cohort, 0) + 1
        return self._lost[cohort] >= MOST_ATTEMPTS


def lead(
    job: Job,
    report: Callable[[Progress], None],
    should_stop: Callable[[], bool],
) -> None:
    """Trains a cohort with all workers; the chief's part.

    Raises:
      PeerLost: If another worker ended; the same call does it again.
      Deserted: If one did not come.
      Stopped: If `should_stop` said so.
      UserError: As `training.train`.
    """
    workers, parent = job.distribution.workers, os.getppid()
    standing = worker_files.gather(
        job.runs,
        job.cohort.cohort_id,
        [run.run_id for run in job.cohort.runs],
        workers,
        # Not yet `should_stop`, from which on SIGTERM no longer ends the process.
        should_stop=lambda: os.getppid() != parent,
        waiting=lambda note: report(Progress(0, 0.0, note)),
    )
    if standing is None:
        raise Stopped
    worker_files.watch(job.runs, standing, 0, len(workers), LOST)
    _train(job, report, should_stop)


def _train(job, report, should_stop) -> None:
    # Imported here, with threads set first: TensorFlow reads them once.
    from yosinski_tf.machine import threads
    from yosinski_tf.training import trainer

    threads.set_up(job.threads)
    try:
        trainer.train(job, report=report, should_stop=should_stop)
    except Exception as error:
        if type(error).__name__ not in _LOST_ERRORS:
            raise
        traceback.print_exc()
        raise PeerLost("another worker has ended") from None


def follow(
    make_job: Callable[[Call], Job],
    *,
    runs: pathlib.Path,
    rank: int,
    report: Callable[[Event], None],
    waiting: Callable[[str], None],
    patience: float = worker_files.PATIENCE_SECONDS,
) -> str:
    """Trains with the chief whatever it calls for, until it ends.

    Args:
      make_job: Makes the job that a call is for.
      runs: The study folder.
      rank: This worker's number.
      report: Told of cohorts that were begun and finished.
      waiting: Told, in a sentence, that the chief is waited for.
      patience: Seconds to wait for it at most.

    Returns:
      How the chief ended: `finished` or `stopped`.

    Raises:
      Deserted: If the chief did not come, or come back.
      UserError: If this worker cannot do what the chief calls for.
    """
    # What a chief that has ended said in the end.
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
                # What stands from a chief that has ended is not joined.
                if call is not None and not call.end and chief.lives:
                    follower.turn_to(call)
                if follower.look() or chief.lives:
                    heard, told = time.monotonic(), False
                elif time.monotonic() - heard > patience:
                    raise worker_files.Deserted(
                        "multi_worker wants worker 0, the chief, got nothing from it"
                        f" for {patience / 60:.0f} minutes: start the same command on"
                        " all workers, with the same --runs"
                    )
                elif not told:
                    minutes = f"up to {patience / 60:.0f} minutes"
                    waiting(f"waits for worker 0, the chief, {minutes}")
                    told = True
                time.sleep(_LOOK_SECONDS)
        finally:
            follower.stop()


class _Follower:
    """What a worker that is not the chief is doing."""

    def __init__(self, make_job, presence: worker_files.Presence, report):
        self._make_job, self._presence, self._report = make_job, presence, report
        self._call: Call | None = None
        self._part: _Part | None = None

    def turn_to(self, call: Call) -> None:
        """Does what is called for now, unless it did, or does."""
        if call == self._call:
            return
        self.stop()
        job = self._make_job(call)
        self._report(Event("started", job.cohort))
        self._call, self._part = call, _Part(job, call)
        # Nothing of an earlier training is left of this worker.
        self._presence.ready_for(call.id)

    def look(self) -> bool:
        """Tells what has happened; whether there is anything that may."""
        if self._part is None:
            return False
        event = self._part.look()
        if event is not None and event.kind == "failed":
            raise UserError(event.message)
        if event is not None:
            self._report(event)
        if not self._part.lives:
            # The chief will call again once all are there.
            self._presence.ready_for("")
            self._part = None
        return self._part is not None

    def stop(self) -> None:
        """Ends what it is doing."""
        if self._part is not None:
            self._part.kill()
            self._part = None


class _Part:
    """This worker's part in a training, in a process of its own."""

    def __init__(self, job: Job, call: Call):
        self.call, self._cohort = call, job.cohort
        rank = job.distribution.rank
        log = job.runs / "logs" / f"{job.cohort.cohort_id}.worker{rank}.log"
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_take_part, args=(job, call, theirs, log), daemon=True
        )
        self._process.start()
        theirs.close()
        self._log, self._done = log, False

    def look(self) -> Event | None:
        """What has happened: `finished`, `failed`, or `alone` if a peer ended."""
        if self._done or not self._connection.poll():
            return None
        self._done = True
        try:
            kind, message = self._connection.recv()
        except EOFError:
            self._process.join()
            kind = "alone"
            message = f"its process ended with code {self._process.exitcode}"
            if self._process.exitcode == LOST:
                message = f"another worker has ended; see {self._log}"
        if kind != "finished":
            self.kill()
        return Event(kind, self._cohort, message=message)

    @property
    def lives(self) -> bool:
        """Whether it may still be needed."""
        return self._process.is_alive()

    def kill(self) -> None:
        """Ends it; it holds nothing that the chief has not."""
        self._process.kill()
        self._process.join()


def _take_part(job: Job, call: Call, connection, log: pathlib.Path) -> None:
    """Body of the process."""
    # Ctrl-C is for the parent to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    make_folder(log.parent)
    with open(log, "a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    distribution = job.distribution
    size = len(distribution.workers)
    worker_files.watch(job.runs, call, distribution.rank, size, LOST)
    told = ("finished", "")
    try:
        _train(job, lambda progress: None, lambda: False)
    except PeerLost as error:
        told = ("alone", str(error))
    except UserError as error:
        told = ("failed", str(error))
    except Exception as error:
        traceback.print_exc()
        first = next(iter(str(error).splitlines()), "")
        told = ("failed", f"{type(error).__name__}: {first}; see {log}")
    with contextlib.suppress(OSError):
        connection.send(told)
    # The chief needs this process no more, but would be told that it has gone.
    while told[0] == "finished":
        time.sleep(1)
