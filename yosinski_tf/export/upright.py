"""Turns photographs upright by their EXIF orientation, inside a TensorFlow graph."""

import tensorflow as tf

from yosinski_tf.export.file_bytes import FileBytes

_EXIF = b"Exif\0\0"
_TAG = 0x0112
_BYTE, _SHORT, _LONG = 1, 3, 4


def exif_orientation(file: FileBytes, exif: tf.Tensor) -> tf.Tensor:
    """Reads the orientation of a block of EXIF data.

    Args:
      file: The file.
      exif: Place of the data in the file, int64 []; 0 if there are none.

    Returns:
      int32 [], 1 to 8; 1 if it is unknown.
    """
    start = tf.where(file.has(_EXIF, exif), exif + len(_EXIF), exif)
    big = file.has(b"MM\0*", start)

    def number(at, size):
        return tf.where(big, file.number(at, size, big=True), file.number(at, size))

    table = start + number(start + 4, 4)
    entries = table + 2 + 12 * tf.range(number(table, 2))
    kinds, values = number(entries + 2, 2), entries + 8
    read = tf.where(kinds == _SHORT, number(values, 2), 0)
    read = tf.where(kinds == _LONG, number(values, 4), read)
    read = tf.where(kinds == _BYTE, number(values, 1), read)
    found = tf.reduce_max(tf.where(number(entries, 2) == _TAG, read, 0))
    known = (exif > 0) & (big | file.has(b"II*\0", start))
    known &= (found >= 1) & (found <= 8)
    return tf.cast(tf.where(known, found, 1), tf.int32)


def upright(pixels: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turns or mirrors pixels [height, width, 3] of an orientation, int32 []."""

    def swapped(image):
        return tf.transpose(image, [1, 0, 2])

    turns = [
        lambda: pixels,
        lambda: pixels[:, ::-1],
        lambda: pixels[::-1, ::-1],
        lambda: pixels[::-1],
        lambda: swapped(pixels),
        lambda: swapped(pixels[::-1]),
        lambda: swapped(pixels[::-1, ::-1]),
        lambda: swapped(pixels[:, ::-1]),
    ]
    return tf.switch_case(orientation - 1, turns)
