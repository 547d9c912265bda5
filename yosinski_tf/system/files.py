"""Files and folders written whole or not at all, and full disks.

A file is written under a temporary name beside its place, then moved there. A
process that is killed while writing leaves the temporary file behind.
"""

import contextlib
import errno
import io
import os
import pathlib
import re
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np

from yosinski_tf.system import errors, processes

_FULL = (errno.ENOSPC, errno.EDQUOT)
# ESTALE: a network file system found that another machine removed the file.
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)
_LEFTOVER = re.compile(r"\..+\.([0-9a-f]{8})-([0-9]+)\.part")
# No single write takes this long.
_ABANDONED_SECONDS = 3600.0


class DiskFull(errors.UserError):
    """A disk is full: the message says which one and how to go on."""


def full_reason(error: BaseException) -> str:
    """The system's words for a full disk; empty if the error says anything else."""
    if isinstance(error, OSError):
        return os.strerror(error.errno) if error.errno in _FULL else ""
    # TensorFlow's file layer has no error numbers, only the system's words.
    words = map(os.strerror, _FULL)
    return next((reason for reason in words if reason in str(error)), "")


def disk_full(path: pathlib.Path, reason: str) -> DiskFull:
    """The error for a write to `path` that found no room, in the system's words."""
    return DiskFull(
        f"no room on the disk of {path.parent} to write {path.name} ({reason}):"
        " free some space, then start the same command again; finished work is kept"
    )


@contextlib.contextmanager
def room_for(path: pathlib.Path) -> Iterator[None]:
    """A `with` block that writes `path`; a full disk raises `DiskFull` there.

    Raises:
      DiskFull: In place of an error of the system or of TensorFlow.
    """
    try:
        yield
    except errors.UserError:
        raise
    except Exception as error:
        if reason := full_reason(error):
            raise disk_full(path, reason) from None
        raise


def is_gone(error: OSError) -> bool:
    """Whether an error says that a file or its folder no longer exists."""
    return error.errno in _GONE


def is_listed(path: pathlib.Path) -> bool:
    """Whether a file exists, read from the listing of its folder.

    A network file system may remember for seconds that a file was missing; it
    reads a folder anew whenever the folder is opened.
    """
    try:
        with os.scandir(path.parent) as found:
            return any(entry.name == path.name for entry in found)
    except OSError as error:
        if is_gone(error):
            return False
        raise


def write_atomically(
    path: pathlib.Path, data: bytes | Callable[[BinaryIO], None]
) -> None:
    """Writes a file, or has `data` write it, so that a reader sees all or nothing.

    Raises:
      DiskFull: If there is no room; the old file is kept.
    """
    temporary = temporary_beside(path)
    try:
        with room_for(path):
            with open(temporary, "w+b") as file:
                data(file) if callable(data) else file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_array(path: pathlib.Path, array: np.ndarray) -> None:
    """Writes a `.npy` file as `write_atomically` does."""
    # In memory first: NumPy does not say why it cannot write to a file.
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    write_atomically(path, buffer.getbuffer())


def make_folder(path: pathlib.Path) -> None:
    """Makes a folder and its parents unless they exist.

    Raises:
      DiskFull: If there is no room.
    """
    with room_for(path):
        path.mkdir(parents=True, exist_ok=True)


def temporary_beside(path: pathlib.Path) -> pathlib.Path:
    """The temporary name under which this process writes `path`."""
    return path.with_name(f".{path.name}.{_machine_mark()}-{os.getpid()}.part")


def remove_leftovers(folder: pathlib.Path) -> list[pathlib.Path]:
    """Removes the temporary files that killed processes left in a study folder.

    Keeps what a process of this machine that still runs is writing, what another
    machine wrote in the last hour, and every file whose name does not have the
    exact form of `temporary_beside`: it belongs to the user. Searches two levels
    deep, and returns the files and folders removed.
    """
    removed = []
    for depth in ("", "*/", "*/*/"):
        for path in folder.glob(f"{depth}.*.part"):
            if not _abandoned(path):
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            removed.append(path)
    return removed


def _abandoned(path: pathlib.Path) -> bool:
    match = _LEFTOVER.fullmatch(path.name)
    if match is None:
        return False
    if match[1] == _machine_mark():
        return not processes.pid_lives(int(match[2]))
    try:
        return time.time() - path.stat().st_mtime > _ABANDONED_SECONDS
    except OSError as error:
        if is_gone(error):
            return False
        raise


def _machine_mark() -> str:
    return f"{zlib.crc32(processes.machine().encode()):08x}"
