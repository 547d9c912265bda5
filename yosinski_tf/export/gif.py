"""Decodes the first frame of GIF files inside a TensorFlow graph.

TensorFlow's own decoder makes transparent pixels black, and decodes all frames.
"""

import tensorflow as tf

from yosinski_tf.export.file_bytes import FileBytes

_HEADER = 13
_EXTENSION, _FRAME = 0x21, 0x2C
_TRAILER = b";"


def fills_its_screen(file: FileBytes) -> tf.Tensor:
    """Whether the first frame is as large as the whole picture, bool [].

    If there is no frame the answer is True.
    """
    frame = _first_frame(file)
    places = tf.stack([file.number(frame + 1 + 2 * i, 2) for i in range(4)])
    needed = tf.stack([0, 0, file.number(6, 2), file.number(8, 2)])
    return (frame >= file.length) | tf.reduce_all(places == needed)


def decode_gif(file: FileBytes) -> tf.Tensor:
    """Decodes the first frame; transparent pixels get their colour of the map.

    Returns:
      uint8 [height, width, 3], RGB.
    """
    frame = _first_frame(file)
    map_end = frame + 10 + _map_bytes(file, frame + 9)
    end = _after_blocks(file, map_end + 1)
    # Without its extensions, which say what is transparent.
    head = file.part(0, _HEADER + _map_bytes(file, 10))
    alone = tf.strings.join([head, file.part(frame, end), _TRAILER])
    return tf.io.decode_gif(alone)[0]


def _map_bytes(file: FileBytes, at: tf.Tensor | int) -> tf.Tensor:
    """Size of the colour map that a packed byte tells of."""
    packed = file.number(at, 1)
    return tf.where(packed >= 128, 3 * 2 ** ((packed & 7) + 1), 0)


def _after_blocks(file: FileBytes, at: tf.Tensor) -> tf.Tensor:
    """The place after a series of blocks, which an empty block ends."""

    def step(place, end):
        size = file.number(place, 1)
        following = place + 1 + size
        return tf.where(size == 0, file.length, following), following

    return file.walk(at, step, 0)[1]


def _first_frame(file: FileBytes) -> tf.Tensor:
    """The place of the first frame; behind the file if it has none."""

    def step(place, frame):
        is_extension = file.number(place, 1) == _EXTENSION
        is_frame = file.number(place, 1) == _FRAME
        following = tf.cond(
            is_extension,
            lambda: _after_blocks(file, place + 2),
            lambda: file.length,
        )
        return following, tf.where(is_frame, place, frame)

    first = _HEADER + _map_bytes(file, 10)
    frame = file.walk(first, step, -1)[1]
    return tf.where(frame < 0, file.length, frame)
