"""Makes a store from a source of images, one file of records after another.

All work is done in `OUT.partial` beside the store. Each finished file stays there with
a manifest of what it was made from, so the same command continues after it was stopped
or killed. At the end the folder's content is moved to the store's place, so that the
store appears complete.
"""

import collections
import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterable

from yosinski_tf.data.counting import counter
from yosinski_tf.data.prepare import disk_space, list_source, side_files, source_checks
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
from yosinski_tf.data.prepare.work_folder import WorkFolder
from yosinski_tf.data.sources import folder
from yosinski_tf.data.sources.source_spec import split_spec
from yosinski_tf.data.store.format import Store, is_store, open_store, shard_name
from yosinski_tf.data.unreadable import Unreadable
from yosinski_tf.system import errors, files

_MOST_RECORDS, _LEAST_RECORDS, _FILES = 4096, 256, 16
_UNREADABLE = "unreadable.txt"

# Called with the kind of work, the number of images done and the total.
Report = Callable[[str, int, int], None]
# Makes shards, calling back with the number of images just done. It may keep notes in
# the folder.
Runner = Callable[[Iterable[ShardTask], Callable[[int], None], pathlib.Path], None]


@dataclasses.dataclass(frozen=True)
class StoreRequest:
    """What to make a store from, where and how.

    Attributes:
      source, data_dir, manual_dir, held_out: As in `list_source.list_source`.
      out: The store to make.
      settings: How images are stored.
      skip_corrupt: Whether unreadable images are left out.
      processes: Number of parallel processes.
      shard_records: Most records in a file; None to choose by the size of the data
        set.
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


def make_store(
    request: StoreRequest,
    *,
    report: Report = lambda what, done, total: None,
    warn: Callable[[str], None] = lambda warning: None,
    runner: Runner | None = None,
) -> Store:
    """Makes a store, or continues to make it; returns at once if it is complete.

    Args:
      request: What to make.
      report: Called with the progress.
      warn: Called, before the work, with what differs from the source's promises.
      runner: Makes the shards; None for processes of this machine.

    Raises:
      Unreadable: If images cannot be read and are not to be skipped, after all
        other images are done.
      UserError: If the request, the source or the disk does not permit the store.
    """
    size, quality = request.settings.image_size, request.settings.quality
    if size < 1:
        raise errors.UserError(f"images need a size of at least 1 pixel, found {size}")
    if quality is not None and not 1 <= quality <= 100:
        raise errors.UserError(f"JPEG needs a quality of 1 to 100, found {quality}")
    out, work = request.out, WorkFolder(request.out)
    if is_store(out):
        store = _check_same(request, out)
        work.remove()
        return store
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise errors.UserError(
            f"--out needs a new folder or a store, found other files in {out}: give"
            " another --out, or remove them"
        )
    kind, place = split_spec(request.source)
    if kind == "folder":
        folder.check_outside(place, out, "--out")
    try:
        with work.locked():
            return _make(request, work, report, warn, runner)
    except OSError as error:
        raise errors.UserError(
            f"cannot write {work.root} ({error.strerror or error}): make room for it,"
            " then start the same command again, which continues with the finished"
            " files"
        ) from None


def _make(
    request: StoreRequest,
    work: WorkFolder,
    report: Report,
    warn: Callable[[str], None],
    runner: Runner | None,
) -> Store:
    if is_store(work.store):
        # An earlier command was killed just before the last step.
        _check_same(request, work.store)
        work.move()
        return open_store(request.out)
    work.check_settings(
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
        notes=work.notes,
        report=lambda done, total: report("listing", done, total),
    )
    warnings = source_checks.check(listing)
    for warning in warnings:
        warn(warning)
    tasks = _tasks(request, listing, work)
    shards = {task.path for task in tasks}
    work.keep_only(shards)
    (work.notes / _UNREADABLE).unlink(missing_ok=True)
    todo = [task for task in tasks if not is_made(task)]
    disk_space.check_space(listing, todo, request.settings, work.store)
    total = sum(len(task.images) for task in tasks)
    done = total - sum(len(task.images) for task in todo)
    report("preparing", done, total)
    advance = counter(lambda *now: report("preparing", *now), total, done)
    if todo and runner:
        runner(todo, advance, work.notes)
    elif todo:
        made = run_all(make_shard, todo, processes=request.processes, advance=advance)
        collections.deque(made, maxlen=0)
    # A process that was killed, here or elsewhere, may leave a half-written file.
    work.keep_only(shards)
    results = _results(tasks)
    skipped = _skipped(listing, tasks, results)
    if skipped and not request.skip_corrupt:
        _refuse(work.notes, skipped)
    store = side_files.write(
        work.store,
        listing,
        list(zip(tasks, results, strict=True)),
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
    work.move()
    return open_store(request.out)


def _check_same(request: StoreRequest, folder: pathlib.Path) -> Store:
    """Opens an existing store and refuses it if it is not the requested one."""
    store = open_store(folder)
    found = store.source, StoreSettings.of(store)
    needed = request.source, request.settings
    if found != needed:
        raise errors.UserError(
            f"this command needs a store of {_phrase(*needed)}, found one of"
            f" {_phrase(*found)} in {folder}: give another --out, or remove that store"
        )
    return store


def _phrase(source: str, settings: StoreSettings) -> str:
    size, how = settings.image_size, settings.encoding
    if settings.quality is not None:
        how += f" of quality {settings.quality}"
    return f"{source} at {size} x {size} pixels as {how}"


def _tasks(
    request: StoreRequest, listing: Listing, work: WorkFolder
) -> list[ShardTask]:
    tasks = []
    for part, images in listing.parts.items():
        most = request.shard_records or min(
            _MOST_RECORDS, max(_LEAST_RECORDS, -(-len(images) // _FILES))
        )
        count = -(-len(images) // most)
        for index in range(count):
            # Equal sizes, so that no file is much smaller than the others.
            start, stop = (len(images) * i // count for i in (index, index + 1))
            tasks.append(
                ShardTask(
                    images=images.rows(start, stop),
                    settings=request.settings,
                    path=work.store / shard_name(part, index, count),
                    manifest=work.notes / f"{part}-{index:05d}.json",
                    skip_corrupt=request.skip_corrupt,
                )
            )
    return tasks


def _results(tasks: list[ShardTask]) -> list[ShardResult]:
    results = [result_of(task) for task in tasks]
    lost = [t for t, r in zip(tasks, results, strict=True) if r is None]
    if lost:
        raise errors.UserError(
            f"{len(lost)} of {len(tasks)} files were not made, the first is"
            f" {lost[0].path.name}: start the same command again, without changing"
            " images meanwhile and with a folder that all machines share"
        )
    return results


def _skipped(
    listing: Listing, tasks: list[ShardTask], results: list[ShardResult]
) -> list[dict[str, str]]:
    return [
        {
            "split": task.images.part,
            "class_name": listing.class_names[int(task.images.labels[row])],
            "file_name": task.images.file_names[row],
            "reason": reason,
        }
        for task, result in zip(tasks, results, strict=True)
        for row, reason in result.skipped
    ]


def _refuse(notes: pathlib.Path, skipped: list[dict[str, str]]) -> None:
    images = [(image["file_name"], image["reason"]) for image in skipped]
    lines = "".join(f"{name}\t{reason}\n" for name, reason in images)
    path = notes / _UNREADABLE
    files.write_atomically(path, os.fsencode(lines))
    raise Unreadable(
        f"{len(images)} image(s) cannot be read, listed in {path}: repair or replace"
        " them, or give --skip_corrupt to leave them out, then start the same command"
        " again; all other images are done",
        images,
    )
