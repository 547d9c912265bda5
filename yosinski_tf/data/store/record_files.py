"""Files of records: ArrayRecord written and read, TFRecord read at a place."""

import bisect
import functools
import itertools
import os
import pathlib
from collections.abc import Iterator, Sequence

from array_record.python import array_record_module

# One record is one chunk, so that it is read alone. JPEG shrinks no further, and
# raw pixels are chosen for speed.
_OPTIONS = "group_size:1,uncompressed"
# Random access: nothing is read ahead.
_RANDOM = "readahead_buffer_size:0,max_parallelism:0"
_BUFFER = 32768
_BATCH = 64
# Files that a process keeps open; the usual limit is 1,024.
_OPEN_FILES = 256
# Before the data of a TFRecord stand its length and their checksum.
_TFRECORD_HEADER = 12
TFRECORD_OVERHEAD = 16


class DamagedFile(Exception):
    """A file of records that cannot be read, with the reason."""


class Writer:
    """Writes one ArrayRecord file.

    Every failure to write, of the disk or of the library, is an `OSError`.
    """

    def __init__(self, path: pathlib.Path):
        self._path = path
        # The library's own error for a folder that is not there says too little.
        open(path, "wb").close()
        self._writer = array_record_module.ArrayRecordWriter(os.fspath(path), _OPTIONS)

    def write(self, record: bytes) -> None:
        """Appends a record."""
        self._guarded(self._writer.write, record)

    def close(self) -> None:
        """Completes the file and brings it to the disk."""
        self._guarded(self._writer.close)
        with open(self._path, "rb") as file:
            os.fsync(file.fileno())

    def abandon(self) -> None:
        """Closes the file, whatever state it is in."""
        try:
            self._writer.close()
        except RuntimeError:
            pass

    def _guarded(self, function, *arguments) -> None:
        try:
            function(*arguments)
        except RuntimeError as error:
            raise OSError(first_clause(error)) from None


class Reader:
    """The records of several ArrayRecord files, numbered through."""

    def __init__(self, paths: Sequence[pathlib.Path], lengths: Sequence[int]):
        self._paths = [os.fspath(path) for path in paths]
        self._ends = list(itertools.accumulate(lengths))
        self._lengths = lengths

    def read(self, start: int, stop: int) -> Iterator[bytes | DamagedFile]:
        """The records from one index up to another, read in batches.

        In place of a record that cannot be read stands the error.
        """
        while start < stop:
            file = bisect.bisect_right(self._ends, start)
            count = min(stop - start, self._ends[file] - start, _BATCH)
            position = start - (self._ends[file] - self._lengths[file])
            yield from self._batch(self._paths[file], position, count)
            start += count

    def _batch(self, path: str, position: int, count: int) -> list:
        try:
            return read_records(path, range(position, position + count))
        except DamagedFile as error:
            if count == 1:
                return [error]
            # Which of them it is shows when each is read alone.
            rows = range(position, position + count)
            return [self._batch(path, row, 1)[0] for row in rows]


def read_records(path: str, positions: Sequence[int]) -> list[bytes]:
    """Records of an ArrayRecord file by their numbers.

    Raises:
      DamagedFile: If it cannot be read or has fewer records.
    """
    try:
        reader = _array_record(path, *_identity(path))
        # A file that was cut off opens as one without records.
        if (count := reader.num_records()) <= max(positions):
            raise DamagedFile(f"{path} has only {count} records")
        return reader.read(list(positions))
    except (RuntimeError, IndexError, OSError) as error:
        raise DamagedFile(f"{path}: {first_clause(error)}") from None


def num_records(path: str) -> int:
    """Records in an ArrayRecord file.

    Raises:
      DamagedFile: If it cannot be read.
    """
    try:
        return _array_record(path, *_identity(path)).num_records()
    except (RuntimeError, OSError) as error:
        raise DamagedFile(f"{path}: {first_clause(error)}") from None


def read_tfrecord(path: str, offset: int, length: int) -> bytes:
    """The data of one record of a TFRecord file; checksums are not looked at.

    Args:
      path: The file.
      offset: Where the record begins.
      length: Bytes of its data.

    Raises:
      DamagedFile: If the file cannot be read or ends before.
    """
    try:
        file = _descriptor(path, *_identity(path))
        data = os.pread(file.fileno(), length, offset + _TFRECORD_HEADER)
    except OSError as error:
        raise DamagedFile(f"{path}: {error.strerror}") from None
    if len(data) != length:
        raise DamagedFile(f"{path} ends before record at byte {offset} does")
    return data


def first_clause(error: Exception) -> str:
    """What a library's long message begins with."""
    return str(error).split(";")[0].strip()


def _identity(path: str) -> tuple[int, int, int]:
    """What tells a file from one that has taken its place."""
    status = os.stat(path)
    return status.st_ino, status.st_size, status.st_mtime_ns


@functools.lru_cache(_OPEN_FILES)
def _array_record(path: str, *identity: int):
    return array_record_module.ArrayRecordReader(
        path, options=_RANDOM, file_reader_buffer_size=_BUFFER
    )


@functools.lru_cache(_OPEN_FILES)
def _descriptor(path: str, *identity: int):
    return open(path, "rb", buffering=0)
