"""The images of a prepared store, read when they are needed."""

import bisect
import itertools
from collections.abc import Iterable, Sequence

import numpy as np

from yosinski_tf.data import decoding
from yosinski_tf.data.store import format, record_files, tf_example
from yosinski_tf.system.errors import UserError


class StoredImages:
    """The images of a part of a store, in place of an array of shape [N, S, S, 3]."""

    def __init__(self, store: format.Store, part: str):
        self.store = store
        self.part = part
        size = store.image_size
        self.shape = (store.parts[part].num_images, size, size, 3)
        self._lengths = store.parts[part].shard_lengths
        self._paths = store.shard_paths(part)
        self._starts = [0, *itertools.accumulate(self._lengths)]
        # A file is opened when one of its records is first read.
        self._open_files = {}

    def read(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Reads encoded images; several threads may read at a time.

        Args:
          indices: Indices of records of the part, in any order.

        Returns:
          Object array of byte strings, one for each index: JPEG files, or with the
          encoding `raw` pixels row by row.

        Raises:
          UserError: If a record cannot be read.
        """
        found = np.empty(len(indices), object)
        for place, index in enumerate(np.asarray(indices).tolist()):
            file = bisect.bisect_right(self._starts, index) - 1
            row = index - self._starts[file]
            try:
                reader = self._open_files.get(file) or self._open(file)
                # One by one as a range: a list of many records is read by threads at
                # twice the cost, and a list of one costs a fifth more than a range.
                found[place] = tf_example.image_in(reader.read(row, row + 1)[0])
            except UserError:
                raise
            except (RuntimeError, ValueError, IndexError, OSError) as error:
                raise self._damaged(file, record_files.first_clause(error)) from None
        return found

    def pixel_sums(self, indices: np.ndarray) -> np.ndarray:
        """Sums some images exactly.

        For whole training classes, or the first N training images of all classes,
        no image is read: the store has these sums.

        Args:
          indices: Indices of different images of the part.

        Returns:
          int64 [S, S, 3].

        Raises:
          UserError: If the store is damaged.
        """
        indices = np.asarray(indices)
        if self.part == "train":
            labels = np.asarray(self.store.labels(self.part))
            counts = self.store.class_counts(self.part)
            chosen = np.bincount(labels[indices], minlength=len(counts))
            if ((chosen == 0) | (chosen == counts)).all():
                sums = self.store.class_sums()
                return self._sum(sums[index] for index in np.flatnonzero(chosen))
            limit = chosen.max(initial=0)
            starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
            ranks = indices - starts[labels[indices]]
            if (chosen == np.minimum(counts, limit)).all() and (ranks < limit).all():
                sums = self.store.rank_sums()
                if limit <= len(sums):
                    return self._sum(sums[:limit])
        return self._sum(self._pixels(index) for index in indices.tolist())

    def _sum(self, images: Iterable[np.ndarray]) -> np.ndarray:
        total = np.zeros(self.shape[1:], np.int64)
        for image in images:
            total += image
        return total

    def _pixels(self, index: int) -> np.ndarray:
        (image,) = self.read([index])
        if self.store.encoding == "raw":
            return np.frombuffer(image, np.uint8).reshape(self.shape[1:])
        return decoding.decode_image(image, f"{index} of {self.part}", self.shape[1])

    def _open(self, file: int):
        reader = record_files.open_array_record(str(self._paths[file]))
        if (count := reader.num_records()) != self._lengths[file]:
            raise self._damaged(
                file, f"needs {self._lengths[file]} records, found {count}"
            )
        self._open_files[file] = reader
        return reader

    def _damaged(self, file: int, reason: str) -> UserError:
        name = self._paths[file].name
        return self.store.damaged(f"{name} cannot be read ({reason})")
