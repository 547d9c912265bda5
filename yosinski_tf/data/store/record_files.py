"""Files of records: writes and reads ArrayRecord, reads single TFRecords."""

import bisect
import contextlib
import functools
import itertools
import os
import pathlib
from collections.abc import Iterator, Sequence

from array_record.python import array_record_module

# Each record is a chunk of its own, so that it can be read alone. JPEG does not
# compress further, and raw pixels are chosen for speed.
_WRITE_OPTIONS = "group_size:1,uncompressed"
# Random access: the reader reads nothing ahead and starts no threads.
_READ_OPTIONS = "readahead_buffer_size:0,max_parallelism:0"
_BUFFER = 32768
_BATCH = 64
# Files that a process keeps open; the usual limit is 1,024.
_OPEN_FILES = 256
# A TFRecord begins with its length and the checksum of the length.
_TFRECORD_HEADER = 12
TFRECORD_OVERHEAD = 16
"""Bytes of a TFRecord besides its data."""


class DamagedFile(Exception):
    """A file of records cannot be read; the message has the reason."""


class Writer:
    """Writes one ArrayRecord file.

    Every failure to write raises `OSError`, also one within the library.
    """

    def __init__(self, path: pathlib.Path):
        self._path = path
        # The system's error for a missing folder says more than the library's.
        open(path, "wb").close()
        self._writer = array_record_module.ArrayRecordWriter(str(path), _WRITE_OPTIONS)

    def write(self, record: bytes) -> None:
        """Appends a record."""
        self._guarded(self._writer.write, record)

    def close(self) -> None:
        """Completes the file and writes it through to the disk."""
        self._guarded(self._writer.close)
        with open(self._path, "rb") as file:
            os.fsync(file.fileno())

    def abandon(self) -> None:
        """Closes an incomplete file."""
        with contextlib.suppress(RuntimeError):
            self._writer.close()

    def _guarded(self, function, *arguments) -> None:
        try:
            function(*arguments)
        except RuntimeError as error:
            raise OSError(first_clause(error)) from None


def read_range(
    paths: Sequence[pathlib.Path], lengths: Sequence[int], start: int, stop: int
) -> Iterator[bytes | DamagedFile]:
    """Reads the records from index `start` to `stop` - 1 of several ArrayRecord files.

    The files have `lengths` records, which are counted through all files.

    Yields:
      Each record, or the error if it cannot be read.
    """
    starts = [0, *itertools.accumulate(lengths)]
    while start < stop:
        file = bisect.bisect_right(starts, start) - 1
        row = start - starts[file]
        count = min(stop - start, lengths[file] - row, _BATCH)
        yield from _read_each(str(paths[file]), range(row, row + count))
        start += count


def _read_each(path: str, rows: range) -> list[bytes | DamagedFile]:
    try:
        return read_records(path, rows)
    except DamagedFile as error:
        if len(rows) == 1:
            return [error]
        # Reads each record alone to find the damaged ones.
        return [_read_each(path, range(row, row + 1))[0] for row in rows]


def read_records(path: str, positions: Sequence[int]) -> list[bytes]:
    """Reads records of an ArrayRecord file by their positions.

    Raises:
      DamagedFile: If the file cannot be read or has fewer records.
    """
    with _opened(path) as reader:
        # A truncated file opens as a file without records.
        if (count := reader.num_records()) <= max(positions):
            raise DamagedFile(f"{path} has only {count} records")
        return reader.read(list(positions))


def num_records(path: str) -> int:
    """Counts the records of an ArrayRecord file.

    Raises:
      DamagedFile: If the file cannot be read.
    """
    with _opened(path) as reader:
        return reader.num_records()


def read_tfrecord(path: str, offset: int, length: int) -> bytes:
    """Reads `length` bytes of data of the TFRecord that begins at byte `offset`.

    The checksums are not verified.

    Raises:
      DamagedFile: If the file cannot be read or ends within the record.
    """
    try:
        file = _descriptor(path, *_identity(path))
        data = os.pread(file.fileno(), length, offset + _TFRECORD_HEADER)
    except OSError as error:
        raise DamagedFile(f"{path}: {error.strerror}") from None
    if len(data) != length:
        raise DamagedFile(f"{path} ends within the record at byte {offset}")
    return data


def first_clause(error: Exception) -> str:
    """The first clause of a library's long message."""
    return str(error).split(";")[0].strip()


def open_array_record(path: str) -> array_record_module.ArrayRecordReader:
    """Opens an ArrayRecord file for random access."""
    return array_record_module.ArrayRecordReader(
        path, options=_READ_OPTIONS, file_reader_buffer_size=_BUFFER
    )


def _identity(path: str) -> tuple[int, int, int]:
    """Tells a file from another one that has replaced it under the same path."""
    status = os.stat(path)
    return status.st_ino, status.st_size, status.st_mtime_ns


@contextlib.contextmanager
def _opened(path: str) -> Iterator[array_record_module.ArrayRecordReader]:
    try:
        yield _kept_open(path, *_identity(path))
    except (RuntimeError, IndexError, OSError) as error:
        raise DamagedFile(f"{path}: {first_clause(error)}") from None


@functools.lru_cache(_OPEN_FILES)
def _kept_open(path: str, *identity: int):
    return open_array_record(path)


@functools.lru_cache(_OPEN_FILES)
def _descriptor(path: str, *identity: int):
    return open(path, "rb", buffering=0)
