"""Where the workers of a multi-worker training meet: files in the study folder.

What is trained next is decided by one process, the chief, which calls for it. The
others say that they are ready once nothing of the last training is left of them;
only then does it begin. Every worker's file changes every few seconds, so that the
others see that it lives, by their own clocks.
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

from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import make_folder, write_atomically

FOLDER = "workers"
BEAT_SECONDS = 2.0
# A network file system may show a file as it was a minute ago.
SILENT_SECONDS = 90.0
# A worker that was killed is to be started again within this time.
PATIENCE_SECONDS = 600.0
_CALL = "call.json"
_LOOK_SECONDS = 0.2
_WATCH_SECONDS = 1.0


class PeerLost(Exception):
    """Another worker has ended: the training is to be begun again with all."""


class Deserted(UserError):
    """A worker did not come, or come back."""


@dataclasses.dataclass(frozen=True)
class Call:
    """What the chief says.

    Attributes:
      id: Unique to this call.
      cohort: Id of the cohort that is trained; empty at the end.
      runs: Ids of its runs.
      end: How the chief ended, in a word; empty if it goes on.
    """

    id: str
    cohort: str = ""
    runs: tuple[str, ...] = ()
    end: str = ""


def call(
    runs: pathlib.Path, cohort: str = "", names: Sequence[str] = (), end: str = ""
) -> Call:
    """Calls all workers, in place of the last call.

    Args:
      runs: The study folder.
      cohort: Id of the cohort to train.
      names: Ids of its runs.
      end: How the chief ends, if it does.
    """
    made = Call(uuid.uuid4().hex, cohort, tuple(names), end)
    make_folder(runs / FOLDER)
    text = json.dumps(dataclasses.asdict(made))
    write_atomically(runs / FOLDER / _CALL, text.encode())
    return made


def last_call(runs: pathlib.Path) -> Call | None:
    """The call that stands; None if there is none."""
    values = _read(runs / FOLDER / _CALL)
    try:
        return Call(**{**values, "runs": tuple(values["runs"])})
    except (KeyError, TypeError):
        return None


class Presence:
    """Shows that a worker lives, until the `with` block ends."""

    def __init__(self, runs: pathlib.Path, rank: int):
        """Begins to show it.

        Args:
          runs: The study folder; it is made if it is not there.
          rank: The worker's number.
        """
        self._path = _presence(runs, rank)
        make_folder(self._path.parent)
        self._own, self._beats, self._ready = uuid.uuid4().hex, 0, ""
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._beat()
        self._thread = threading.Thread(target=self._keep_on, daemon=True)
        self._thread.start()

    def __enter__(self) -> "Presence":
        return self

    def __exit__(self, *unused) -> None:
        self._ended.set()
        self._thread.join()
        with contextlib.suppress(OSError):
            # One that was started in this one's place has its own file by now.
            if (_read(self._path) or {}).get("own") == self._own:
                self._path.unlink()

    def ready_for(self, call_id: str) -> None:
        """Says that this worker does what is called for; with "" that it does not."""
        self._ready = call_id
        self._beat()

    def _keep_on(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            # Otherwise a disk that is away for a moment, or full.
            with contextlib.suppress(OSError, UserError):
                self._beat()

    def _beat(self) -> None:
        with self._lock:
            self._beats += 1
            values = {"own": self._own, "beats": self._beats, "ready": self._ready}
            write_atomically(self._path, json.dumps(values).encode())


class Peer:
    """Another worker, as seen from here."""

    def __init__(self, runs: pathlib.Path, rank: int):
        """Looks at a worker.

        Args:
          runs: The study folder.
          rank: The worker's number.
        """
        self._path = _presence(runs, rank)
        self._seen = _read(self._path)
        self._changed = time.monotonic()
        self._moved = False

    def look(self) -> str:
        """The id of the call that it is ready for; empty if for none."""
        values = _read(self._path)
        if values != self._seen:
            self._seen, self._changed, self._moved = values, time.monotonic(), True
        ready = values.get("ready") if values else ""
        return ready if isinstance(ready, str) else ""

    @property
    def silent(self) -> float:
        """Seconds for which nothing was seen to change."""
        return time.monotonic() - self._changed

    @property
    def lives(self) -> bool:
        """Whether it was seen to change not long ago."""
        here = self._seen is not None
        return here and self._moved and self.silent < SILENT_SECONDS


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
      runs: The study folder.
      cohort: Id of their cohort.
      names: Ids of the runs.
      workers: Addresses of all workers; this one's comes first.
      should_stop: Asked often; True ends the waiting.
      waiting: Told once, in a sentence, if it takes long.
      patience: Seconds to wait at most.

    Returns:
      The call; None if `should_stop` said so.

    Raises:
      Deserted: If one did not come.
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
        whom = ", ".join(f"{rank} ({workers[rank]})" for rank in away)
        waited = time.monotonic() - begun
        if waited > patience:
            raise Deserted(
                f"multi_worker wants every worker to take part, got nothing from"
                f" {whom} for {patience / 60:.0f} minutes: start the same command on"
                " all workers, with the same --runs; what is trained is kept"
            )
        if not told and waited > 2 * BEAT_SECONDS:
            waiting(f"waits for worker {whom}, up to {patience / 60:.0f} minutes")
            told = True
        time.sleep(_LOOK_SECONDS)


def watch(runs: pathlib.Path, standing: Call, rank: int, size: int, code: int) -> None:
    """Ends this process, from a thread, when a training can no longer succeed.

    TensorFlow notices most of it by itself, but may also wait forever.

    Args:
      runs: The study folder.
      standing: The call that is trained for.
      rank: This worker's number.
      size: How many workers there are.
      code: The exit code.
    """
    parent = os.getppid()
    others = range(1, size) if rank == 0 else [0]
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
                return f"worker {other} was not heard of for {SILENT_SECONDS:.0f} s"
        return ""

    def keep_watch() -> None:
        while not (why := reason()):
            time.sleep(_WATCH_SECONDS)
        print(f"ended: {why}", flush=True)
        os._exit(code)

    threading.Thread(target=keep_watch, daemon=True).start()


@contextlib.contextmanager
def leading(runs: pathlib.Path) -> Iterator[None]:
    """Shows that the chief lives, and in the end tells the others that it ended."""
    with Presence(runs, 0):
        (runs / FOLDER / _CALL).unlink(missing_ok=True)
        end = "stopped"
        try:
            yield
            end = "finished"
        finally:
            with contextlib.suppress(OSError, UserError):
                call(runs, end=end)


def _presence(runs: pathlib.Path, rank: int) -> pathlib.Path:
    return runs / FOLDER / f"{rank}.json"


def _read(path: pathlib.Path) -> dict[str, Any] | None:
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None
