"""Reads every record of a finished store once: checks, decodes and sums it.

The pixel sums are those of the stored images, so after JPEG. Each row of
`sums/classes.npy` is written by one process. The rows of `sums/ranks.npy` are shared
between processes under locks. Both files are memory-mapped.
"""

import dataclasses
import hashlib
import itertools
import os
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from yosinski_tf.data import copies
from yosinski_tf.data.prepare import process_pool
from yosinski_tf.data.prepare.shards import StoreSettings, decode
from yosinski_tf.data.store import format, record_files, tf_example
from yosinski_tf.system.errors import UserError

_LOCKS = 64
# Tasks per process, so that all processes end at about the same time.
_TASKS_PER_PROCESS = 16
# The sum of more bytes may not fit into 32 bits.
_MOST_SUMMED = (2**32 - 1) // 255


@dataclasses.dataclass(frozen=True, eq=False)
class _Task:
    """Consecutive classes of one part, from `first_row` on."""

    store: format.Store
    part: str
    first_row: int
    labels: np.ndarray
    file_names: tuple[str, ...]
    digests: np.ndarray
    write_sums: bool


@dataclasses.dataclass(frozen=True, eq=False)
class _Read:
    """What a task found.

    Attributes:
      problems: A sentence for each problem.
      digests: Digest of each image, 0 for those that cannot be read.
    """

    part: str
    first_row: int
    problems: list[str]
    digests: np.ndarray


def image_digests(store: format.Store) -> dict[str, np.ndarray]:
    """Arrays for `problems_of` to fill."""
    return {
        name: np.zeros(part.num_images, copies.DIGEST)
        for name, part in store.parts.items()
    }


def count_copies(
    store: format.Store, digests: Mapping[str, np.ndarray]
) -> copies.Copies:
    """Compares the images of a store by the digests that `problems_of` filled in."""
    parts = [(digests[part], np.asarray(store.labels(part))) for part in format.PARTS]
    return copies.count_copies(
        *parts, lambda part, index: store.file_names(part)[index]
    )


def problems_of(
    store: format.Store,
    *,
    digests: Mapping[str, np.ndarray],
    write_sums: bool,
    processes: int,
    advance: Callable[[int], None] = lambda count: None,
) -> Iterator[str]:
    """Reads all records of a store and describes what is wrong with them.

    Args:
      store: The store, with its files of labels, names and digests.
      digests: Made by `image_digests`; gets the digest of every image.
      write_sums: Whether to write the files of pixel sums; otherwise the sums of
        classes are compared with the existing file.
      processes: Number of parallel processes.
      advance: Called with the number of records just read.

    Yields:
      A sentence for each problem.

    Raises:
      UserError: If a file beside the records is missing or has another shape.
      OSError: If the sums cannot be written.
    """
    counts = store.class_counts("train")
    if write_sums:
        most = max(int(counts.max()), len(counts))
        if most > _MOST_SUMMED:
            raise UserError(
                f"sums of pixels need at most {_MOST_SUMMED:,} classes and images of a"
                f" class, found {most:,}: take a smaller source"
            )
        _make_sums(store, {"classes": len(counts), "ranks": format.num_ranks(counts)})
    # Raises here if the file is damaged, before the processes start.
    store.class_sums()
    locks = tuple(process_pool.context().Lock() for _ in range(_LOCKS))
    for read in process_pool.run_all(
        _read_back,
        _tasks(store, processes, write_sums),
        processes=processes,
        advance=advance,
        extra=(locks,),
    ):
        digests[read.part][read.first_row :][: len(read.digests)] = read.digests
        yield from read.problems


def _open_sums(task: _Task, name: str) -> np.ndarray:
    mode = "r+" if task.write_sums else "r"
    path = task.store.folder / f"sums/{name}.npy"
    return np.load(path, mmap_mode=mode, allow_pickle=False)


