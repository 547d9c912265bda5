"""From a source of images to a store, one file of records after another.

All work is done in `OUT.partial` beside the store: finished files stay there,
each with a manifest of what it was made from, so that the same command goes on
after it was stopped or killed. The store appears, whole, when that folder's
content is moved to its place.
"""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterable

import numpy as np

from yosinski_tf.data.prepare import list_source, side_files, source_checks
from yosinski_tf.data.prepare.disk_space import check_space
from yosinski_tf.data.prepare.listing import Listing
from yosinski_tf.data.prepare.process_pool import run_all
from yosinski_tf.data.prepare.shards import (
    ShardResult,
    ShardTask,
    StoreSettings,
    is_made,
    make_shard,
    result_of,
)
from yosinski_tf.data.prepare.work_folder import PartialStore
from yosinski_tf.data.store.format import Store, is_store, open_store, shard_name
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import write_atomically

_MOST_RECORDS, _LEAST_RECORDS, _FILES = 4096, 256, 16
_UNREADABLE = "unreadable.txt"

# Told what is being done, how many images of how many are done.
Report = Callable[[str, int, int], None]
# Makes shards, calling back with the number of images just done.
Runner = Callable[[Iterable[ShardTask], Callable[[int], None]], None]


@dataclasses.dataclass(frozen=True)
class StoreRequest:
    """What to prepare.

    Attributes:
      source: See `prepare_sources.list_source`, as for the next three.
      data_dir: Where TensorFlow Datasets keeps its data.
      manual_dir: Folder of ImageNet's tar files.
      held_out: Fraction held out for validation.
      out: The store to make.
      settings: What is done to every image.
      skip_corrupt: Whether images that cannot be read are left out.
      processes: How many work side by side.
      shard_records: Most records in a file; None for a number by the size of the
        data set.
      command: The command line, for the description.
    """

    source: str
    data_dir: str | None
    manual_dir: str | None
    held_out: float | None
    out: pathlib.Path
    settings: StoreSettings
    skip_corrupt: bool
    processes: int
    shard_records: int | None
    command: str


class Unreadable(UserError):
    """Images of the source cannot be read; `images` has name and reason of each."""

    def __init__(self, message: str, images: list[tuple[str, str]]):
        super().__init__(message)
        self.images = images


def make_store(
    request: StoreRequest,
    *,
    report: Report = lambda what, done, total: None,
    warn: Callable[[str], None] = lambda warning: None,
    runner: Runner | None = None,
) -> Store:
    """Makes a store, or goes on with it; returns at once if it is complete.

    Args:
      request: What to prepare.
      report: Told of progress.
      warn: Told, before the work, of everything that is not as the source
        promises.
      runner: What makes the shards; None for processes of this machine.

    Raises:
      Unreadable: If images cannot be read, after all others are done, unless
        they are to be skipped.
      UserError: If anything else is out of order.
    """
    _check(request.settings)
    out = request.out
    if is_store(out):
        store = _matching(request, out)
        PartialStore(out).remove()
        return store
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(
            f"{out} is there and is no store: give another --out, or remove it"
        )
    partial = PartialStore(out)
    try:
        with partial.locked():
            return _prepare(request, partial, report, warn, runner)
    except OSError as error:
        raise UserError(
            f"cannot write {partial.root} ({error.strerror or error}): make room for"
            " it, then start the same command again, it goes on with what is done"
        ) from None


def _prepare(
    request: StoreRequest,
    partial: PartialStore,
    report: Report,
    warn: Callable[[str], None],
    runner: Runner | None,
) -> Store:
    if is_store(partial.store):
        # It was complete but for the last step.
        _matching(request, partial.store)
        partial.move()
        return open_store(request.out)
    partial.check_settings(
        {
            "source": request.source,
            **dataclasses.asdict(request.settings),
            "held_out": request.held_out,
            "shard_records": request.shard_records,
        }
    )
    listing = list_source.list_source(
        request.source,
        data_dir=request.data_dir,
        manual_dir=request.manual_dir,
        held_out=request.held_out,
        work=partial.work,
        report=lambda done, total: report("listing", done, total),
    )
    warnings = source_checks.check(listing)
    for warning in warnings:
        warn(warning)
    tasks = _tasks(request, listing, partial)
    shards = {task.path for task in tasks}
    partial.keep_only(shards)
    (partial.work / _UNREADABLE).unlink(missing_ok=True)
    left = [task for task in tasks if not is_made(task)]
    check_space(listing, left, request.settings, partial.store)
    total = sum(len(task.images) for task in tasks)
    done = total - sum(len(task.images) for task in left)
    report("preparing", done, total)

    def advance(count: int) -> None:
        nonlocal done
        done += count
        report("preparing", done, total)

    if left:
        (runner or _local(request.processes))(left, advance)
        # A process that was killed on another machine has left its half.
        partial.keep_only(shards)
    results = _results(tasks)
    skipped = _skipped(listing, tasks, results)
    if skipped and not request.skip_corrupt:
        _refuse(partial.work, skipped)
    store = side_files.write(
        partial.store,
        listing,
        [(task, result) for task, result in zip(tasks, results, strict=True)],
        settings=request.settings,
        skipped=skipped,
        warnings=warnings,
        command=request.command,
    )
    side_files.complete(
        store,
        processes=request.processes,
        report=lambda done, total: report("checking", done, total),
    )
    partial.move()
    return open_store(request.out)


