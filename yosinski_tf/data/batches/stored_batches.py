"""Batches from a store: read, decoded, cropped and mirrored when they are needed.

Positions in the stateless order become indices, indices become records, and the
records of a whole batch become the batch.
"""

import contextlib
import ctypes
import re
from collections.abc import Callable, Sequence

import tensorflow as tf

from yosinski_tf.data.store.stored_images import StoredImages
from yosinski_tf.system.errors import UserError

# Images read by one call, to hide the cost of the call; a batch if that is more.
_IMAGES_PER_READ = 128
# Parallel calls that read, and that decode, so that no thread waits when one call
# ends. Two more batches are prefetched.
_PARALLEL_CALLS = 2
# Options of glibc's mallopt, and the values they are set to.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_TRIM_BYTES, _MMAP_BYTES = 2**30, 2**25


def stored_batches(
    images: StoredImages,
    choose: Callable[[tf.Tensor], tuple[tf.Tensor, ...]],
    first: int,
    last: int,
    *,
    batch_size: int,
    crop_size: int,
    mirror: bool,
    places: bool,
) -> tf.data.Dataset:
    """Batches of crops, see `pipeline.training_batches`; the last may be smaller.

    Args:
      images: The images of the store.
      choose: Takes positions in the order, int64 [n]; returns indices into `images`,
        labels, and places of crops, int32 [n, 3].
      first: Position of the first image.
      last: Position after the last image.
      mirror: Whether some crops are mirrored.
    """
    side, raw = images.shape[1], images.store.encoding == "raw"
    per_read = batch_size * max(1, _IMAGES_PER_READ // batch_size)

    def chosen(start):
        return choose(tf.range(start, tf.minimum(start + per_read, last)))

    def read(indices, *rest):
        found = tf.numpy_function(images.read, [indices], tf.string)
        return tf.ensure_shape(found, indices.shape), *rest

    def crop(data, begin, flip, window=None):
        if raw:
            pixels = tf.reshape(tf.io.decode_raw(data, tf.uint8), [side, side, 3])
        else:
            pixels = tf.io.decode_and_crop_jpeg(data, window, channels=3)
        pixels = tf.slice(pixels, begin, [crop_size, crop_size, 3])
        if mirror:
            # Image by image: mirroring a whole batch takes five times as long.
            pixels = tf.cond(flip, lambda: tf.reverse(pixels, [1]), lambda: pixels)
        return pixels

    def crops(data, label, place):
        # For the whole batch, since an operation on one image costs a microsecond.
        begin = place * ([[1, 1, 0]] if raw else [[0, 1, 0]])
        arguments = [data, begin, place[:, 2] > 0]
        if not raw:
            arguments.append(decoded_windows(place, crop_size, side))
        result = tf.TensorSpec([crop_size, crop_size, 3], tf.uint8)
        pixels = map_batch(crop, arguments, result)
        return ((pixels, place) if places else pixels), label

    # More parallel calls would wait for Python.
    parallel = {"num_parallel_calls": _PARALLEL_CALLS, "deterministic": True}
    pieces = tf.data.Dataset.range(first, last, per_read).map(chosen)
    examples = pieces.map(read, **parallel)
    if per_read != batch_size:
        # rebatch forgets the number of batches, which Keras needs.
        count = -(-(last - first) // batch_size)
        examples = examples.rebatch(batch_size)
        examples = examples.apply(tf.data.experimental.assert_cardinality(count))
    keep_freed_memory()
    # Pixels stay bytes up to the device, where they become numbers.
    batches = examples.map(crops, **parallel).prefetch(2)
    options = tf.data.Options()
    # A crop is too small for several threads: each thread decodes its own crops.
    options.threading.max_intra_op_parallelism = 1
    return batches.with_options(options)


def decoded_windows(places: tf.Tensor, size: int, side: int) -> tf.Tensor:
    """The part of each image that is decoded for a crop: the beginnings of its rows.

    A decoder that begins within a row decodes into a buffer and copies from there.
    libjpeg-turbo writes aligned rows past the processor's caches, so this is a seventh
    slower. At both ends of a window it also interpolates colours differently than in
    the whole image; so one column more than the crop is decoded.

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


def map_batch(
    function: Callable[..., tf.Tensor],
    arguments: Sequence[tf.Tensor],
    result: tf.TensorSpec,
) -> tf.Tensor:
    """Applies a function to each item, with all threads, and stacks the results.

    Each result is copied into the batch as soon as it is computed, while it is in the
    processor's cache. `tf.map_fn` and the batches of tf.data collect all results
    first: decoding a batch of crops takes up to a fifth longer.

    Args:
      function: Takes one item of each argument.
      arguments: Tensors [batch, ...]; only the batch may be of unknown size.
      result: Shape and dtype of one result.

    Returns:
      Tensor [batch, ...], in the order of the arguments.
    """
    signature = [tf.TensorSpec(item.shape[1:], item.dtype) for item in arguments]
    one = tf.function(function, signature, autograph=False).get_concrete_function()
    (found,) = tf.raw_ops.MapDefun(
        arguments=arguments,
        captured_inputs=one.captured_inputs,
        output_types=[result.dtype],
        output_shapes=[result.shape],
        f=one,
    )
    return found


def reading_error(error: tf.errors.OpError) -> UserError | None:
    """The store's own error if it made a pipeline fail, else None."""
    found = re.search(r"UserError: (.*)", str(error))
    return UserError(found[1]) if found else None


def keep_freed_memory() -> None:
    """Makes the C library (glibc) keep freed memory instead of returning it.

    Crops and batches are large enough that each would be requested from the system
    and returned, and the system clears every page: most of the cost of raw images.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)
