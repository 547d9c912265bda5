"""The images of a prepared store, read when they are asked for."""

import bisect
import itertools
import os
from collections.abc import Sequence

import numpy as np
from array_record.python import array_record_module

from yosinski_tf.data import decoding
from yosinski_tf.data.store import tf_example
from yosinski_tf.data.store.format import Store
from yosinski_tf.data.store.record_files import first_clause
from yosinski_tf.system.errors import UserError

# Every record is read alone: nothing is read ahead, no thread is started.
_OPTIONS = "readahead_buffer_size:0,max_parallelism:0"
_BUFFER = 32768


class StoredImages:
    """One part of a store, in place of an array of its images.

    Attributes:
      store: The store.
      split: `train` or `validation`.
      shape: [N, S, S, 3], as of the array that would hold them.
    """

    def __init__(self, store: Store, split: str):
        self.store = store
        self.split = split
        size = store.image_size
        self.shape = (store.splits[split].num_images, size, size, 3)
        self._lengths = store.splits[split].shard_lengths
        self._ends = list(itertools.accumulate(self._lengths))
        self._paths = store.shard_paths(split)
        # A file is opened when a record of it is first asked for.
        self._readers: dict[int, array_record_module.ArrayRecordReader] = {}

    def read(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Encoded images; several threads may read.

        Args:
          indices: Which of the part's records, in any order.

        Returns:
          Object array of byte strings, one for each index: JPEG files, or the
          pixels themselves, row by row.

        Raises:
          UserError: If a record cannot be read.
        """
        found = np.empty(len(indices), object)
        for place, index in enumerate(np.asarray(indices).tolist()):
            file = bisect.bisect_right(self._ends, index)
            row = index - self._ends[file] + self._lengths[file]
            try:
                reader = self._readers.get(file) or self._open(file)
                # One by one: a list of many is read by threads, at twice the cost,
                # and a list of one costs a fifth more than a range.
                found[place] = tf_example.image_in(reader.read(row, row + 1)[0])
            except (RuntimeError, ValueError, IndexError, OSError) as error:
                raise self._damaged(file, first_clause(error)) from None
        return found

    def pixel_sums(self, indices: np.ndarray) -> np.ndarray:
        """Sum of some images, exactly.

        Of whole classes, or of the first N images of all classes, no image is
        read: their sums are in the store.

        Args:
          indices: Which of the part's images, each once.

        Returns:
          int64 [S, S, 3].

        Raises:
          UserError: If the store is damaged.
        """
        labels = np.asarray(self.store.labels(self.split))
        counts = self.store.class_counts(self.split)
        chosen = np.bincount(labels[indices], minlength=len(counts))
        total = np.zeros(self.shape[1:], np.int64)
        if self.split == "train" and ((chosen == 0) | (chosen == counts)).all():
            sums = self.store.class_sums()
            for index in np.flatnonzero(chosen):
                total += sums[index]
            return total
        limit = chosen.max(initial=0)
        starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
        ranks = np.asarray(indices) - starts[labels[indices]]
        first = (chosen == np.minimum(counts, limit)).all() and (ranks < limit).all()
        if self.split == "train" and first:
            sums = self.store.rank_sums()
            if limit <= len(sums):
                for rank in range(limit):
                    total += sums[rank]
                return total
        for index in np.asarray(indices).tolist():
            total += self._pixels(index)
        return total

    def _pixels(self, index: int) -> np.ndarray:
        (image,) = self.read([index])
        if self.store.encoding == "raw":
            return np.frombuffer(image, np.uint8).reshape(self.shape[1:])
        return decoding.decode_image(image, f"{index} of {self.split}", self.shape[1])

    def _open(self, file: int) -> array_record_module.ArrayRecordReader:
        reader = array_record_module.ArrayRecordReader(
            os.fspath(self._paths[file]),
            options=_OPTIONS,
            file_reader_buffer_size=_BUFFER,
        )
        if reader.num_records() != self._lengths[file]:
            raise self._damaged(
                file, f"{reader.num_records()} of {self._lengths[file]} records"
            )
        self._readers[file] = reader
        return reader

    def _damaged(self, file: int, reason: str) -> UserError:
        folder = self.store.folder
        return UserError(
            f"store {folder} is damaged, {self._paths[file].name} cannot be read"
            f" ({reason}): see `yosinski-prepare --verify={folder}`, then copy it"
            " again or prepare it again"
        )
