"""Files in the study folder through which the workers of a training meet.

One worker, the chief, decides what is trained next and calls for it. The others say
that they are ready once their processes of the last training have ended; only then
does the next one begin. Every worker changes its file every few seconds, so that the
others see, by their own clocks, that it lives.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from yosinski_tf.system import errors, files
from yosinski_tf.training.clusters import Distribution

FOLDER = "workers"
BEAT_SECONDS = 2.0
# A network file system may show a file as it was one minute ago.
SILENT_SECONDS = 90.0
# Within this time a worker that was killed must be started again.
PATIENCE_SECONDS = 600.0
# The exit code of a process that ends because another worker has ended.
LOST = 76
WORKER_ENDED = "another worker has ended"
_CALL = "call.json"
_LOOK_SECONDS = 0.2
_WATCH_SECONDS = 1.0


class PeerLost(Exception):
    """Another worker has ended: the training must begin again with all workers."""


class Deserted(errors.UserError):
    """A worker did not come, or did not come back."""


def deserted(whom: str, patience: float) -> Deserted:
    """The error for workers that did not come within `patience` seconds."""
    return Deserted(
        f"multi_worker needs every worker, found no sign of {whom} for"
        f" {patience / 60:.0f} minutes: start the same command on all workers, with"
        " the same --runs; finished work is kept"
    )


@dataclasses.dataclass(frozen=True)
class Call:
    """What the chief calls for: to train a cohort and its runs, by their ids.

    `id` is unique to this call. At the end `cohort` is empty, and `end` says how the
    chief ended, `finished` or `stopped`; it is empty if the chief goes on.
    """

    id: str
    cohort: str = ""
    runs: tuple[str, ...] = ()
    end: str = ""


def call(
    runs: pathlib.Path, cohort: str = "", names: Sequence[str] = (), end: str = ""
) -> Call:
    """Calls all workers to train the runs `names`; replaces the last call."""
    made = Call(uuid.uuid4().hex, cohort, tuple(names), end)
    files.make_folder(runs / FOLDER)
    text = json.dumps(dataclasses.asdict(made))
    files.write_atomically(runs / FOLDER / _CALL, text.encode())
    return made


def last_call(runs: pathlib.Path) -> Call | None:
    """The current call; None without one."""
    values = _read(runs / FOLDER / _CALL)
    try:
        return Call(**{**values, "runs": tuple(values["runs"])})
    except (KeyError, TypeError):
        return None


class Presence(contextlib.AbstractContextManager):
    """Shows in a study folder that a worker lives, until the `with` block ends."""

    def __init__(self, runs: pathlib.Path, rank: int):
        """Starts the thread that changes the worker's file."""
        self._path = _presence(runs, rank)
        files.make_folder(self._path.parent)
        self._own, self._beats, self._ready = uuid.uuid4().hex, 0, ""
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._beat()
        self._thread = threading.Thread(target=self._keep_on, daemon=True)
        self._thread.start()

    def __exit__(self, *unused) -> None:
        self._ended.set()
        self._thread.join()
        with contextlib.suppress(OSError):
            # A worker that was started in its place may have written its own.
            if (_read(self._path) or {}).get("own") == self._own:
                self._path.unlink()

    def ready_for(self, call_id: str) -> None:
        """Says which call this worker has joined; "" for none."""
        self._ready = call_id
        self._beat()

    def _keep_on(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            # The disk may be full or away for a moment.
            with contextlib.suppress(OSError, errors.UserError):
                self._beat()

    def _beat(self) -> None:
        with self._lock:
            self._beats += 1
            values = {"own": self._own, "beats": self._beats, "ready": self._ready}
            files.write_atomically(self._path, json.dumps(values).encode())


class Peer:
    """Another worker, as this process sees it."""

    def __init__(self, runs: pathlib.Path, rank: int):
        """Reads the worker's file in a study folder for the first time."""
        self._path = _presence(runs, rank)
        self._seen = _read(self._path)
        self._changed = time.monotonic()
        self._moved = False

    def look(self) -> str:
        """Reads the file; returns the id of the call that the worker joined, or ""."""
        values = _read(self._path)
        if values != self._seen:
            self._seen, self._changed, self._moved = values, time.monotonic(), True
        return (values or {}).get("ready", "")

    @property
    def silent(self) -> float:
        """Seconds since its file was last seen to change."""
        return time.monotonic() - self._changed

    @property
    def lives(self) -> bool:
        """Whether its file was seen to change recently."""
        moved = self._moved and self._seen is not None
        return moved and self.silent < SILENT_SECONDS


def gather(
    runs: pathlib.Path,
    cohort: str,
    names: Sequence[str],
    workers: Sequence[str],
    *,
    should_stop: Callable[[], bool],
    waiting: Callable[[str], None],
    patience: float = PATIENCE_SECONDS,
) -> Call | None:
    """Calls all workers to train some runs and waits until all are ready.

    Args:
      cohort, names: Ids of the cohort and of its runs.
      workers: Addresses of all workers, this one's first.
      should_stop: Called often; True ends the waiting.
      waiting: Called once with a sentence, if it takes long.
      patience: Most seconds to wait.

    Returns:
      The call; None if `should_stop` returned True.

    Raises:
      Deserted: If a worker did not come.
    """
    made = call(runs, cohort, names)
    peers = {rank: Peer(runs, rank) for rank in range(1, len(workers))}
    begun, told = time.monotonic(), False
    while True:
        away = [rank for rank, peer in peers.items() if peer.look() != made.id]
        if not away:
            return made
        if should_stop():
            return None
        whom = "worker " + ", ".join(f"{rank} ({workers[rank]})" for rank in away)
        waited = time.monotonic() - begun
        if waited > patience:
            raise deserted(whom, patience)
        if not told and waited > 2 * BEAT_SECONDS:
            waiting(f"waiting for {whom}, up to {patience / 60:.0f} minutes")
            told = True
        time.sleep(_LOOK_SECONDS)


def watch(runs: pathlib.Path, standing: Call, distribution: Distribution) -> None:
    """Starts a thread that ends this process when the training cannot succeed.

    TensorFlow notices most such cases by itself, but may also wait forever. `standing`
    is the call that this worker has joined; the exit code is `LOST`.
    """
    parent, rank = os.getppid(), distribution.rank
    others = [0] if distribution.follows else range(1, len(distribution.workers))
    peers = {other: Peer(runs, other) for other in others}

    def reason() -> str:
        if os.getppid() != parent:
            return "the process that started this one has ended"
        if last_call(runs) not in (standing, None):
            return "the chief has called for something else"
        for other, peer in peers.items():
            ready = peer.look()
            if rank == 0 and ready != standing.id:
                return f"worker {other} has stopped"
            if peer.silent > SILENT_SECONDS:
                return f"worker {other} was silent for {SILENT_SECONDS:.0f} s"
        return ""

    def keep_watch() -> None:
        while not (why := reason()):
            time.sleep(_WATCH_SECONDS)
        print(f"ended: {why}", flush=True)
        os._exit(LOST)

    threading.Thread(target=keep_watch, daemon=True).start()


@contextlib.contextmanager
def leading(runs: pathlib.Path) -> Iterator[None]:
    """Shows for a `with` block that the chief lives; then says that it has ended."""
    with Presence(runs, 0):
        (runs / FOLDER / _CALL).unlink(missing_ok=True)
        end = "stopped"
        try:
            yield
            end = "finished"
        finally:
            with contextlib.suppress(OSError, errors.UserError):
                call(runs, end=end)


def _presence(runs: pathlib.Path, rank: int) -> pathlib.Path:
    return runs / FOLDER / f"{rank}.json"


def _read(path: pathlib.Path) -> dict[str, Any] | None:
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None
