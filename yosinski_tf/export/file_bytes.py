"""Reads single bytes, numbers and blocks of a file inside a TensorFlow graph."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

# Places just behind the end can be read too: they are 0.
_PADDING = b"\0"


@dataclasses.dataclass(frozen=True, eq=False)
class FileBytes:
    """The content of a file; behind its end it is 0.

    Attributes:
      data: string [], the content.
      content: uint8 [length + 1], the same as numbers, and a 0.
      length: int64 [].
    """

    data: tf.Tensor
    content: tf.Tensor
    length: tf.Tensor

    @classmethod
    def of(cls, data: tf.Tensor) -> "FileBytes":
        """Takes the content of a file, string []."""
        content = tf.io.decode_raw(data + _PADDING, tf.uint8)
        return cls(data, content, tf.cast(tf.strings.length(data), tf.int64))

    def number(self, at: tf.Tensor | int, size: int, big: bool = False) -> tf.Tensor:
        """Reads unsigned numbers.

        Args:
          at: Places of their first bytes, at least 0, of any shape.
          size: Bytes of each number, 1 to 4.
          big: Whether the most significant byte comes first.

        Returns:
          int64, of the shape of `at`.
        """
        powers = [256**power for power in range(size)]
        values = tf.cast(self._bytes(at, size), tf.int64)
        return tf.reduce_sum(values * (powers[::-1] if big else powers), axis=-1)

    def has(self, text: bytes, at: tf.Tensor | int) -> tf.Tensor:
        """Whether a text stands at a place, bool []."""
        return tf.reduce_all(self._bytes(at, len(text)) == list(text))

    def part(self, start: tf.Tensor | int, stop: tf.Tensor | int) -> tf.Tensor:
        """The bytes of a part as a string []; shorter if the file ends before."""
        start, stop = (
            tf.cast(tf.minimum(tf.cast(place, tf.int64), self.length), tf.int32)
            for place in (start, stop)
        )
        return tf.strings.substr(self.data, start, tf.maximum(stop - start, 0))

    def walk(
        self,
        first: tf.Tensor | int,
        step: Callable[..., tuple[tf.Tensor, ...]],
        *notes: int,
    ) -> list[tf.Tensor]:
        """Goes through a file block by block.

        Args:
          first: Place of the first block.
          step: Takes the place of a block and the notes so far; returns the place of
            the next block, and the notes. It ends with a place behind the file.
          *notes: Numbers to begin with.

        Returns:
          int64 [] each: the last place, and the last notes.
        """
        state = [tf.cast(value, tf.int64) for value in (first, *notes)]
        return tf.while_loop(
            lambda place, *_: place < self.length,
            lambda place, *rest: [tf.cast(v, tf.int64) for v in step(place, *rest)],
            state,
        )

    def _bytes(self, at: tf.Tensor | int, size: int) -> tf.Tensor:
        """uint8 [..., size], the bytes from each place on."""
        places = tf.expand_dims(tf.cast(at, tf.int64), -1) + list(range(size))
        return tf.gather(self.content, tf.minimum(places, self.length))
