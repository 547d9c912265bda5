"""Everything in a store read again, and what is wrong with it."""

import hashlib
import pathlib
from collections.abc import Callable, Iterator

import numpy as np

from yosinski_tf.data.prepare import read_back, tfds_metadata
from yosinski_tf.data.prepare.side_files import file_digest
from yosinski_tf.data.store import record_files
from yosinski_tf.data.store.format import Store, fingerprint, open_store
from yosinski_tf.system.errors import UserError


def verify(
    folder: pathlib.Path,
    *,
    processes: int,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[str]:
    """Reads every record and every other file of a store.

    Every record must be readable, have the SHA-256 that was stored when it was
    written, decode to an image of the right size and agree with the labels and
    names beside it; the sums of every class must be those of its images.

    Args:
      folder: The store.
      processes: How many read side by side.
      report: Told how many of how many records are read.

    Yields:
      A sentence for each problem, with its place; none if all is well.

    Raises:
      UserError: If it is no store, or its description cannot be read.
    """
    store = open_store(folder)
    yield from _files(store)
    yield from _shards(store)
    try:
        yield from _tables(store)
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            report(done, store.num_images)

        yield from read_back.problems_of(
            store, write_sums=False, processes=processes, advance=advance
        )
    except UserError as error:
        yield str(error)
    yield from tfds_metadata.problems(store)


def _files(store: Store) -> Iterator[str]:
    for name, digest in store.side_files.items():
        path = store.folder / name
        if not path.is_file():
            yield f"{name} is not there"
        elif file_digest(path) != digest:
            yield f"{name} is not what was written: its SHA-256 is another"
    known = {path for split in store.splits for path in store.shard_paths(split)}
    for path in sorted(store.folder.glob("*array_record*")):
        if path not in known:
            yield f"{path.name} does not belong to the store"


def _shards(store: Store) -> Iterator[str]:
    for name, split in store.splits.items():
        for path, length in zip(
            store.shard_paths(name), split.shard_lengths, strict=True
        ):
            try:
                found = record_files.num_records(str(path))
            except record_files.DamagedFile as error:
                yield f"{path.name} cannot be opened: {error}"
                continue
            if found != length:
                yield f"{path.name} has {found:,} records, wanted {length:,}"


def _tables(store: Store) -> Iterator[str]:
    classes = len(store.class_names)
    for split in store.splits:
        labels = np.asarray(store.labels(split))
        if (np.diff(labels) < 0).any():
            row = int(np.argmax(np.diff(labels) < 0)) + 1
            yield f"labels/{split}.npy is not ordered by class at record {row}"
        if labels.min() < 0 or labels.max() >= classes:
            yield f"labels/{split}.npy has labels that are not 0 to {classes - 1}"
        digest = hashlib.sha256(np.ascontiguousarray(store.digests(split))).hexdigest()
        if digest != store.splits[split].digest:
            yield f"digests/{split}.npy is not that of store.json"
    digests = [split.digest for split in store.splits.values()]
    made = fingerprint(store.image_size, store.class_names, digests)
    if made != store.fingerprint:
        yield "the fingerprint in store.json is not that of its content"
