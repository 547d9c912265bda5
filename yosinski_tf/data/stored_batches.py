"""Batches from a store: read, decoded, cropped and mirrored as they are needed.

Places in the stateless order become indices, indices records, and the records of
a whole batch the batch itself; every stage says why it stands where it stands.
"""

import ctypes
import re

import numpy as np
import tensorflow as tf

from yosinski_tf.data.batch_map import map_batch
from yosinski_tf.data.order import Order
from yosinski_tf.data.stored_images import StoredImages
from yosinski_tf.errors import UserError

# Batches that are read and that are decoded at a time, so that no thread is idle when
# one of them ends; two more are ready.
_AT_A_TIME = 2
# Options of glibc's mallopt and what they are set to.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT, _LARGEST = 2**30, 2**25


def training_batches(
    images: StoredImages,
    indices: np.ndarray,
    labels: np.ndarray,
    order: Order,
    *,
    batch_size: int,
    crop_size: int,
    first_step: int,
    last_step: int,
    places: bool,
) -> tf.data.Dataset:
    """Training batches, see `pipeline.training_batches`.

    Args:
      images: What the indices point into.
      indices: int64 [part], the half's images.
      labels: int32 [part], their classes within the half.
      order: The order of the part.
      batch_size: Images per batch.
      crop_size: Side of the crop, pixels.
      first_step: Number of the first batch.
      last_step: Number after the last batch.
      places: Whether to tell where the crops were taken.
    """
    indices, labels = _on_host(indices, labels)

    def drawn(number):
        chosen, top, left, flip = order.draw(number)
        found = tf.gather(indices, chosen), tf.gather(labels, chosen)
        place = tf.cast(tf.stack([top, left, tf.cast(flip, top.dtype)], 1), tf.int32)
        return *found, place

    numbers = _numbers(first_step * batch_size, last_step * batch_size, batch_size)
    examples = _examples(images, numbers.map(drawn))
    return _ahead(_crops(images, examples, crop_size, order.mirror, places))


def validation_batches(
    images: StoredImages,
    indices: np.ndarray,
    labels: np.ndarray,
    *,
    batch_size: int,
    crop_size: int,
    places: bool,
) -> tf.data.Dataset:
    """Central crops of every image once, see `pipeline.validation_batches`."""
    count = len(indices)
    indices, labels = _on_host(indices, labels)
    margin = (images.shape[1] - crop_size) // 2

    def central(number):
        place = tf.repeat([[margin, margin, 0]], tf.size(number), axis=0)
        found = tf.gather(indices, number), tf.gather(labels, number)
        return *found, place

    examples = _examples(images, _numbers(0, count, batch_size).map(central))
    return _ahead(_crops(images, examples, crop_size, False, places))


def decoded_windows(places: tf.Tensor, size: int, side: int) -> tf.Tensor:
    """What is decoded of each image for a crop: its rows, from their beginning.

    A decoder told to begin within a row makes it elsewhere and copies it from there.
    libjpeg-turbo writes that row past the processor's caches where it is aligned,
    which makes decoding a seventh dearer. At both ends it also finds other colours
    than in the whole image, by another interpolation, which is why one column more
    is decoded.

    Args:
      places: Top row and left column of the crops, int32 [count, 2 or more].
      size: Side of a crop, pixels.
      side: Side of an image, pixels.

    Returns:
      Top row, left column, height and width, int32 [count, 4].
    """
    top, left = places[:, 0], places[:, 1]
    zeros = tf.zeros_like(top)
    width = tf.minimum(left + size + 1, side)
    return tf.stack([top, zeros, zeros + size, width], axis=1)


def _numbers(start: int, stop: int, size: int) -> tf.data.Dataset:
    starts = tf.data.Dataset.range(start, stop, size)
    return starts.map(lambda first: tf.range(first, tf.minimum(first + size, stop)))


def _examples(images: StoredImages, chosen: tf.data.Dataset) -> tf.data.Dataset:
    """Encoded images, labels, and places of crops of one batch after another."""

    def read(indices, *rest):
        found = tf.numpy_function(images.read, [indices], tf.string)
        return tf.ensure_shape(found, indices.shape), *rest

    # More at a time would wait for Python.
    return chosen.map(read, num_parallel_calls=_AT_A_TIME, deterministic=True)


def _crops(
    images: StoredImages,
    examples: tf.data.Dataset,
    size: int,
    mirror: bool,
    places: bool,
) -> tf.data.Dataset:
    side, raw = images.shape[1], images.store.encoding == "raw"

    def crop(data, begin, flip, window=None):
        if raw:
            pixels = tf.reshape(tf.io.decode_raw(data, tf.uint8), [side, side, 3])
        else:
            pixels = tf.io.decode_and_crop_jpeg(data, window, channels=3)
        pixels = tf.slice(pixels, begin, [size, size, 3])
        if mirror:
            # One at a time: mirroring a whole batch is five times as dear.
            pixels = tf.cond(flip, lambda: tf.reverse(pixels, [1]), lambda: pixels)
        return pixels

    def crops(data, label, place):
        # For all at once, since each operation on one image costs a microsecond.
        begin = place * ([[1, 1, 0]] if raw else [[0, 1, 0]])
        arguments = [data, begin, place[:, 2] > 0]
        if not raw:
            arguments.append(decoded_windows(place, size, side))
        pixels = map_batch(crop, arguments, tf.TensorSpec([size, size, 3], tf.uint8))
        return ((pixels, place) if places else pixels), label

    return examples.map(crops, num_parallel_calls=_AT_A_TIME, deterministic=True)


def _ahead(batches: tf.data.Dataset) -> tf.data.Dataset:
    keep_freed_memory()
    # Bytes all the way: they become numbers, less the mean, on the device.
    batches = batches.prefetch(2)
    options = tf.data.Options()
    # A crop is too small to be worth several threads: each takes crops of its own.
    options.threading.max_intra_op_parallelism = 1
    return batches.with_options(options)


def reading_error(error: tf.errors.OpError) -> UserError | None:
    """The store's own complaint, where that is what a pipeline failed for."""
    found = re.search(r"UserError: (.*)", str(error))
    return UserError(found[1]) if found else None


def keep_freed_memory() -> None:
    """Has the C library keep what is freed, where it can be told to (glibc).

    Crops and batches are just so large that each would be taken from the system
    and given back, and every page cleared again: most of the cost of raw images.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_TRIM_THRESHOLD, _KEPT)
    mallopt(_M_MMAP_THRESHOLD, _LARGEST)


def _on_host(indices: np.ndarray, labels: np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
    with tf.device("CPU:0"):
        return tf.constant(indices, tf.int64), tf.constant(labels, tf.int32)
