"""Reads everything in a store again and describes what is wrong with it."""

import hashlib
import pathlib
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from yosinski_tf.data.counting import counter
from yosinski_tf.data.prepare import read_back, side_files, tfds_metadata
from yosinski_tf.data.store import record_files
from yosinski_tf.data.store.format import Store, fingerprint, open_store
from yosinski_tf.system.errors import UserError


def verify(
    folder: pathlib.Path,
    *,
    processes: int,
    report: Callable[[int, int], None] | None = None,
    warn: Callable[[str], None] = lambda warning: None,
) -> Iterator[str]:
    """Reads every record and every other file of a store.

    Every record must be readable, have the SHA-256 that was stored when it was
    written, decode to an image of the right size and agree with the stored labels and
    names. The stored sum of every class must be the sum of its images. `report` is
    called with the number of records read and the total, and `warn` with what a whole
    store says about copies among its images.

    Yields:
      A sentence for each problem, with its place.

    Raises:
      UserError: If it is not a store, or its description cannot be read.
    """
    store = open_store(folder)
    digests = read_back.image_digests(store)
    whole = True
    for problem in _problems(store, digests, processes, report):
        whole = False
        yield problem
    if whole:
        for warning in read_back.count_copies(store, digests).warnings:
            warn(warning)


def _problems(
    store: Store,
    digests: Mapping[str, np.ndarray],
    processes: int,
    report: Callable[[int, int], None] | None,
) -> Iterator[str]:
    yield from _files(store)
    yield from _shards(store)
    try:
        yield from _tables(store)
        yield from read_back.problems_of(
            store,
            digests=digests,
            write_sums=False,
            processes=processes,
            advance=counter(report, store.num_images),
        )
    except UserError as error:
        yield str(error)
    yield from tfds_metadata.problems(store)


def _files(store: Store) -> Iterator[str]:
    for name, digest in store.side_files.items():
        path = store.folder / name
        if not path.is_file():
            yield f"{name} is missing"
        elif side_files.file_digest(path) != digest:
            yield f"{name} is not what was written: its SHA-256 differs"
    known = {path for part in store.parts for path in store.shard_paths(part)}
    for path in sorted(store.folder.glob("*array_record*")):
        if path not in known:
            yield f"{path.name} does not belong to the store"


def _shards(store: Store) -> Iterator[str]:
    for name, part in store.parts.items():
        for path, length in zip(
            store.shard_paths(name), part.shard_lengths, strict=True
        ):
            try:
                found = record_files.num_records(str(path))
            except record_files.DamagedFile as error:
                yield f"{path.name} cannot be opened: {error}"
                continue
            if found != length:
                yield f"{path.name} needs {length:,} records, found {found:,}"


def _tables(store: Store) -> Iterator[str]:
    classes = len(store.class_names)
    for name, part in store.parts.items():
        labels = np.asarray(store.labels(name))
        if (np.diff(labels, prepend=0, append=classes - 1) < 0).any():
            raise store.damaged(
                f"labels/{name}.npy needs ascending labels from 0 to {classes - 1}"
            )
        digest = hashlib.sha256(np.ascontiguousarray(store.digests(name))).hexdigest()
        if digest != part.digest:
            yield f"digests/{name}.npy does not have the digest of store.json"
    digests = [part.digest for part in store.parts.values()]
    if store.fingerprint != fingerprint(store.image_size, store.class_names, digests):
        yield "the fingerprint in store.json is not that of its content"
