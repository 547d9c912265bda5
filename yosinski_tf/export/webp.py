"""Decodes WebP files, of animations the first frame, inside a TensorFlow graph.

Animations must not reach TensorFlow 2.21's own decoder: asked for other channels than
the file has, it corrupts memory.
"""

import tensorflow as tf

from yosinski_tf.export.file_bytes import FileBytes

_FIRST_CHUNK = 12
_ANIMATION, _EXIF = 2, 8
_CHARACTERS = [bytes([code]) for code in range(256)]


def fills_its_canvas(file: FileBytes) -> tf.Tensor:
    """Whether `decode_webp` can decode it, bool [].

    Of an animation this is whether the first frame is as large as the whole.
    """
    frame = _first_frame(file)
    place = [file.number(frame + at, 3) for at in (8, 11, 14, 17)]
    needed = [0, 0, file.number(24, 3), file.number(27, 3)]
    whole = tf.reduce_all(tf.stack(place) == tf.stack(needed))
    # Other chunks could make it an animation again.
    known = [file.has(name, frame + 24) for name in (b"VP8 ", b"VP8L", b"ALPH")]
    return ~_is_animated(file) | ((frame > 0) & whole & tf.reduce_any(known))


def decode_webp(file: FileBytes) -> tf.Tensor:
    """Decodes a file, or the first frame of an animation.

    Returns:
      uint8 [height, width, 3], RGB; alpha is dropped.
    """
    still = tf.cond(_is_animated(file), lambda: _still(file), lambda: file.data)
    # With alpha there are four channels, whatever is asked for.
    pixels = tf.io.decode_image(still, channels=0, expand_animations=False)
    return tf.ensure_shape(pixels, [None, None, None])[:, :, :3]


def exif_place(file: FileBytes) -> tf.Tensor:
    """The place of a file's EXIF data, int64 []; 0 if it has none."""
    place = _first_chunk(file, b"EXIF")
    return tf.where((place > 0) & (_flags(file) & _EXIF > 0), place + 8, 0)


def _is_animated(file: FileBytes) -> tf.Tensor:
    return (_flags(file) & _ANIMATION > 0) | (_first_frame(file) > 0)


def _flags(file: FileBytes) -> tf.Tensor:
    return tf.where(file.has(b"VP8X", _FIRST_CHUNK), file.number(20, 1), 0)


def _first_frame(file: FileBytes) -> tf.Tensor:
    return _first_chunk(file, b"ANMF")


def _first_chunk(file: FileBytes, name: bytes) -> tf.Tensor:
    """The place of the first chunk of a name, 0 if there is none."""

    def step(place, found):
        size = file.number(place + 4, 4)
        is_first = file.has(name, place) & (found == 0)
        return place + 8 + size + (size & 1), tf.where(is_first, place, found)

    return file.walk(_FIRST_CHUNK, step, 0)[1]


def _still(file: FileBytes) -> tf.Tensor:
    """The content of a file with the first frame of an animation alone."""
    frame = _first_frame(file)
    picture = file.part(frame + 24, frame + 8 + file.number(frame + 4, 4))
    # Its alpha is a chunk of its own, which only the extended form has.
    extended = tf.strings.join([b"VP8X\x0a\0\0\0\x10\0\0\0", file.part(24, 30)])
    extended = tf.where(file.has(b"ALPH", frame + 24), extended, "")
    body = tf.strings.join([b"WEBP", extended, picture])
    size = tf.strings.length(body) // [1, 256, 65536, 16777216] % 256
    written = tf.strings.reduce_join(tf.gather(_CHARACTERS, size))
    return tf.strings.join([b"RIFF", written, body])
