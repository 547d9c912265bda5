"""The images of a source, listed before any is decoded.

A listing holds columns instead of objects: ImageNet has 1.3 million rows.
"""

import contextlib
import dataclasses
import hashlib
import os

import numpy as np

from yosinski_tf.data.store import record_files, tf_example


@dataclasses.dataclass(frozen=True, eq=False)
class ImageFiles:
    """Images that are files below the folder `root`, an absolute path.

    Their stamps are those of `list_files`.
    """

    root: str

    def path(self, name: str, stamp: np.ndarray) -> str:
        """The file of an image."""
        return os.path.join(self.root, name)

    content = path


@dataclasses.dataclass(frozen=True, eq=False)
class ImageRecords:
    """Images that are records in files of TensorFlow Datasets.

    An image's stamp is the index of its file, its position in it (for TFRecord its
    first byte), bytes of its data, and the file's time of change in nanoseconds.

    Attributes:
      feature: Name of the image feature.
      paths: The files, absolute paths.
      tfrecord: Whether they are TFRecord files; ArrayRecord otherwise.
    """

    feature: str
    paths: tuple[str, ...]
    tfrecord: bool

    def path(self, name: str, stamp: np.ndarray) -> str:
        """The file that has an image."""
        return self.paths[stamp[0]]

    def content(self, name: str, stamp: np.ndarray) -> bytes:
        """Reads an encoded image.

        Raises:
          record_files.DamagedFile: If the record cannot be read.
          ValueError: If it is not an example with the image feature.
        """
        file, place, length, _ = stamp.tolist()
        path = self.paths[file]
        if self.tfrecord:
            record = record_files.read_tfrecord(path, place, length)
        else:
            record = record_files.read_records(path, [place])[0]
        image = tf_example.parse(record).get(self.feature)
        if not isinstance(image, bytes):
            raise ValueError(f"its record has no feature {self.feature!r}")
        return image


@dataclasses.dataclass(frozen=True, eq=False)
class ListedImages:
    """Images of one part, in the order of the store.

    Attributes:
      part: `train` or `validation`.
      labels: int32 [N], class indices, ascending.
      file_names: Name of each image, unique within the part.
      stamps: int64 [N, ...], state and place of each image.
      origin: Reads the images.
    """

    part: str
    labels: np.ndarray
    file_names: tuple[str, ...]
    stamps: np.ndarray
    origin: ImageFiles | ImageRecords

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, start: int, stop: int) -> "ListedImages":
        """The images of the rows from `start` to `stop` - 1."""
        return dataclasses.replace(
            self,
            labels=self.labels[start:stop],
            file_names=self.file_names[start:stop],
            stamps=self.stamps[start:stop],
        )

    def digest(self) -> str:
        """SHA-256 of names, labels, sizes and times of change, hexadecimal."""
        digest = hashlib.sha256(repr(self.file_names).encode())
        digest.update(np.ascontiguousarray(self.labels, "<i4"))
        digest.update(np.ascontiguousarray(self.stamps, "<i8"))
        return digest.hexdigest()


@dataclasses.dataclass(frozen=True, eq=False)
class Listing:
    """All images of a source.

    Attributes:
      source: The source as given.
      class_names: Names in the order of the class index.
      parts: `train` and `validation`, by name.
      promised: Number of images that the source itself states, by part.
      absent: Classes that the source names but has no images of. They are not among
        the class names.
    """

    source: str
    class_names: tuple[str, ...]
    parts: dict[str, ListedImages]
    promised: dict[str, int] = dataclasses.field(default_factory=dict)
    absent: tuple[str, ...] = ()


def list_files(
    part: str, root: str, labels: np.ndarray, names: tuple[str, ...]
) -> ListedImages:
    """Lists images that are files, with their sizes and times of change (ns).

    A missing file gets the size -1; it is reported later as an unreadable image.
    """
    stamps = np.full((len(names), 2), -1, np.int64)
    for row, name in enumerate(names):
        with contextlib.suppress(OSError):
            status = os.stat(os.path.join(root, name))
            stamps[row] = status.st_size, status.st_mtime_ns
    return ListedImages(
        part=part,
        labels=labels,
        file_names=names,
        stamps=stamps,
        origin=ImageFiles(os.path.abspath(root)),
    )
