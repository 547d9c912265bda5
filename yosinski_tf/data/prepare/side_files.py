"""What stands beside the shards of a store: written, then checked as a whole."""

import dataclasses
import datetime
import hashlib
import io
import os
import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from yosinski_tf.data.embedded import embedded_images
from yosinski_tf.data.prepare import read_back, tfds_metadata
from yosinski_tf.data.prepare.listing import Listing
from yosinski_tf.data.prepare.shards import ShardResult, ShardTask, StoreSettings
from yosinski_tf.data.prepare.work_folder import sync_folder
from yosinski_tf.data.store.format import (
    DESCRIPTION_NAME,
    Store,
    StoredSplit,
    description,
    fingerprint,
)
from yosinski_tf.experiment import ilsvrc
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import write_atomically
from yosinski_tf.system.versions import installed

_PACKAGES = (
    *("yosinski_tf", "pillow", "numpy", "array_record"),
    *("tensorflow", "tensorflow-datasets"),
)


def write(
    folder: pathlib.Path,
    listing: Listing,
    made: Sequence[tuple[ShardTask, ShardResult]],
    *,
    settings: StoreSettings,
    skipped: list[dict[str, str]],
    warnings: list[str],
    command: str,
) -> Store:
    """Writes labels, names, digests and metadata of finished shards.

    Returns:
      The description, not yet written: it is the last file, see `complete`.

    Raises:
      UserError: If a class lost all its images of a split, or a file all its
        images, because they could not be read.
      OSError: If something cannot be written.
    """
    splits = {
        split: _write_split(folder, listing, split, made) for split in listing.splits
    }
    names = listing.class_names
    digests = [split.digest for split in splits.values()]
    store = Store(
        folder=folder,
        source=listing.source,
        image_size=settings.image_size,
        encoding=settings.encoding,
        quality=settings.quality,
        class_names=names,
        families=_families(names),
        splits=splits,
        skipped=tuple(skipped),
        warnings=tuple(warnings),
        side_files={},
        fingerprint=fingerprint(settings.image_size, names, digests),
        versions=installed(_PACKAGES),
        command=command,
        prepared_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    tfds_metadata.write(store)
    return store


def complete(
    store: Store, *, processes: int, report: Callable[[int, int], None]
) -> Store:
    """Sums the pixels, checking every record, and writes the description.

    Raises:
      UserError: If a record is not what was written.
      OSError: If something cannot be written.
    """
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        report(done, store.num_images)

    problems = list(
        read_back.problems_of(
            store, write_sums=True, processes=processes, advance=advance
        )
    )
    if problems:
        raise UserError(
            f"{len(problems)} record(s) do not read back as they were written, the"
            f" first: {problems[0]}: the disk or the memory is failing, delete"
            f" {store.folder.parent} and prepare on another"
        )
    files = [path for path in sorted(store.folder.rglob("*")) if path.is_file()]
    shards = {path for split in store.splits for path in store.shard_paths(split)}
    side = {
        path.relative_to(store.folder).as_posix(): file_digest(path)
        for path in files
        if path not in shards
    }
    store = dataclasses.replace(store, side_files=side)
    for path in files:
        with open(path, "rb") as file:
            os.fsync(file.fileno())
    write_atomically(store.folder / DESCRIPTION_NAME, description(store))
    sync_folder(store.folder)
    return store


def file_digest(path: pathlib.Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_split(
    folder: pathlib.Path,
    listing: Listing,
    split: str,
    made: Sequence[tuple[ShardTask, ShardResult]],
) -> StoredSplit:
    labels, names, digests, lengths, num_bytes = [], [], [], [], 0
    for task, result in made:
        if task.images.split != split:
            continue
        gone = {row for row, _ in result.skipped}
        kept = np.array([r for r in range(len(task.images)) if r not in gone], int)
        if not len(kept):
            raise UserError(
                f"no image of {task.path.name} can be read, the first is"
                f" {task.images.file_names[0]}: repair the source"
            )
        labels.append(task.images.labels[kept])
        names += [task.images.file_names[row] for row in kept]
        digests.append(bytes.fromhex(result.digests))
        lengths.append(result.num_records)
        num_bytes += result.num_bytes
    all_labels = np.concatenate(labels)
    counts = np.bincount(all_labels, minlength=len(listing.class_names))
    if not counts.all():
        raise UserError(
            f"no {split} image of class"
            f" {listing.class_names[int(np.argmin(counts))]!r} can be read: repair the"
            " source, or remove the class"
        )
    joined = b"".join(digests)
    rows = np.frombuffer(joined, np.uint8).reshape(-1, 32)
    _save(folder / f"labels/{split}.npy", all_labels.astype(np.int32))
    _save(folder / f"digests/{split}.npy", rows)
    text = b"".join(os.fsencode(name) + b"\n" for name in names)
    _write(folder / f"file_names/{split}.txt", text)
    return StoredSplit(
        split, tuple(lengths), num_bytes, hashlib.sha256(joined).hexdigest()
    )


def _save(path: pathlib.Path, array: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    _write(path, buffer.getvalue())


def _write(path: pathlib.Path, data: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, data)


def _families(names: tuple[str, ...]) -> tuple[str, ...] | None:
    if names == embedded_images.CLASS_NAMES:
        return embedded_images.FAMILIES
    return ilsvrc.families(names)
