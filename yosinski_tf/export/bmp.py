"""Decodes BMP files inside a TensorFlow graph.

TensorFlow's own decoder ignores the colour map.
"""

import tensorflow as tf

from yosinski_tf.export.file_bytes import FileBytes

_DEPTHS = (1, 4, 8, 16, 24, 32)
_OS2_HEADER = 12
_PLAIN, _MASKS = 0, 3
# Red, green and blue of pixels without masks, by their bits.
_MASKS_16 = (0x7C00, 0x3E0, 0x1F)
_MASKS_32 = (0xFF0000, 0xFF00, 0xFF)
_MASKS_AT = 54
_COLOURS = 256


def is_plain(file: FileBytes) -> tf.Tensor:
    """Whether `decode_bmp` can decode it: it is not compressed, bool []."""
    depth, compression = _depth(file), _compression(file)
    known = tf.reduce_any(depth == _DEPTHS)
    wide = (depth == 16) | (depth == 32)
    return known & ((compression == _PLAIN) | (wide & (compression == _MASKS)))


def decode_bmp(file: FileBytes) -> tf.Tensor:
    """Decodes a file of 1, 4, 8, 16, 24 or 32 bits a pixel, with or without masks.

    Returns:
      uint8 [height, width, 3], RGB.
    """
    old = _is_os2(file)
    width = tf.where(old, file.number(18, 2), file.number(18, 4))
    height = tf.where(old, file.number(20, 2), _signed(file.number(22, 4)))
    depth = _depth(file)
    row = (width * depth + 31) // 32 * 4
    start = file.number(10, 4)
    body = file.content[start : tf.minimum(start + row * abs(height), file.length)]
    rows = tf.cast(tf.reshape(body, [abs(height), row]), tf.int64)
    pixels = tf.case(
        [
            (depth <= 8, lambda: _mapped(file, rows, width, depth)),
            (depth == 24, lambda: _triples(rows, width)),
        ],
        default=lambda: _masked(file, rows, width, depth),
    )
    return tf.cond(height > 0, lambda: pixels[::-1], lambda: pixels)


def _is_os2(file: FileBytes) -> tf.Tensor:
    return file.number(14, 4) == _OS2_HEADER


def _depth(file: FileBytes) -> tf.Tensor:
    return tf.where(_is_os2(file), file.number(24, 2), file.number(28, 2))


def _compression(file: FileBytes) -> tf.Tensor:
    return tf.where(_is_os2(file), tf.constant(0, tf.int64), file.number(30, 4))


def _signed(number: tf.Tensor) -> tf.Tensor:
    return tf.where(number < 2**31, number, number - 2**32)


def _mapped(file: FileBytes, rows: tf.Tensor, width, depth) -> tf.Tensor:
    # The first pixel of a byte has its highest bits.
    ones = 2 ** tf.range(8 - depth, -1, -depth)
    indices = rows[:, :, None] // ones & (2**depth - 1)
    indices = tf.reshape(indices, [tf.shape(rows)[0], -1])[:, :width]
    old = _is_os2(file)
    entry = tf.where(old, tf.constant(3, tf.int64), 4)
    named = tf.where(old, tf.constant(0, tf.int64), file.number(46, 4))
    colours = tf.where(named == 0, 2**depth, named)
    start = 14 + file.number(14, 4)
    index = tf.range(_COLOURS, dtype=tf.int64)
    places = (start + index * entry)[:, None] + [2, 1, 0]
    table = tf.where((index < colours)[:, None], file.number(places, 1), 0)
    return tf.cast(tf.gather(table, indices), tf.uint8)


def _triples(rows: tf.Tensor, width) -> tf.Tensor:
    pixels = tf.reshape(rows[:, : 3 * width], [tf.shape(rows)[0], -1, 3])
    return tf.cast(pixels[:, :, ::-1], tf.uint8)


def _masked(file: FileBytes, rows: tf.Tensor, width, depth) -> tf.Tensor:
    size = depth // 8
    count = tf.cast(tf.shape(rows)[0], tf.int64)
    pixels = tf.reshape(rows[:, : size * width], [count, width, size])
    numbers = tf.reduce_sum(pixels * 256 ** tf.range(size), axis=2, keepdims=True)
    masks = tf.where(depth == 16, tf.constant(_MASKS_16, tf.int64), _MASKS_32)
    given = file.number(tf.constant([0, 4, 8]) + _MASKS_AT, 4)
    masks = tf.where(_compression(file) == _MASKS, given, masks)
    lowest = tf.maximum(masks & -masks, 1)
    values, most = (numbers & masks) // lowest, tf.maximum(masks // lowest, 1)
    return tf.cast(values * 255 // most, tf.uint8)
