"""Locks in a study folder: one process at a time trains it, writes its report, or
measures its layers.

The system frees the locks of a process that ends, however it ends. They hold on all
machines that see the folder if its file system has `flock`, as NFS and Lustre can.
"""

import contextlib
import datetime
import errno
import json
import os
import pathlib
import socket
from collections.abc import Callable, Iterable, Iterator

import filelock

from yosinski_tf.system import errors, files

FOLDER = "locks"
REPORT, LAYERS = "report", "layers"
_DRIVER = "driver"
_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 2.0
# What `check_free` holds is free again by then.
_MOMENT_SECONDS = 0.25
_NO_FLOCK = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)


class InUse(errors.UserError):
    """Another process trains the study."""


@contextlib.contextmanager
def driving(runs: pathlib.Path) -> Iterator[None]:
    """Holds a study folder for a `with` block: no other process trains it meanwhile.

    Makes the folder.

    Raises:
      InUse: If another process holds it, which the message names.
      DiskFull: If there is no room for the lock.
      UserError: If the folder cannot be written to, or has no `flock`.
    """
    lock = _hold(runs)
    try:
        files.write_atomically(note_of_driver(runs), _note().encode())
        yield
    finally:
        note_of_driver(runs).unlink(missing_ok=True)
        lock.release()


def check_free(runs: pathlib.Path) -> None:
    """Refuses a study folder that another process trains; changes nothing.

    Raises:
      InUse: If another process holds it.
    """
    if _path(runs, _DRIVER).exists():
        _hold(runs).release()


def note_of_driver(runs: pathlib.Path) -> pathlib.Path:
    """The file that says which process holds a study folder, and since when."""
    return runs / FOLDER / f"{_DRIVER}.json"


@contextlib.contextmanager
def training(
    runs: pathlib.Path,
    run_ids: Iterable[str],
    waiting: Callable[[], None],
    should_stop: Callable[[], bool],
) -> Iterator[bool]:
    """Waits until no other process trains some runs, and holds them for a block.

    The process of a driver that was killed trains on until it has saved.

    Args:
      runs: The study folder.
      run_ids: Ids of the runs.
      waiting: Called once if another process trains one of them.
      should_stop: Called often while this one waits; True ends the waiting.

    Returns:
      As the value of the block whether the runs are held; False after `should_stop`.
    """
    told = False
    with contextlib.ExitStack() as held:
        # In one order, so that two processes cannot wait for each other.
        for lock in (_lock(runs, run_id) for run_id in sorted(run_ids)):
            while not lock.is_locked:
                if should_stop():
                    yield False
                    return
                with contextlib.suppress(filelock.Timeout):
                    _acquire(lock, _LOOK_SECONDS if told else 0)
                    held.callback(lock.release)
                    continue
                if not told:
                    waiting()
                    told = True
        yield True


@contextlib.contextmanager
def held(
    runs: pathlib.Path, name: str, waiting: Callable[[], None] | None = None
) -> Iterator[bool]:
    """Holds a part of a study folder for a block: no other process writes it meanwhile.

    Waits for the process that holds it, and calls `waiting` if that takes long; with
    None does not wait.

    Args:
      runs: The study folder.
      name: `REPORT` or `LAYERS`.
      waiting: See above.

    Returns:
      As the value of the block whether the part is held.
    """
    lock = _lock(runs, name)
    try:
        _acquire(lock, _PATIENCE_SECONDS if waiting else 0)
    except filelock.Timeout:
        if waiting is None:
            yield False
            return
        waiting()
        _acquire(lock, -1)
    try:
        yield True
    finally:
        lock.release()


def _hold(runs: pathlib.Path) -> filelock.BaseFileLock:
    try:
        lock = _lock(runs, _DRIVER)
        _acquire(lock, _MOMENT_SECONDS)
    except filelock.Timeout:
        raise InUse(
            f"{runs} is in use by {_named(runs)}: wait for it, or stop it"
        ) from None
    except OSError as error:
        raise errors.UserError(
            f"cannot write to the study folder {runs} ({error.strerror}): name a"
            " writable folder on a disk with room"
        ) from None
    return lock


def _lock(runs: pathlib.Path, name: str) -> filelock.BaseFileLock:
    path = _path(runs, name)
    files.make_folder(path.parent)
    # A lock without `flock` would outlive a process that is killed.
    return filelock.FileLock(path, fallback_to_soft=False)


def _acquire(lock: filelock.BaseFileLock, seconds: float) -> None:
    """Waits so long at most; without end if negative."""
    try:
        lock.acquire(timeout=seconds)
    except OSError as error:
        if error.errno not in _NO_FLOCK:
            raise
        folder = pathlib.Path(lock.lock_file).parents[1]
        raise errors.UserError(
            f"{folder} needs a file system with flock, found none"
            f" ({error.strerror}): put it on another one"
        ) from None


def _path(runs: pathlib.Path, name: str) -> pathlib.Path:
    return runs / FOLDER / f"{name}.lock"


def _note() -> str:
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    values = {"host": socket.gethostname(), "process": os.getpid(), "started": started}
    return json.dumps(values)


def _named(runs: pathlib.Path) -> str:
    """The process that holds a study folder, for people."""
    try:
        values = json.loads(note_of_driver(runs).read_text())
        return (
            f"process {values['process']} on {values['host']} since {values['started']}"
        )
    except (OSError, ValueError, KeyError, TypeError):
        # It has just begun, or is about to end.
        return "another process"
