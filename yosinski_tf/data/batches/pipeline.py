"""Batches of a half, in the stateless order of `order`, and its mean image.

What is drawn depends on the place in the order alone, so that a pipeline can
start at any step without reading what came before. Images held in memory are
gathered here; those of a store see `stored_batches`.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from yosinski_tf.data.batches import stored_batches
from yosinski_tf.data.batches.order import Order
from yosinski_tf.data.store.stored_images import StoredImages


@dataclasses.dataclass(frozen=True)
class HalfImages:
    """The images of one half that are used for one purpose, as an index list.

    The arrays are numpy's or, after `on_host`, tensors.

    Attributes:
      images: Of the whole data set, uint8 [count, size, size, 3], or those of a
        store.
      indices: Which of them belong to the half, int64 [part].
      labels: Their classes, numbered 0.. within the half, int32 [part].
    """

    images: np.ndarray | tf.Tensor | StoredImages
    indices: np.ndarray | tf.Tensor
    labels: np.ndarray | tf.Tensor


def training_batches(
    part: HalfImages,
    *,
    batch_size: int,
    crop_size: int,
    mirror: bool,
    seed: int,
    first_step: int,
    last_step: int,
    places: bool = False,
) -> tf.data.Dataset:
    """Batches of the steps `first_step` to `last_step` - 1.

    Every epoch is a permutation of its own of all images; an epoch's end may
    lie within a batch. Each image is cropped at a random place, and with
    `mirror` half of them are mirrored.

    Args:
      part: The images.
      batch_size: Images per batch; every batch is full.
      crop_size: Side of the crop, pixels.
      mirror: Whether to mirror at random.
      seed: Decides the order, the crops and the mirroring.
      first_step: Number of the first batch, from 0.
      last_step: Number after the last batch.
      places: Whether to tell where the crops were taken, for the mean image.

    Returns:
      Batches of (images uint8 [batch, crop, crop, 3], labels int32 [batch]);
      with `places` of ((images, places), labels), places int32 [batch, 3]: top
      row, left column, and 1 for a mirrored crop.
    """
    return ordered_batches(
        part,
        order_of(part, crop_size=crop_size, mirror=mirror, seed=seed),
        batch_size=batch_size,
        crop_size=crop_size,
        first_step=first_step,
        last_step=last_step,
        places=places,
    )


def order_of(part: HalfImages, *, crop_size: int, mirror: bool, seed: int) -> Order:
    """The order in which `training_batches` gives a part's images."""
    free = part.images.shape[1] - crop_size + 1
    return Order(len(part.indices), free, mirror, seed)


def ordered_batches(
    part: HalfImages,
    order: Order,
    *,
    batch_size: int,
    crop_size: int,
    first_step: int,
    last_step: int,
    places: bool = False,
) -> tf.data.Dataset:
    """Batches of the part's images in a given order, see `training_batches`."""
    images, indices, labels = part.images, part.indices, part.labels
    if isinstance(images, StoredImages):
        return stored_batches.training_batches(
            images,
            indices,
            labels,
            order,
            batch_size=batch_size,
            crop_size=crop_size,
            first_step=first_step,
            last_step=last_step,
            places=places,
        )
    in_batch = tf.range(batch_size, dtype=tf.int64)

    def batch(step):
        chosen, top, left, flip = order.draw(step * batch_size + in_batch)
        pixels = tf.gather(images, tf.gather(indices, chosen))
        if order.crops:
            pixels = _crop(pixels, top, left, flip, crop_size)
        place = tf.stack([top, left, tf.cast(flip, tf.int64)], axis=1)
        found = (pixels, tf.cast(place, tf.int32)) if places else pixels
        return found, tf.gather(labels, chosen)

    steps = tf.data.Dataset.range(first_step, last_step)
    # Two calls suffice: a batch takes a fraction of a training step.
    return steps.map(batch, num_parallel_calls=2).prefetch(4)


