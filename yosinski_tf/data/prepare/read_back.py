"""Every record of a finished store read once: checked, decoded and summed.

Pixel sums come from the images as they are stored, so after JPEG. A row of
`sums/classes.npy` belongs to one process at a time; those of `sums/ranks.npy`
are shared between processes under locks. Both are files mapped into memory.
"""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Callable, Iterator

import numpy as np

from yosinski_tf.data.prepare import process_pool
from yosinski_tf.data.prepare.shards import StoreSettings, decode
from yosinski_tf.data.store import record_files, tf_example
from yosinski_tf.data.store.format import (
    FILE_NAME,
    IMAGE,
    LABEL,
    RANK_LIMIT,
    Store,
    num_ranks,
)
from yosinski_tf.system.errors import UserError

_LOCKS = 64
# Tasks for each process, so that all end at about the same time.
_PIECES = 16
# Above this many images, a sum of bytes may not fit into 32 bits.
_MOST_SUMMED = (2**32 - 1) // 255


@dataclasses.dataclass(frozen=True, eq=False)
class _Task:
    """Some classes of one split, next to each other."""

    paths: tuple[pathlib.Path, ...]
    lengths: tuple[int, ...]
    settings: StoreSettings
    split: str
    labels: np.ndarray
    first_row: int
    file_names: tuple[str, ...]
    digests: np.ndarray
    sums: pathlib.Path | None
    compare: bool


def problems_of(
    store: Store,
    *,
    write_sums: bool,
    processes: int,
    advance: Callable[[int], None] = lambda count: None,
) -> Iterator[str]:
    """Reads all records of a store and says what is wrong with them.

    Args:
      store: The store; labels, names and digests are those that are stored.
      write_sums: Whether to write the files of pixel sums; if not, those of the
        classes are compared with what is there.
      processes: How many read side by side.
      advance: Called with the number of records just read.

    Yields:
      A sentence for each problem.

    Raises:
      UserError: If a file beside the records is missing or of another shape.
      OSError: If the sums cannot be written.
    """
    sums = store.folder / "sums"
    counts = store.class_counts("train")
    if write_sums:
        most = max(int(counts.max()), len(counts))
        if most > _MOST_SUMMED:
            raise UserError(
                f"{most:,} images of one class or {most:,} classes: wanted"
                f" {_MOST_SUMMED:,} at most, so that their sums fit into 32 bits"
            )
        _new_sums(sums, len(counts), num_ranks(counts), store.image_size)
    # Looked at here, where what is wrong with it is told well.
    store.class_sums()
    locks = tuple(process_pool.context().Lock() for _ in range(_LOCKS))
    tasks = _tasks(store, processes, sums, not write_sums)
    for problems in process_pool.run_all(
        _read_back, tasks, processes=processes, advance=advance, extra=(locks,)
    ):
        yield from problems


def sums_bytes(classes: int, ranks: int, image_size: int) -> int:
    """Disk space of the pixel sums."""
    return (classes + min(ranks, RANK_LIMIT)) * image_size**2 * 3 * 4


