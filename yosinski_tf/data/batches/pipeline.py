"""Batches of a half in the stateless order of `order`, and the half's mean image.

A batch depends on its step alone, so a pipeline starts at any step without reading
earlier batches. `stored_batches` reads the images of a store.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from yosinski_tf.data.batches.order import Central, Order
from yosinski_tf.data.batches.stored_batches import stored_batches
from yosinski_tf.data.store.stored_images import StoredImages


@dataclasses.dataclass(frozen=True)
class HalfImages:
    """The training or the validation images of one half, as an index list.

    The arrays are NumPy's or, after `on_host`, tensors.

    Attributes:
      images: All images of the data set, uint8 [count, size, size, 3], or a store's.
      indices: Indices of the half's images, int64 [N].
      labels: Their classes, numbered from 0 within the half, int32 [N].
    """

    images: np.ndarray | tf.Tensor | StoredImages
    indices: np.ndarray | tf.Tensor
    labels: np.ndarray | tf.Tensor


def order_of(half: HalfImages, *, crop_size: int, mirror: bool, seed: int) -> Order:
    """The order in which a half is trained on, see `Order`; `crop_size` in pixels."""
    free = half.images.shape[1] - crop_size + 1
    return Order(len(half.indices), free, mirror, seed)


def training_batches(
    half: HalfImages,
    order: Order,
    *,
    batch_size: int,
    first_step: int,
    last_step: int,
    places: bool = False,
) -> tf.data.Dataset:
    """Batches of the steps `first_step` to `last_step` - 1, counted from 0.

    Every batch is full, so an epoch may end within a batch.

    Args:
      half: The images.
      order: Decides which images come when and how they are cropped.
      batch_size: Images per batch.
      first_step: Number of the first batch.
      last_step: Number after the last batch.
      places: Whether to return the places of the crops too, for the mean image.

    Returns:
      Batches of (images uint8 [batch, crop, crop, 3], labels int32 [batch]); with
      `places`, ((images, places), labels), places int32 [batch, 3]: top row, left
      column, and 1 for a mirrored crop.
    """
    numbers = numbers_of_steps(batch_size, first_step, last_step)
    span = (first_step * batch_size, last_step * batch_size)
    return _batches(half, order, numbers, span, batch_size, places)


def numbers_of_steps(batch_size: int, first: int, last: int) -> tf.data.Dataset:
    """For each step its positions in the endless order, int64 [batch_size]."""
    in_batch = tf.range(batch_size, dtype=tf.int64)
    steps = tf.data.Dataset.range(first, last)
    return steps.map(lambda step: step * batch_size + in_batch)


def with_indices(batches: tf.data.Dataset, first_step: int) -> tf.data.Dataset:
    """Adds to batches from `first_step` on the indices that seed dropout masks.

    Returns:
      Batches of ((images, indices), labels), or ((images, places, indices), labels);
      indices int32 [batch, 2]: step and position in the batch.
    """

    def add(step, inputs, labels):
        position = tf.range(tf.size(labels))
        step = tf.fill(tf.shape(position), tf.cast(step, tf.int32))
        return (*tf.nest.flatten(inputs), tf.stack([step, position], axis=1)), labels

    return batches.enumerate(first_step).map(lambda step, batch: add(step, *batch))


def validation_batches(
    half: HalfImages, *, batch_size: int, crop_size: int, places: bool = False
) -> tf.data.Dataset:
    """Every image once, as its central crop; the last batch may be smaller.

    Returns:
      Batches as `training_batches`.
    """
    order = order_of(half, crop_size=crop_size, mirror=False, seed=0)
    order = Central(**dataclasses.asdict(order))
    numbers = tf.data.Dataset.range(order.count).batch(batch_size)
    return _batches(half, order, numbers, (0, order.count), batch_size, places)


def prefetched(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Prefetches batches, onto TensorFlow's first GPU if there is one.

    It must be the last transformation of a pipeline: on a GPU, later ones would copy
    the batches back to the processor.
    """
    batches = without_autotuning(batches)
    devices = tf.config.list_logical_devices("GPU")
    if not devices:
        return batches.prefetch(2)
    return batches.apply(tf.data.experimental.prefetch_to_device(devices[0].name, 2))


def without_autotuning(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Turns off TensorFlow's tuning of a pipeline.

    Closing an iterator with tuning may take as long as the iterator lived, because
    the tuner's thread can miss the signal to end. Without tuning a pipeline must
    prefetch explicitly.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.with_options(options)


def mean_pixel(half: HalfImages) -> tuple[float, float, float]:
    """Mean of each channel over all pixels of the half's images, 0..255."""
    sums = _pixel_sums(half).sum(axis=(0, 1))
    pixels = len(half.indices) * half.images.shape[1] * half.images.shape[2]
    return tuple((sums / pixels).tolist())


def mean_image(half: HalfImages) -> np.ndarray:
    """Mean of the half's images, float32 [size, size, 3], 0..255."""
    return (_pixel_sums(half) / len(half.indices)).astype(np.float32)


def on_host(half: HalfImages) -> HalfImages:
    """Copies the half's own images into tensors in the CPU's memory.

    Images of a store stay on the disk.
    """
    if isinstance(half.images, StoredImages):
        return half
    with tf.device("CPU:0"):
        return HalfImages(
            tf.constant(half.images[half.indices]),
            tf.range(len(half.indices), dtype=tf.int64),
            tf.constant(half.labels, tf.int32),
        )


def _pixel_sums(half: HalfImages) -> np.ndarray:
    """The exact sum of the half's images, int64 [size, size, 3]."""
    if isinstance(half.images, StoredImages):
        return half.images.pixel_sums(half.indices)
    sums = np.zeros(half.images.shape[1:], np.int64)
    for chunk in np.array_split(half.indices, max(1, len(half.indices) // 1024)):
        sums += half.images[chunk].sum(axis=0, dtype=np.int64)
    return sums


def _batches(
    half: HalfImages,
    order: Order,
    numbers: tf.data.Dataset,
    span: tuple[int, int],
    batch_size: int,
    places: bool,
) -> tf.data.Dataset:
    """Batches of images by their positions in the order, which are a `span` of it."""
    images, crop_size = half.images, half.images.shape[1] - order.free + 1
    with tf.device("CPU:0"):
        indices = tf.constant(half.indices, tf.int64)
        labels = tf.constant(half.labels, tf.int32)

    def choose(number):
        chosen, place = order.draw(number)
        found = tf.gather(indices, chosen), tf.gather(labels, chosen)
        return *found, tf.cast(place, tf.int32)

    if isinstance(images, StoredImages):
        return stored_batches(
            images,
            choose,
            *span,
            batch_size=batch_size,
            crop_size=crop_size,
            mirror=order.mirror,
            places=places,
        )

    def load(number):
        chosen, of_batch, place = choose(number)
        pixels = tf.gather(images, chosen)
        if order.crops:
            pixels = order.crop(pixels, place, crop_size)
        return ((pixels, place) if places else pixels), of_batch

    # Two calls are enough: a batch takes a fraction of a training step.
    return numbers.map(load, num_parallel_calls=2).prefetch(4)