def _make_sums(store: format.Store, rows: dict[str, int]) -> None:
    size = store.image_size
    for name, count in rows.items():
        path = store.folder / f"sums/{name}.npy"
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        array = np.lib.format.open_memmap(path, "w+", np.uint32, (count, size, size, 3))
        array.flush()
        del array
        with open(path, "r+b") as file:
            # Writing through a memory map to a full disk would kill the process.
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _tasks(store: format.Store, processes: int, write_sums: bool) -> Iterator[_Task]:
    for part in store.parts:
        labels = np.asarray(store.labels(part))
        digests, names = store.digests(part), store.file_names(part)
        least = max(1, len(labels) // (processes * _TASKS_PER_PROCESS))
        start = 0
        for stop in [*(1 + np.flatnonzero(np.diff(labels))).tolist(), len(labels)]:
            if stop == start or stop - start < least and stop != len(labels):
                continue
            yield _Task(
                store=store,
                part=part,
                first_row=start,
                labels=labels[start:stop],
                file_names=tuple(names[start:stop]),
                digests=np.asarray(digests[start:stop]),
                write_sums=write_sums,
            )
            start = stop


def _read_back(
    task: _Task,
    advance: Callable[[int], None],
    stopped: Callable[[], bool],
    locks: tuple,
) -> _Read:
    problems = []
    digests = np.zeros(len(task.labels), copies.DIGEST)
    sums = _Sums(task, locks) if task.part == "train" else None
    previous, rank = -1, 0
    lost: list[tuple[int, str]] = []
    records = record_files.read_range(
        task.store.shard_paths(task.part),
        task.store.parts[task.part].shard_lengths,
        task.first_row,
        task.first_row + len(task.labels),
    )
    for row, record in enumerate(records):
        if stopped():
            raise process_pool.Interrupted
        label = int(task.labels[row])
        rank = rank + 1 if label == previous else 0
        previous = label
        pixels, problem = None, ""
        if isinstance(record, record_files.DamagedFile):
            lost.append((row, str(record)))
        else:
            pixels, digests[row], problem = _check(task, row, record)
        if problem:
            where = f"{task.part} record {task.first_row + row}"
            problems.append(f"{where} ({task.file_names[row]}) {problem}")
        if sums:
            sums.add(label, rank, pixels)
        advance(1)
    if sums:
        problems += sums.finish()
    problems += _lost(task, lost)
    return _Read(task.part, task.first_row, problems, digests)


def _lost(task: _Task, lost: list[tuple[int, str]]) -> Iterator[str]:
    """One sentence for each run of consecutive unreadable records."""
    numbered = enumerate(lost)
    for _, group in itertools.groupby(numbered, lambda each: each[1][0] - each[0]):
        run = [found for _, found in group]
        (row, error), last = run[0], task.first_row + run[-1][0]
        first, name = task.first_row + row, task.file_names[row]
        if first == last:
            yield f"{task.part} record {first} ({name}) cannot be read: {error}"
        else:
            yield (
                f"{task.part} records {first} to {last}, from {name} on, cannot be"
                f" read: {error}"
            )


def _check(task: _Task, row: int, record: bytes) -> tuple[np.ndarray | None, int, str]:
    """The pixels of a record, the digest of its image, and what is wrong with it."""
    problem = ""
    if hashlib.sha256(record).digest() != task.digests[row].tobytes():
        problem = "is not what was written: its SHA-256 differs"
    try:
        example = tf_example.parse(record)
        label, name = example[format.LABEL], os.fsdecode(example[format.FILE_NAME])
        pixels = decode(example[format.IMAGE], StoreSettings.of(task.store))
    except (ValueError, KeyError, TypeError) as error:
        return None, 0, problem or f"cannot be decoded: {error}"
    if (label, name) != (int(task.labels[row]), task.file_names[row]):
        problem = problem or (
            f"needs label {task.labels[row]} and name {task.file_names[row]!r} by the"
            f" files beside it, found {label} and {name!r}"
        )
    return pixels, copies.digest(example[format.IMAGE]), problem


class _Sums:
    """Adds images to the sums of their classes and ranks, or checks the sums."""

    def __init__(self, task: _Task, locks: tuple):
        self._write, self._locks = task.write_sums, locks
        self._classes = _open_sums(task, "classes")
        # The sums of ranks can only be written: a task has not all of their images.
        self._ranks = _open_sums(task, "ranks") if task.write_sums else ()
        self._label: int | None = None
        self._total: np.ndarray | None = None
        self._problems: list[str] = []

    def add(self, label: int, rank: int, pixels: np.ndarray | None) -> None:
        """Adds an image; None for one that cannot be read."""
        if label != self._label:
            self._close_class()
            self._label, self._total = label, np.zeros(self._classes.shape[1:], "<u4")
        if pixels is None:
            # The sum of this class cannot be checked.
            self._total = None
            return
        if self._total is not None:
            self._total += pixels
        if rank < len(self._ranks):
            with self._locks[rank % _LOCKS]:
                self._ranks[rank] += pixels

    def finish(self) -> list[str]:
        """What is wrong with the sums of the classes."""
        self._close_class()
        return self._problems

    def _close_class(self) -> None:
        if self._total is None:
            return
        if self._write:
            self._classes[self._label] = self._total
        elif not np.array_equal(self._classes[self._label], self._total):
            self._problems.append(
                f"sums/classes.npy row {self._label} is not the sum of the images"
            )
