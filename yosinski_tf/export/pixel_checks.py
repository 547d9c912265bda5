"""Refuses pixels of another range than they should have, in a TensorFlow graph."""

import tensorflow as tf

_UINT8_MESSAGE = (
    "images needs uint8 pixels from 0 to 255, found a black batch, or fractions or"
    " standardised numbers that TensorFlow cut to whole ones, as it does with NumPy"
    " arrays of other types: give an array of uint8, or numbers from 0 to 255 to the"
    " signature float_pixels"
)
_FLOAT_MESSAGE = (
    "pixels needs finite numbers from 0 to 255, most of them above 1, found other ones"
    " (such as fractions from 0 to 1): multiply fractions by 255 and undo any"
    " standardisation"
)
# Standardised pixels, (pixel - mean) / deviation, are hardly larger.
_LARGEST_STANDARDISED = 3


def check_uint8(images: tf.Tensor) -> tf.Operation:
    """Refuses a batch whose pixels look like small floats that were cut to uint8.

    Fractions become 0 and 1, and negative numbers, counted from 256 downwards, 254
    or 255. So a batch is refused if all its values are at most 3, or at least 253,
    unless it is of pure black and white with some white.

    Args:
      images: uint8 of any shape.

    Raises:
      tf.errors.InvalidArgumentError: If it is refused.
    """
    largest = _LARGEST_STANDARDISED
    small = tf.reduce_all((images <= largest) | (images >= 256 - largest))
    two_levels = tf.reduce_all((images == 0) | (images == 255))
    some_white = tf.reduce_any(images == 255)
    allowed = ~small | (two_levels & some_white) | (tf.size(images) == 0)
    return tf.debugging.Assert(allowed, [_UINT8_MESSAGE])


def check_float(pixels: tf.Tensor) -> tf.Operation:
    """Refuses pixels that are not from 0 to 255, or that are fractions from 0 to 1.

    Args:
      pixels: float32 of any shape.

    Raises:
      tf.errors.InvalidArgumentError: If a pixel is not finite or out of range, or the
        batch is not black but has no pixel above 1.
    """
    # Comparisons with NaN are false.
    inside = tf.reduce_all((pixels >= 0) & (pixels <= 255))
    fractions = tf.reduce_all(pixels <= 1) & tf.reduce_any(pixels > 0)
    return tf.debugging.Assert(inside & ~fractions, [_FLOAT_MESSAGE])
