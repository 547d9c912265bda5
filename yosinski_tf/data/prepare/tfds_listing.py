"""The records of a prepared TensorFlow Datasets folder, listed by class.

TensorFlow Datasets shuffles records when it prepares them, so they are read once
for their labels and names here, and a second time where they belong.
"""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Callable, Iterator

import numpy as np

from yosinski_tf.data.prepare.listing import Images, Listing, Records
from yosinski_tf.data.sources.tfds_folder import TfdsFolder
from yosinski_tf.data.store import record_files, tf_example
from yosinski_tf.data.store.format import SPLITS
from yosinski_tf.system.errors import UserError

_NAME_FEATURES = ("file_name", "filename", "image/filename")
# Records of an ArrayRecord file that are read at a time.
_BATCH = 64


def list_tfds(
    folder: TfdsFolder,
    work: pathlib.Path | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> Listing:
    """Lists a prepared data set.

    Images of a class are sorted by file name where the data set has such a
    feature, as ImageNet does, whose lists have that order; otherwise they keep
    the order in which they were prepared. Classes without any image are left out
    and the others numbered through.

    Args:
      folder: The data set.
      work: Where to keep the lists for the next time; None for nowhere.
      advance: Called with the number of records just read.

    Raises:
      UserError: If its files are damaged, or of a format without places.
    """
    format_name = folder.builder.info.file_format.value
    if format_name not in ("array_record", "tfrecord"):
        raise UserError(
            f"tfds:{folder.name} is stored as {format_name}: wanted array_record or"
            " tfrecord; prepare it as one of them"
        )
    splits, promised = {}, {}
    for split in SPLITS:
        name = {"train": "train", "validation": folder.validation_split}[split]
        info = folder.builder.info.splits[name]
        paths = tuple(os.fspath(path) for path in info.filepaths)
        promised[split] = info.num_examples
        try:
            times = [os.stat(path).st_mtime_ns for path in paths]
            sizes = [os.stat(path).st_size for path in paths]
        except OSError as error:
            raise folder.damaged(name, f"{error.filename} is not there") from None
        identity = repr((folder.image, folder.label, paths, times, sizes))
        key = hashlib.sha256(identity.encode()).hexdigest()
        kept = work / f"listing-{split}-{key[:16]}.npz" if work else None
        if kept and kept.is_file():
            with np.load(kept, allow_pickle=False) as arrays:
                columns = dict(arrays)
            advance(info.num_examples)
        else:
            columns = _read(folder, name, paths, advance)
            if kept:
                _keep(kept, columns)
        splits[split] = _images(folder, split, paths, times, columns)
    used = np.unique(np.concatenate([images.labels for images in splits.values()]))
    names = folder.class_names
    for split, images in splits.items():
        labels = np.searchsorted(used, images.labels).astype(np.int32)
        splits[split] = dataclasses.replace(images, labels=labels)
    return Listing(
        f"tfds:{folder.name}",
        tuple(names[label] for label in used.tolist()),
        splits,
        promised,
        tuple(name for label, name in enumerate(names) if label not in used),
    )


def _keep(path: pathlib.Path, columns: dict[str, np.ndarray]) -> None:
    temporary = path.with_name("listing.part.npz")
    np.savez(temporary, **columns)
    os.replace(temporary, path)


def _images(
    folder: TfdsFolder,
    split: str,
    paths: tuple[str, ...],
    times: list[int],
    columns: dict[str, np.ndarray],
) -> Images:
    labels, places = columns["labels"], columns["places"]
    wrong = labels[(labels < 0) | (labels >= len(folder.class_names))]
    if wrong.size:
        raise UserError(
            f"tfds:{folder.name} has the label {wrong[0]} in split {split}: wanted 0"
            f" to {len(folder.class_names) - 1}; it has images without a class,"
            " choose another data set"
        )
    # Names of any bytes, each ended by a NUL.
    names = columns["names"].tobytes().split(b"\0")[:-1]
    if names:
        rows = range(len(labels))
        order = np.array(sorted(rows, key=lambda row: (labels[row], names[row])))
        file_names = tuple(os.fsdecode(names[i]) for i in order)
    else:
        order = np.argsort(labels, kind="stable")
        file_names = tuple(f"{split}/{i}" for i in order.tolist())
    stamps = np.column_stack([places, np.array(times, np.int64)[places[:, 0]]])
    tfrecord = folder.builder.info.file_format.value == "tfrecord"
    place = Records(folder.image, paths, tfrecord, stamps[order])
    return Images(split, labels[order], file_names, place)


def _read(
    folder: TfdsFolder, split: str, paths: tuple[str, ...], advance: Callable
) -> dict[str, np.ndarray]:
    """Labels, places and names of all records, in the order they are stored in."""
    info = folder.builder.info
    lengths = info.splits[split].shard_lengths
    named = next((n for n in _NAME_FEATURES if n in info.features), None)
    tfrecord = info.file_format.value == "tfrecord"
    labels, places, names = [], [], []
    for file, path in enumerate(paths):
        records = _tfrecords(path) if tfrecord else _array_records(path)
        found = 0
        try:
            for place, record in records:
                example = tf_example.parse(record)
                labels.append(int(example[folder.label]))
                places.append((file, place, len(record)))
                if named:
                    names.append(example[named])
                found += 1
                if found % _BATCH == 0:
                    advance(_BATCH)
        except (record_files.DamagedFile, ValueError, KeyError, TypeError) as error:
            raise folder.damaged(split, f"{path}: {error}") from None
        advance(found % _BATCH)
        if found != lengths[file]:
            what = f"{path} has {found} of {lengths[file]} records"
            raise folder.damaged(split, what)
    joined = b"".join(name + b"\0" for name in names)
    return {
        "labels": np.array(labels, np.int32),
        "places": np.array(places, np.int64).reshape(-1, 3),
        "names": np.frombuffer(joined, np.uint8),
    }


def _array_records(path: str) -> Iterator[tuple[int, bytes]]:
    count = record_files.num_records(path)
    for start in range(0, count, _BATCH):
        batch = range(start, min(start + _BATCH, count))
        yield from zip(batch, record_files.read_records(path, batch), strict=True)


def _tfrecords(path: str) -> Iterator[tuple[int, bytes]]:
    # TensorFlow's own reader, since it verifies checksums.
    import tensorflow as tf

    offset = 0
    try:
        for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
            yield offset, record
            offset += len(record) + record_files.TFRECORD_OVERHEAD
    except tf.errors.OpError as error:
        raise record_files.DamagedFile(type(error).__name__) from None