def _new_sums(sums: pathlib.Path, classes: int, ranks: int, size: int) -> None:
    sums.mkdir(exist_ok=True)
    for name, rows in (("classes", classes), ("ranks", ranks)):
        path = sums / f"{name}.npy"
        path.unlink(missing_ok=True)
        array = np.lib.format.open_memmap(path, "w+", np.uint32, (rows, size, size, 3))
        array.flush()
        del array
        with open(path, "r+b") as file:
            # Writing through a map to a full disk would end the process.
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _tasks(
    store: Store, processes: int, sums: pathlib.Path, compare: bool
) -> Iterator[_Task]:
    settings = StoreSettings(store.image_size, store.encoding, store.quality)
    for split in store.splits:
        labels = np.asarray(store.labels(split))
        digests, names = store.digests(split), store.file_names(split)
        least = max(1, len(labels) // (processes * _PIECES))
        starts = [0, *(1 + np.flatnonzero(np.diff(labels))).tolist(), len(labels)]
        start = 0
        for stop in starts[1:]:
            if stop - start < least and stop != len(labels):
                continue
            if stop == start:
                continue
            yield _Task(
                store.shard_paths(split),
                store.splits[split].shard_lengths,
                settings,
                split,
                labels[start:stop],
                start,
                tuple(names[start:stop]),
                np.asarray(digests[start:stop]),
                sums if split == "train" else None,
                compare,
            )
            start = stop


def _read_back(
    task: _Task,
    advance: Callable[[int], None],
    stopped: Callable[[], bool],
    locks: tuple,
) -> list[str]:
    problems = []
    reader = record_files.Reader(task.paths, task.lengths)
    sums = _Sums(task, locks) if task.sums else None
    previous, rank = -1, 0
    lost: list[tuple[int, str]] = []
    stop = task.first_row + len(task.labels)
    for row, record in enumerate(reader.read(task.first_row, stop)):
        if stopped():
            raise process_pool.Interrupted
        label = int(task.labels[row])
        rank = rank + 1 if label == previous else 0
        previous = label
        pixels, problem = None, ""
        if isinstance(record, record_files.DamagedFile):
            lost.append((task.first_row + row, str(record)))
        else:
            pixels, problem = _check(task, row, record)
        if problem:
            where = f"{task.split} record {task.first_row + row}"
            problems.append(f"{where} ({task.file_names[row]}) {problem}")
        if sums:
            sums.add(label, rank, pixels)
        advance(1)
    if sums:
        problems += sums.finish()
    return problems + list(_lost(task, lost))


def _lost(task: _Task, lost: list[tuple[int, str]]) -> Iterator[str]:
    """One sentence for records next to each other that cannot be read."""
    start = 0
    for end in range(1, len(lost) + 1):
        if end < len(lost) and lost[end][0] == lost[end - 1][0] + 1:
            continue
        first, last = lost[start][0], lost[end - 1][0]
        name, error = task.file_names[first - task.first_row], lost[start][1]
        if first == last:
            yield f"{task.split} record {first} ({name}) cannot be read: {error}"
        else:
            yield (
                f"{task.split} records {first} to {last}, from {name} on, cannot be"
                f" read: {error}"
            )
        start = end


def _check(task: _Task, row: int, record: bytes) -> tuple[np.ndarray | None, str]:
    """The pixels of a record, and what is wrong with it."""
    problem = ""
    if hashlib.sha256(record).digest() != task.digests[row].tobytes():
        problem = "is not what was written: its SHA-256 is another"
    try:
        example = tf_example.parse(record)
        label, name = example[LABEL], os.fsdecode(example[FILE_NAME])
        pixels = decode(example[IMAGE], task.settings)
    except (UserError, ValueError, KeyError, TypeError) as error:
        return None, problem or f"cannot be decoded: {error}"
    if (label, name) != (int(task.labels[row]), task.file_names[row]):
        problem = problem or (
            f"has label {label} and name {name!r}, the files beside it say"
            f" {task.labels[row]} and {task.file_names[row]!r}"
        )
    return pixels, problem


class _Sums:
    """Adds images to the sums of their classes and ranks."""

    def __init__(self, task: _Task, locks: tuple):
        mode = "r" if task.compare else "r+"
        self._compare, self._locks = task.compare, locks
        self._classes = np.load(task.sums / "classes.npy", mode, allow_pickle=False)
        self._ranks = (
            None
            if task.compare
            else np.load(task.sums / "ranks.npy", mode, allow_pickle=False)
        )
        self._label: int | None = None
        self._total: np.ndarray | None = None
        self._problems: list[str] = []

    def add(self, label: int, rank: int, pixels: np.ndarray | None) -> None:
        """Adds an image; None for one that cannot be read."""
        if label != self._label:
            self._close_class()
            self._label, self._total = label, np.zeros(self._classes.shape[1:], "<u4")
        if pixels is None:
            # There is nothing to compare the sum of this class with.
            self._total = None
        if self._total is not None:
            self._total += pixels
        if self._ranks is not None and rank < len(self._ranks) and pixels is not None:
            with self._locks[rank % _LOCKS]:
                self._ranks[rank] += pixels

    def finish(self) -> list[str]:
        """What is wrong with the sums of the classes."""
        self._close_class()
        return self._problems

    def _close_class(self) -> None:
        if self._total is None:
            return
        if not self._compare:
            self._classes[self._label] = self._total
        elif not np.array_equal(self._classes[self._label], self._total):
            self._problems.append(
                f"sums/classes.npy row {self._label} is not the sum of the images"
            )