def _check(settings: StoreSettings) -> None:
    if settings.image_size < 1:
        raise UserError(f"image size {settings.image_size}: wanted at least 1 pixel")
    if settings.quality is not None and not 1 <= settings.quality <= 100:
        raise UserError(f"JPEG quality {settings.quality}: wanted 1 to 100")


def _matching(request: StoreRequest, folder: pathlib.Path) -> Store:
    """The store that is there already, if it is the one that is wanted."""
    store = open_store(folder)
    found = (store.source, store.image_size, store.encoding, store.quality)
    wanted = (request.source, *dataclasses.astuple(request.settings))
    if found != wanted:
        raise UserError(
            f"{folder} is a store of {_words(*found)}, wanted {_words(*wanted)}: give"
            " another --out, or remove it"
        )
    return store


def _words(source: str, image_size: int, encoding: str, quality: int | None) -> str:
    how = encoding if quality is None else f"{encoding} of quality {quality}"
    return f"{source} at {image_size} x {image_size} pixels as {how}"


def _tasks(
    request: StoreRequest, listing: Listing, partial: PartialStore
) -> list[ShardTask]:
    tasks = []
    for split, images in listing.splits.items():
        most = request.shard_records or min(
            _MOST_RECORDS, max(_LEAST_RECORDS, -(-len(images) // _FILES))
        )
        count = -(-len(images) // most)
        for index in range(count):
            # Even sizes, so that no file is much smaller than the others.
            start, stop = (len(images) * i // count for i in (index, index + 1))
            tasks.append(
                ShardTask(
                    images.part(start, stop),
                    request.settings,
                    partial.store / shard_name(split, index, count),
                    partial.work / f"{split}-{index:05d}.json",
                    request.skip_corrupt,
                )
            )
    return tasks


def _local(processes: int) -> Runner:
    def run(tasks: Iterable[ShardTask], advance: Callable[[int], None]) -> None:
        made = run_all(make_shard, tasks, processes=processes, advance=advance)
        for _ in made:
            pass

    return run


def _results(tasks: list[ShardTask]) -> list[ShardResult]:
    results = [result_of(task) for task in tasks]
    lost = [t for t, r in zip(tasks, results, strict=True) if r is None]
    if lost:
        raise UserError(
            f"{len(lost)} of {len(tasks)} files were not made, the first is"
            f" {lost[0].path.name}: its images changed meanwhile, or the machines do"
            " not share the folder; start the same command again"
        )
    return results


def _skipped(
    listing: Listing,
    tasks: list[ShardTask],
    results: list[ShardResult],
) -> list[dict[str, str]]:
    return [
        {
            "split": task.images.split,
            "class_name": listing.class_names[int(task.images.labels[row])],
            "file_name": task.images.file_names[row],
            "reason": reason,
        }
        for task, result in zip(tasks, results, strict=True)
        for row, reason in result.skipped
    ]


def _refuse(work: pathlib.Path, skipped: list[dict[str, str]]) -> None:
    images = [(image["file_name"], image["reason"]) for image in skipped]
    lines = "".join(f"{name}\t{reason}\n" for name, reason in images)
    path = work / _UNREADABLE
    write_atomically(path, os.fsencode(lines))
    raise Unreadable(
        f"{len(images)} image(s) cannot be read, listed in {path}: repair or replace"
        " them, or give --skip_corrupt to leave them out, then start the same command"
        " again; all others are done",
        images,
    )


def class_counts(store: Store) -> dict[str, tuple[int, int]]:
    """Smallest and largest class of each split."""
    counts = {split: store.class_counts(split) for split in store.splits}
    return {s: (int(np.min(c)), int(np.max(c))) for s, c in counts.items()}
