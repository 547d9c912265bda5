"""Locks in a study folder, so that several processes share its work.

A lock is a file that names its holder, and that the holder touches now and
then. It is taken by a hard link, which every file system makes for one process
only. A lock whose holder is known to have ended, or was not heard of for some
minutes, is taken over.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from yosinski_tf.system import files, processes
from yosinski_tf.system.processes import Process

try:
    import fcntl
except ImportError:  # Windows; there two takers of one stale lock may collide.
    fcntl = None

FOLDER = "locks"
TOUCH_SECONDS = 20.0
# Of a machine that cannot be asked: long enough for a disk that hangs.
STALE_SECONDS = 300.0
_GUARD = ".guard"
_POLL_SECONDS = 0.2
_PATIENCE_SECONDS = 2.0
_GUARD_SECONDS = 30.0


class Busy(Exception):
    """A lock is held by another process.

    Attributes:
      name: The lock.
      holder: Who holds it; None if that could not be read.
    """

    def __init__(self, name: str, holder: Process | None):
        super().__init__(f"{name} is held by {holder or 'another process'}")
        self.name, self.holder = name, holder


@dataclasses.dataclass(frozen=True)
class _Found:
    """A lock as it was found: who holds it, and whether it was left behind."""

    holder: Process | None
    stale: bool


class Locks:
    """Locks that this process holds; `release` or a `with` block gives them back.

    A thread touches the files, so that other machines see that they are held.

    Attributes:
      lost: Whether one was taken away, as happens to a machine that stood
        still for minutes: then another process may do the same work.
    """

    def __init__(self, paths: Sequence[pathlib.Path], touch_seconds: float):
        self.lost = False
        self._paths = tuple(paths)
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._touch, args=(touch_seconds,), daemon=True
        )
        self._thread.start()

    def __enter__(self) -> "Locks":
        return self

    def __exit__(self, *unused) -> None:
        self.release()

    def release(self) -> None:
        """Gives the locks back; again does nothing."""
        self._ended.set()
        self._thread.join()
        for path in self._paths:
            # One that was taken away belongs to another process now.
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
                    # Otherwise it is a disk that is away for a moment.
                    self.lost |= files.is_gone(error)


def take(
    runs: pathlib.Path,
    names: Sequence[str],
    *,
    touch_seconds: float = TOUCH_SECONDS,
    stale_seconds: float = STALE_SECONDS,
) -> Locks:
    """Takes locks, all of them or none.

    Args:
      runs: The study folder; it must be there.
      names: What to lock: run ids, or other names fit for a file.
      touch_seconds: How often the files are touched.
      stale_seconds: After how long without a touch a lock of a process that
        cannot be seen from here counts as left behind.

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
                # A file of its own for each, whose touch is seen by its own time.
                _write(mine)
                found = _find(path, stale_seconds)
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
    """Holds one lock for a `with` block, after waiting for who has it.

    Args:
      runs: The study folder.
      name: What to lock.
      waiting: Told once if it must be waited for long.
      patience: Seconds that are not long.
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
    runs: pathlib.Path,
    names: Sequence[str],
    *,
    stale_seconds: float = STALE_SECONDS,
) -> dict[str, Process | None]:
    """Who holds which of some locks, looking only; stale ones are left out."""
    found = {}
    for name in names:
        lock = _find(runs / FOLDER / f"{name}.lock", stale_seconds)
        if lock is not None and not lock.stale:
            found[name] = lock.holder
    return found


def sweep(runs: pathlib.Path, names: Sequence[str]) -> None:
    """Removes those of some locks that ended processes of this machine left.

    Other machines could only wait until they are old.
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


def _write(path: pathlib.Path) -> None:
    with files.room_for(path):
        path.unlink(missing_ok=True)
        path.write_text(_text())


def _link(source: pathlib.Path, path: pathlib.Path) -> bool:
    """Makes a file that is there in full, unless there is one; whether it did."""
    try:
        with files.room_for(path):
            os.link(source, path)
        return True
    except FileExistsError:
        return False
    except OSError:
        pass
    # No hard links here: made by one process only, if for a moment empty.
    try:
        with files.room_for(path), open(path, "x") as file:
            file.write(source.read_text())
        return True
    except FileExistsError:
        return False


def _find(path: pathlib.Path, stale_seconds: float) -> _Found | None:
    """The lock that is there; None if there is none, or it went just now."""
    try:
        touched = path.stat().st_mtime
        text = path.read_text()
    except OSError as error:
        if files.is_gone(error):
            return None
        raise
    old = _disk_time(path.parent) - touched > stale_seconds
    try:
        holder = Process(**json.loads(text))
    except (ValueError, TypeError):
        return _Found(None, old)
    alive = processes.lives(holder)
    return _Found(holder, old if alive is None else not alive)


def _disk_time(folder: pathlib.Path) -> float:
    """Now, by the clock of the disk that also says when locks were touched."""
    guard = folder / _GUARD
    try:
        guard.touch()
        return guard.stat().st_mtime
    except OSError:  # Read-only: this machine's clock must do.
        return time.time()


@contextlib.contextmanager
def _guard(folder: pathlib.Path, name: str) -> Iterator[None]:
    """One process at a time judges and takes locks; ends with its process."""
    if fcntl is None:
        yield
        return
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
            except OSError:  # A file system without: takers may then collide.
                break
        yield
