"""Writes the files beside a store's shards, then checks and describes the store."""

import dataclasses
import datetime
import hashlib
import os
import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from yosinski_tf.data import decoding
from yosinski_tf.data.counting import counter
from yosinski_tf.data.embedded import embedded_images
from yosinski_tf.data.prepare import read_back, tfds_metadata, work_folder
from yosinski_tf.data.prepare.listing import Listing
from yosinski_tf.data.prepare.shards import ShardResult, ShardTask, StoreSettings
from yosinski_tf.data.store import format
from yosinski_tf.experiment import ilsvrc
from yosinski_tf.system import errors, versions
from yosinski_tf.system.files import write_array, write_atomically

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
) -> format.Store:
    """Writes labels, names, digests and metadata of finished shards.

    Returns:
      The store's description. `complete` adds to it and writes it.

    Raises:
      UserError: If all images of a class in one part, or all images of a file, cannot
        be read.
      OSError: If something cannot be written.
    """
    parts = {part: _write_part(folder, listing, part, made) for part in listing.parts}
    names = listing.class_names
    families = ilsvrc.families(names)
    if names == embedded_images.CLASS_NAMES:
        families = embedded_images.FAMILIES
    digests = [part.digest for part in parts.values()]
    store = format.Store(
        folder=folder,
        source=listing.source,
        image_size=settings.image_size,
        encoding=settings.encoding,
        quality=settings.quality,
        class_names=names,
        families=families,
        parts=parts,
        skipped=tuple(skipped),
        warnings=tuple(warnings),
        side_files={},
        fingerprint=format.fingerprint(settings.image_size, names, digests),
        versions=versions.installed(_PACKAGES),
        command=command,
        prepared_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        decoding_version=decoding.VERSION,
    )
    tfds_metadata.write(store)
    return store


def complete(
    store: format.Store, *, processes: int, report: Callable[[int, int], None]
) -> None:
    """Reads every record, sums the pixels, counts copies, writes the description.

    Raises:
      UserError: If a record is not what was written.
      OSError: If something cannot be written.
    """
    digests = read_back.image_digests(store)
    problems = list(
        read_back.problems_of(
            store,
            digests=digests,
            write_sums=True,
            processes=processes,
            advance=counter(report, store.num_images),
        )
    )
    if problems:
        raise errors.UserError(
            f"{len(problems)} record(s) do not read back as they were written, the"
            f" first: {problems[0]}: the disk or the memory is failing, delete"
            f" {store.folder.parent} and prepare on another machine"
        )
    files = [path for path in sorted(store.folder.rglob("*")) if path.is_file()]
    shards = {path for part in store.parts for path in store.shard_paths(part)}
    side = {
        path.relative_to(store.folder).as_posix(): file_digest(path)
        for path in files
        if path not in shards
    }
    for path in files:
        with open(path, "rb") as file:
            os.fsync(file.fileno())
    copies = read_back.count_copies(store, digests)
    store = dataclasses.replace(store, side_files=side, copies=copies)
    write_atomically(store.folder / format.DESCRIPTION_NAME, format.description(store))
    work_folder.sync_folder(store.folder)


def file_digest(path: pathlib.Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_part(
    folder: pathlib.Path,
    listing: Listing,
    part: str,
    made: Sequence[tuple[ShardTask, ShardResult]],
) -> format.StoredPart:
    labels, names, digests, lengths, num_bytes = [], [], [], [], 0
    for task, result in made:
        if task.images.part != part:
            continue
        skipped = {row for row, _ in result.skipped}
        kept = [row for row in range(len(task.images)) if row not in skipped]
        if not kept:
            raise errors.UserError(
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
        raise errors.UserError(
            f"no {part} image of class"
            f" {listing.class_names[int(np.argmin(counts))]!r} can be read: repair the"
            " source, or remove the class"
        )
    joined = b"".join(digests)
    rows = np.frombuffer(joined, np.uint8).reshape(-1, 32)
    text = b"".join(os.fsencode(name) + b"\n" for name in names)
    for name in ("labels", "digests", "file_names"):
        (folder / name).mkdir(exist_ok=True)
    write_array(folder / f"labels/{part}.npy", all_labels.astype(np.int32))
    write_array(folder / f"digests/{part}.npy", rows)
    write_atomically(folder / f"file_names/{part}.txt", text)
    digest = hashlib.sha256(joined).hexdigest()
    return format.StoredPart(part, tuple(lengths), num_bytes, digest)
