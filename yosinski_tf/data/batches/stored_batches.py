"""Batches from a store: read, decoded, cropped and mirrored as they are needed.

Places in the stateless order become indices, indices records, and the records of
a whole batch the batch itself; every stage says why it stands where it stands.
"""

import ctypes
import re
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from yosinski_tf.data.batches.batch_map import map_batch
from yosinski_tf.data.batches.order import Order
from yosinski_tf.data.store.stored_images import StoredImages
from yosinski_tf.system.errors import UserError

# Images that are drawn and read by one call, to hide the call; a batch if that is more.
_AT_ONCE = 128
# Calls at a time that read, and that decode, so that no thread is idle when one of them
# ends; two batches more are ready.
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

    first, last = first_step * batch_size, last_step * batch_size
    examples = _examples(images, first, last, batch_size, drawn)
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

    examples = _examples(images, 0, count, batch_size, central)
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


def _examples(
    images: StoredImages,
    first: int,
    last: int,
    batch_size: int,
    choose: Callable[[tf.Tensor], tuple[tf.Tensor, ...]],
) -> tf.data.Dataset:
    """Batches of encoded images, labels, and places of crops.

    Args:
      images: Where they are read.
      first: Number of the first image in the order.
      last: Number after the last image.
      batch_size: Images per batch; the last may be short.
      choose: Gives for such numbers indices, labels and places.
    """
    at_once = batch_size * max(1, _AT_ONCE // batch_size)

    def chosen(start):
        return choose(tf.range(start, tf.minimum(start + at_once, last)))

    def read(indices, *rest):
        found = tf.numpy_function(images.read, [indices], tf.string)
        return tf.ensure_shape(found, indices.shape), *rest

    pieces = tf.data.Dataset.range(first, last, at_once).map(chosen)
    # More at a time would wait for Python.
    examples = pieces.map(read, num_parallel_calls=_AT_A_TIME, deterministic=True)
    if at_once == batch_size:
        return examples
    batches = examples.rebatch(batch_size)
    # Which is lost where batches are cut anew; Keras plans by it.
    count = -(-(last - first) // batch_size)
    return batches.apply(tf.data.experimental.assert_cardinality(count))


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
