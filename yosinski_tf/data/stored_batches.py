"""Batches from a store: read, decoded, cropped and mirrored as they are needed.

Places in the stateless order become indices, indices records, and the records of
a whole batch the batch itself; every stage says why it stands where it stands.
"""

import ctypes
import re

import numpy as np
import tensorflow as tf

from yosinski_tf.data.order import Order
from yosinski_tf.data.stored_images import StoredImages
from yosinski_tf.errors import UserError
from yosinski_tf.machine import cores

# Images at least that are read and decoded by one call, to hide the call.
_LEAST = 64
# Batches at most that all threads together have in hand.
_IN_HAND = 4
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
        place = tf.stack([top, left, tf.cast(flip, top.dtype)], 1)
        return *found, *_windows(tf.cast(place, tf.int32), crop_size), flip

    piece = piece_size(batch_size, _threads())
    numbers = _pieces(first_step * batch_size, last_step * batch_size, piece)
    examples = _examples(images, numbers.map(drawn))
    crops = _crops(images, examples, crop_size, order.mirror, places)
    return _batched(crops, piece, batch_size, last_step - first_step)


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
        return *found, *_windows(place, crop_size), tf.zeros_like(number) > 0

    piece = piece_size(batch_size, _threads())
    examples = _examples(images, _pieces(0, count, piece).map(central))
    crops = _crops(images, examples, crop_size, False, places)
    return _batched(crops, piece, batch_size, -(-count // batch_size))


def piece_size(batch_size: int, threads: int) -> int:
    """How many images one call reads, and one call decodes.

    A whole batch where that can be: a call for every image makes all of it a tenth
    dearer, and so does putting pieces together. Many threads take parts of a batch,
    so that what they have in hand grows with them only where batches are small.

    Args:
      batch_size: Images per batch.
      threads: How many decode at a time.
    """
    return max(_LEAST, min(batch_size, -(-batch_size * _IN_HAND // threads)))


def _windows(places: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Places, and the windows of crops there, of many images at once."""
    sides = tf.fill([tf.shape(places)[0], 2], size)
    return places, tf.concat([places[:, :2], sides], axis=1)


def _pieces(start: int, stop: int, size: int) -> tf.data.Dataset:
    starts = tf.data.Dataset.range(start, stop, size)
    return starts.map(lambda first: tf.range(first, tf.minimum(first + size, stop)))


def _examples(images: StoredImages, pieces: tf.data.Dataset) -> tf.data.Dataset:
    """Encoded images, labels, places and mirroring of one piece after another."""

    def read(indices, *rest):
        found = tf.numpy_function(images.read, [indices], tf.string)
        return tf.ensure_shape(found, indices.shape), *rest

    # One call at a time, beside the decoding: Python reads no faster with two.
    return pieces.map(read, num_parallel_calls=1, deterministic=True)


def _crops(
    images: StoredImages,
    examples: tf.data.Dataset,
    size: int,
    mirror: bool,
    places: bool,
) -> tf.data.Dataset:
    side, raw = images.shape[1], images.store.encoding == "raw"

    def crop(data, place, window):
        if raw:
            rows = tf.reshape(tf.io.decode_raw(data, tf.uint8), [side, side * 3])
            rows = tf.slice(rows, [place[0], place[1] * 3], [size, size * 3])
            pixels = tf.reshape(rows, [size, size, 3])
        else:
            # Blocks outside of the crop are not decoded.
            pixels = tf.io.decode_and_crop_jpeg(data, window, channels=3)
            pixels = tf.ensure_shape(pixels, [size, size, 3])
        return pixels

    def crops(data, label, place, window, flip):
        made = tf.TensorArray(tf.uint8, tf.size(label), element_shape=[size, size, 3])
        nothing = tf.zeros([0, size, 3], tf.uint8)

        def add(made, numbers, turned):
            def body(k, made):
                i = numbers[k]
                pixels = crop(data[i], place[i], window[i])
                # One at a time: mirroring a whole batch is five times as dear.
                if turned:
                    # Into memory that was just used, then on in one piece: pixel by
                    # pixel into memory that was not is twice as dear.
                    pixels = tf.concat([tf.reverse(pixels, [1]), nothing], 0)
                return k + 1, made.write(i, pixels)

            # One after another by the same thread: waking another for each image
            # costs more than it saves. The threads take whole pieces.
            return tf.while_loop(
                lambda k, _: k < tf.size(numbers),
                body,
                [0, made],
                parallel_iterations=1,
            )[1]

        # Those that are mirrored in a loop of their own, which needs no condition.
        for turned in (False, True) if mirror else (False,):
            numbers = tf.cast(tf.where(flip == turned)[:, 0], tf.int32)
            made = add(made, numbers, turned)
        pixels = made.stack()
        return ((pixels, place) if places else pixels), label

    return examples.map(crops, num_parallel_calls=_threads(), deterministic=True)


def _batched(
    crops: tf.data.Dataset, piece: int, batch_size: int, count: int
) -> tf.data.Dataset:
    keep_freed_memory()
    # Bytes all the way: they become numbers, less the mean, on the device.
    batches = crops if piece == batch_size else crops.rebatch(batch_size)
    # Beside those that are decoded at the time.
    batches = batches.prefetch(2)
    # Lost where pieces are put together; Keras plans by it.
    batches = batches.apply(tf.data.experimental.assert_cardinality(count))
    options = tf.data.Options()
    # A crop is too small to be worth several threads.
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


def _threads() -> int:
    """As many as a process is given, where cohorts are trained side by side."""
    return tf.config.threading.get_inter_op_parallelism_threads() or cores()
