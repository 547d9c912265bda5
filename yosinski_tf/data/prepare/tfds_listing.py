"""The records of a prepared TensorFlow Datasets data set, listed by class.

TensorFlow Datasets shuffles records when it prepares them. So they are read once here
for their labels and names, and again when they are stored in their order.
"""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Callable, Iterator

import numpy as np

from yosinski_tf.data.prepare.listing import ImageRecords, ListedImages, Listing
from yosinski_tf.data.sources.image_set import check_label_range
from yosinski_tf.data.sources.tfds_folder import TfdsFolder
from yosinski_tf.data.store import format, record_files, tf_example
from yosinski_tf.system.errors import UserError

_NAME_FEATURES = ("file_name", "filename", "image/filename")
# Records of an ArrayRecord file that are read at a time.
_BATCH = 64


def list_tfds(
    folder: TfdsFolder,
    notes: pathlib.Path | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> Listing:
    """Lists a prepared data set.

    Images of a class are sorted by file name if the data set has such a feature, as
    ImageNet has; this is the order of ImageNet's own lists. Otherwise they keep the
    order in which they were prepared. Classes without images are left out and the
    other classes are renumbered.

    The lists are kept in the folder `notes`, if it is given, for the next time.

    Raises:
      UserError: If its files are damaged, or are neither TFRecord nor ArrayRecord.
    """
    format_name = folder.builder.info.file_format.value
    if format_name not in ("array_record", "tfrecord"):
        raise UserError(
            f"tfds:{folder.name} needs files of array_record or tfrecord, found"
            f" {format_name}: prepare it in one of these formats"
        )
    parts, promised = {}, {}
    for part in format.PARTS:
        split = folder.split(part)
        info = folder.builder.info.splits[split]
        paths = tuple(os.path.abspath(path) for path in info.filepaths)
        promised[part] = info.num_examples
        try:
            times = [os.stat(path).st_mtime_ns for path in paths]
            sizes = [os.stat(path).st_size for path in paths]
        except OSError as error:
            raise folder.damaged(split, f"no file {error.filename}") from None
        identity = repr((folder.image, folder.label, paths, times, sizes))
        key = hashlib.sha256(identity.encode()).hexdigest()
        kept = notes / f"listing-{part}-{key[:16]}.npz" if notes else None
        if kept and kept.is_file():
            with np.load(kept, allow_pickle=False) as arrays:
                columns = dict(arrays)
            advance(info.num_examples)
        else:
            columns = _read(folder, split, paths, advance)
            if kept:
                temporary = kept.with_name("listing.part.npz")
                np.savez(temporary, **columns)
                os.replace(temporary, kept)
        parts[part] = _images(folder, part, paths, times, columns)
    used = np.unique(np.concatenate([images.labels for images in parts.values()]))
    names = folder.class_names
    for part, images in parts.items():
        labels = np.searchsorted(used, images.labels).astype(np.int32)
        parts[part] = dataclasses.replace(images, labels=labels)
    return Listing(
        source=f"tfds:{folder.name}",
        class_names=tuple(names[label] for label in used.tolist()),
        parts=parts,
        promised=promised,
        absent=tuple(name for label, name in enumerate(names) if label not in used),
    )


def _images(
    folder: TfdsFolder,
    part: str,
    paths: tuple[str, ...],
    times: list[int],
    columns: dict[str, np.ndarray],
) -> ListedImages:
    labels, places = columns["labels"], columns["places"]
    check_label_range(f"tfds:{folder.name}", part, labels, len(folder.class_names))
    # Names are any bytes, each followed by a NUL.
    names = columns["names"].tobytes().split(b"\0")[:-1]
    if names:
        rows = range(len(labels))
        order = np.array(sorted(rows, key=lambda row: (labels[row], names[row])))
        file_names = tuple(os.fsdecode(names[i]) for i in order)
    else:
        order = np.argsort(labels, kind="stable")
        file_names = tuple(f"{part}/{i}" for i in order.tolist())
    stamps = np.column_stack([places, np.array(times, np.int64)[places[:, 0]]])
    tfrecord = folder.builder.info.file_format.value == "tfrecord"
    return ListedImages(
        part=part,
        labels=labels[order],
        file_names=file_names,
        stamps=stamps[order],
        origin=ImageRecords(folder.image, paths, tfrecord),
    )


def _read(
    folder: TfdsFolder, split: str, paths: tuple[str, ...], advance: Callable
) -> dict[str, np.ndarray]:
    """Labels, places and names of all records, in their stored order."""
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
            what = f"{path} needs {lengths[file]} records, found {found}"
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
    # TensorFlow's own reader, because it verifies checksums.
    import tensorflow as tf

    offset = 0
    try:
        for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
            yield offset, record
            offset += len(record) + record_files.TFRECORD_OVERHEAD
    except tf.errors.OpError as error:
        raise record_files.DamagedFile(type(error).__name__) from None
