"""What a source of images holds, listed before an image is decoded.

A listing is columns, not objects: ImageNet has 1.3 million rows.
"""

import dataclasses
import hashlib
import os
from collections.abc import Callable

import numpy as np

from yosinski_tf.data.store import record_files, tf_example


@dataclasses.dataclass(frozen=True, eq=False)
class Files:
    """Images that are files of their own.

    Attributes:
      root: Folder that their names are relative to.
      names: Their paths below it.
      stamps: int64 [N, 2], size in bytes and time of change in nanoseconds.
    """

    root: str
    names: tuple[str, ...]
    stamps: np.ndarray

    def content(self, index: int) -> str:
        """The path of an image."""
        return os.path.join(self.root, self.names[index])

    def part(self, start: int, stop: int) -> "Files":
        """Some of them, in the same order."""
        return Files(self.root, self.names[start:stop], self.stamps[start:stop])


@dataclasses.dataclass(frozen=True, eq=False)
class Records:
    """Images that are records of files which TensorFlow Datasets prepared.

    Attributes:
      feature: Name of the image feature.
      paths: The files.
      tfrecord: Whether they are TFRecord; ArrayRecord otherwise.
      stamps: int64 [N, 4]: number of the file, number of the record in it (of
        its first byte for TFRecord), bytes of its data, time of change of the
        file in nanoseconds.
    """

    feature: str
    paths: tuple[str, ...]
    tfrecord: bool
    stamps: np.ndarray

    def content(self, index: int) -> bytes:
        """The encoded image of a record.

        Raises:
          record_files.DamagedFile: If the record cannot be read.
          ValueError: If it is no example, or has no image.
        """
        file, place, length, _ = self.stamps[index].tolist()
        path = self.paths[file]
        if self.tfrecord:
            record = record_files.read_tfrecord(path, place, length)
        else:
            record = record_files.read_records(path, [place])[0]
        image = tf_example.parse(record).get(self.feature)
        if not isinstance(image, bytes):
            raise ValueError(f"its record has no feature {self.feature!r}")
        return image

    def part(self, start: int, stop: int) -> "Records":
        """Some of them, in the same order."""
        return dataclasses.replace(self, stamps=self.stamps[start:stop])


@dataclasses.dataclass(frozen=True, eq=False)
class Images:
    """The images of one split, or some of them, in the order of the store.

    Attributes:
      split: `train` or `validation`.
      labels: int32 [N], class indices, ascending.
      file_names: What each image is called, unique in the split.
      place: Where they are.
    """

    split: str
    labels: np.ndarray
    file_names: tuple[str, ...]
    place: Files | Records

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, start: int, stop: int) -> "Images":
        """The images from one row up to another."""
        return Images(
            self.split,
            self.labels[start:stop],
            self.file_names[start:stop],
            self.place.part(start, stop),
        )

    def digest(self) -> str:
        """SHA-256 of names, labels, sizes and times of change, hexadecimal."""
        digest = hashlib.sha256(repr(self.file_names).encode())
        digest.update(np.ascontiguousarray(self.labels, "<i4"))
        digest.update(np.ascontiguousarray(self.place.stamps, "<i8"))
        return digest.hexdigest()


@dataclasses.dataclass(frozen=True, eq=False)
class Listing:
    """All of a source.

    Attributes:
      source: As given.
      class_names: Names in the order of the class index.
      splits: `train` and `validation`.
      promised: Number of images that the source itself states for a split, where
        it does.
      absent: Classes that the source names and has no image of in any split;
        they are not among the class names.
    """

    source: str
    class_names: tuple[str, ...]
    splits: dict[str, Images]
    promised: dict[str, int]
    absent: tuple[str, ...] = ()


# Told how many of how many records have been looked at.
Report = Callable[[int, int], None]


def list_files(
    split: str, root: str, labels: np.ndarray, names: tuple[str, ...]
) -> Images:
    """Images that are files, with their sizes and times of change.

    A file that is not there has the size -1: it is found again as an image that
    cannot be read.
    """
    stamps = np.full((len(names), 2), -1, np.int64)
    for row, name in enumerate(names):
        try:
            status = os.stat(os.path.join(root, name))
            stamps[row] = status.st_size, status.st_mtime_ns
        except OSError:
            continue
    return Images(split, labels, names, Files(root, names, stamps))
