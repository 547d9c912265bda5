"""Files and folders that are there in full or not at all, and full disks.

Everything is written beside its place, under a name that nothing reads, and
then moved. A process that is killed while writing leaves such a name behind.
"""

import contextlib
import errno
import os
import pathlib
import re
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from yosinski_tf.system import processes
from yosinski_tf.system.errors import UserError

_FULL = (errno.ENOSPC, errno.EDQUOT)
# The second is what a network file system says of what another machine removed.
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)
_LEFTOVER = re.compile(r"\..+\.([0-9a-f]{8})-([0-9]+)\.part")
# No single write takes as long, wherever its process runs.
_ABANDONED_SECONDS = 3600.0


class DiskFull(UserError):
    """There is no room left: a sentence that says where, and how to go on."""


def disk_full(path: pathlib.Path, reason: str) -> DiskFull:
    """The sentence for a write that found no room.

    Args:
      path: What was being written.
      reason: What the system called it.
    """
    return DiskFull(
        f"no room on the disk of {path.parent} to write {path.name} ({reason}):"
        " what is finished is kept, and once there is room the same command goes on"
    )


def is_full(error: BaseException) -> bool:
    """Whether an error of the system or of TensorFlow says that a disk is full."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    # TensorFlow's own file layer has no numbers, only the system's words.
    words = (os.strerror(number) for number in _FULL)
    return any(word in str(error) for word in words)


@contextlib.contextmanager
def room_for(path: pathlib.Path) -> Iterator[None]:
    """Makes one sentence of an error in a `with` block that says a disk is full.

    Args:
      path: What is being written.

    Raises:
      DiskFull: In place of an error of the system or of TensorFlow.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not is_full(error):
            raise
        numbers = [number for number in _FULL if os.strerror(number) in str(error)]
        reason = getattr(error, "strerror", None) or os.strerror(numbers[0])
        raise disk_full(path, reason) from None


def is_gone(error: OSError) -> bool:
    """Whether an error says that a file, or its folder, is not there any more."""
    return error.errno in _GONE


def is_listed(path: pathlib.Path) -> bool:
    """Whether a file is there, by asking its folder.

    A network file system may remember for seconds that a file was not there;
    a folder that is opened is asked for anew.
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
    """Writes a file so that a reader sees all of it or nothing.

    Args:
      path: The file.
      data: Its content, or what writes it into an open file.

    Raises:
      DiskFull: If there is no room; what was there before is kept.
    """
    temporary = temporary_beside(path)
    try:
        with room_for(path):
            with open(temporary, "wb") as file:
                data(file) if callable(data) else file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(path: pathlib.Path) -> None:
    """Makes a folder and those above it, where they are not there yet.

    Raises:
      DiskFull: If there is no room.
    """
    with room_for(path):
        path.mkdir(parents=True, exist_ok=True)


def temporary_beside(path: pathlib.Path) -> pathlib.Path:
    """Where this process writes what is then moved to `path`."""
    return path.with_name(f".{path.name}.{_machine_mark()}-{os.getpid()}.part")


def remove_leftovers(folder: pathlib.Path) -> list[pathlib.Path]:
    """Removes what killed processes left half-written in a study folder.

    What a living process may be writing is left alone: of this machine one
    that runs, of another one anything younger than an hour. What does not have
    a name of ours to the letter is the user's.

    Args:
      folder: Searched with its folders and theirs.

    Returns:
      What was removed.
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
