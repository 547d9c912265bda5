"""Locks in a study folder, so that several processes can share its work.

A lock is a file that names its holder; the holder touches it every few seconds.
Taking a lock makes a hard link, which a file system lets only one process make. A
lock is stale, and another process takes it over, if its holder has ended or has
not touched it for some minutes.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from yosinski_tf.system import files, processes

FOLDER = "locks"
TOUCH_SECONDS = 20.0
# Without a touch by a holder on another machine: longer than a disk may hang.
STALE_SECONDS = 300.0
_GUARD = ".guard"
_POLL_SECONDS = 0.2
_PATIENCE_SECONDS = 2.0
_GUARD_SECONDS = 30.0


class Busy(Exception):
    """A process, `holder`, holds the lock `name`; None if it could not be read."""

    def __init__(self, name: str, holder: processes.Process | None):
        super().__init__(f"{name} is held by {holder or 'another process'}")
        self.name, self.holder = name, holder


@dataclasses.dataclass(frozen=True)
class _Found:
    """A lock file that exists; no holder if the file names none."""

    holder: processes.Process | None
    stale: bool


class Locks(contextlib.AbstractContextManager):
    """Locks that this process holds until `release` or the end of a `with` block.

    A thread touches the files, so that other machines see that they are held.

    Attributes:
      lost: Whether another process took one over, and may be doing the same work;
        this happens if the machine was suspended for minutes.
    """

    def __init__(self, paths: Sequence[pathlib.Path], touch_seconds: float):
        self.lost = False
        self._paths = tuple(paths)
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._touch, args=(touch_seconds,), daemon=True
        )
        self._thread.start()

    def __exit__(self, *unused) -> None:
        self.release()

    def release(self) -> None:
        """Gives the locks back; a second call does nothing."""
        self._ended.set()
        self._thread.join()
        for path in self._paths:
            # A lost lock belongs to another process now.
            with contextlib.suppress(OSError):
                if path.read_text() == _text():
                    path.unlink()
        self._paths = ()

    def _touch(self, seconds: float) -> None:
        while not self._ended.wait(seconds):
            for path in self._paths:
                try:
                    if path.read_text() == _text():
                        os.utime(path)
                    else:
                        self.lost = True
                except OSError as error:
                    # Any other error may be a disk that is away for a moment.
                    self.lost |= files.is_gone(error)


def take(
    runs: pathlib.Path, names: Sequence[str], *, touch_seconds: float = TOUCH_SECONDS
) -> Locks:
    """Takes all of some locks, or none.

    Args:
      runs: The study folder, which must exist.
      names: What to lock: run ids, or other valid file names.
      touch_seconds: Seconds between two touches of the files.

    Raises:
      Busy: If another process holds one of them.
      DiskFull: If there is no room for the files.
    """
    folder = runs / FOLDER
    files.make_folder(folder)
    paths = [folder / f"{name}.lock" for name in names]
    mine = files.temporary_beside(folder / f"{names[0]}.lock")
    with _guard(folder, names[0]):
        made: list[pathlib.Path] = []
        try:
            for path, name in zip(paths, names, strict=True):
                # A new file for each lock, so that each has its own time of touch.
                with files.room_for(mine):
                    mine.unlink(missing_ok=True)
                    mine.write_text(_text())
                found = _find(path)
                if found is not None and not found.stale:
                    raise Busy(name, found.holder)
                if found is not None:
                    path.unlink(missing_ok=True)
                if not _link(mine, path):
                    raise Busy(name, None)
                made.append(path)
        except BaseException:
            for path in made:
                path.unlink(missing_ok=True)
            raise
        finally:
            mine.unlink(missing_ok=True)
    return Locks(paths, touch_seconds)


@contextlib.contextmanager
def held(
    runs: pathlib.Path,
    name: str,
    waiting: Callable[[Busy], None] = lambda busy: None,
    *,
    patience: float = _PATIENCE_SECONDS,
) -> Iterator[None]:
    """Waits for a lock and holds it for a `with` block.

    Calls `waiting` once if the lock is still busy after `patience` seconds.
    """
    begun, told = time.monotonic(), False
    while True:
        try:
            locks = take(runs, [name])
            break
        except Busy as busy:
            if not told and time.monotonic() - begun > patience:
                waiting(busy)
                told = True
            time.sleep(_POLL_SECONDS)
    with locks:
        yield


def holders(
    runs: pathlib.Path, names: Sequence[str]
) -> dict[str, processes.Process | None]:
    """Reads who holds which of some locks; free and stale locks are left out."""
    found = {}
    for name in names:
        lock = _find(runs / FOLDER / f"{name}.lock")
        if lock is not None and not lock.stale:
            found[name] = lock.holder
    return found


def sweep(runs: pathlib.Path, names: Sequence[str]) -> None:
    """Removes those of some locks that ended processes of this machine left.

    Other machines would have to wait until the locks are stale.
    """
    folder = runs / FOLDER
    if not folder.is_dir():
        return
    with contextlib.suppress(Busy), _guard(folder, names[0]):
        for name in names:
            path = folder / f"{name}.lock"
            found = _find(path, stale_seconds=float("inf"))
            if found is not None and found.stale:
                path.unlink(missing_ok=True)


def _text() -> str:
    return json.dumps(dataclasses.asdict(processes.this_process()))


def _link(source: pathlib.Path, path: pathlib.Path) -> bool:
    """Makes a lock file with its content at once; False if it exists already."""
    try:
        with files.room_for(path):
            os.link(source, path)
        return True
    except FileExistsError:
        return False
    except OSError:
        pass
    # No hard links here: still only one process makes the file, first empty.
    try:
        with files.room_for(path), open(path, "x") as file:
            file.write(source.read_text())
        return True
    except FileExistsError:
        return False


def _find(path: pathlib.Path, stale_seconds: float = STALE_SECONDS) -> _Found | None:
    """The lock in a file; None if there is no file."""
    try:
        touched = path.stat().st_mtime
        text = path.read_text()
    except OSError as error:
        if files.is_gone(error):
            return None
        raise
    old = _disk_time(path.parent) - touched > stale_seconds
    try:
        holder = processes.Process(**json.loads(text))
    except (ValueError, TypeError):
        return _Found(None, old)
    alive = processes.lives(holder)
    return _Found(holder, old if alive is None else not alive)


def _disk_time(folder: pathlib.Path) -> float:
    """The time by the disk's clock, which also dates the touches of locks."""
    guard = folder / _GUARD
    try:
        guard.touch()
        return guard.stat().st_mtime
    except OSError:  # Read-only: use this machine's clock.
        return time.time()


@contextlib.contextmanager
def _guard(folder: pathlib.Path, name: str) -> Iterator[None]:
    """Lets one process at a time examine and take locks."""
    with files.room_for(folder / _GUARD):
        opened = open(folder / _GUARD, "a")
    with opened as file:
        end = time.monotonic() + _GUARD_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise Busy(name, None) from None
                time.sleep(0.01)
            except OSError:  # No flock here: two processes may take a stale lock.
                break
        yield