def with_indices(batches: tf.data.Dataset, first_step: int) -> tf.data.Dataset:
    """Adds to training batches what their dropout masks are derived from.

    Args:
      batches: Those of `training_batches`.
      first_step: Number of the first batch.

    Returns:
      Batches of ((images, indices), labels), or ((images, places, indices),
      labels); indices int32 [batch, 2]: step and position in the batch.
    """

    def add(step, inputs, labels):
        position = tf.range(tf.size(labels))
        step = tf.fill(tf.shape(position), tf.cast(step, tf.int32))
        inputs = inputs if isinstance(inputs, tuple) else (inputs,)
        return (*inputs, tf.stack([step, position], axis=1)), labels

    return batches.enumerate(first_step).map(lambda step, batch: add(step, *batch))


def validation_batches(
    part: HalfImages, *, batch_size: int, crop_size: int, places: bool = False
) -> tf.data.Dataset:
    """Every image once, in order, at its central crop; the last batch is short.

    Returns:
      Batches as those of `training_batches`.
    """
    images, indices, labels = part.images, part.indices, part.labels
    if isinstance(images, StoredImages):
        return stored_batches.validation_batches(
            images,
            indices,
            labels,
            batch_size=batch_size,
            crop_size=crop_size,
            places=places,
        )
    margin = (part.images.shape[1] - crop_size) // 2
    inside = slice(margin, margin + crop_size)

    def load(chosen):
        pixels = tf.gather(images, tf.gather(indices, chosen))
        found = pixels = pixels[:, inside, inside]
        if places:
            place = tf.constant([[margin, margin, 0]], tf.int32)
            found = (pixels, tf.repeat(place, tf.size(chosen), axis=0))
        return found, tf.gather(labels, chosen)

    chosen = tf.data.Dataset.range(len(part.indices)).batch(batch_size)
    return chosen.map(load, num_parallel_calls=2).prefetch(2)


def placed(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Batches made ahead, and copied to TensorFlow's first GPU if there is one.

    To be applied last.
    """
    batches = without_autotuning(batches)
    devices = tf.config.list_logical_devices("GPU")
    if not devices:
        return batches.prefetch(2)
    # What came after would run on the processor again.
    return batches.apply(tf.data.experimental.prefetch_to_device(devices[0].name, 2))


def without_autotuning(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Has TensorFlow leave the pipeline as it was written.

    An iterator that its tuner works for may take as long to go away as it lived:
    the tuner's thread can miss that it is asked to end. Whatever is to run ahead
    must say so, since the tuner would also see to that.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.with_options(options)


def mean_pixel(part: HalfImages) -> tuple[float, float, float]:
    """Mean of each channel over all pixels of the part, 0..255."""
    sums = _pixel_sums(part).sum(axis=(0, 1))
    pixels = len(part.indices) * part.images.shape[1] * part.images.shape[2]
    red, green, blue = (sums / pixels).tolist()
    return red, green, blue


def mean_image(part: HalfImages) -> np.ndarray:
    """Mean of the part's images, float32 [size, size, 3], 0..255."""
    return (_pixel_sums(part) / len(part.indices)).astype(np.float32)


def _pixel_sums(part: HalfImages) -> np.ndarray:
    """Sum of the part's images, exactly, int64 [size, size, 3]."""
    if isinstance(part.images, StoredImages):
        return part.images.pixel_sums(part.indices)
    sums = np.zeros(part.images.shape[1:], np.int64)
    for chunk in np.array_split(part.indices, max(1, len(part.indices) // 1024)):
        sums += part.images[chunk].sum(axis=0, dtype=np.int64)
    return sums


def on_host(part: HalfImages) -> HalfImages:
    """The part's own images as tensors in the CPU's memory, copied once.

    Images of a store stay where they are.
    """
    if isinstance(part.images, StoredImages):
        return part
    with tf.device("CPU:0"):
        return HalfImages(
            tf.constant(part.images[part.indices]),
            tf.range(len(part.indices), dtype=tf.int64),
            tf.constant(part.labels, tf.int32),
        )


def _crop(pixels, top, left, flip, size):
    line = tf.range(size, dtype=tf.int64)
    rows = top[:, None] + line
    columns = left[:, None] + tf.where(flip[:, None], size - 1 - line, line)
    pixels = tf.gather(pixels, rows, axis=1, batch_dims=1)
    pixels = tf.gather(
        tf.transpose(pixels, (0, 2, 1, 3)), columns, axis=1, batch_dims=1
    )
    return tf.transpose(pixels, (0, 2, 1, 3))
