"""Batches from a stateless order: (seed, epoch, position) decides everything.

The position of an image in its epoch decides which image it is, where it is
cropped and whether it is mirrored, so that a pipeline can start at any step
without reading what came before.
"""

import dataclasses

import numpy as np
import tensorflow as tf

_CROP_DOMAIN = 2**30


@dataclasses.dataclass(frozen=True)
class Part:
    """The images of one half that are used for one purpose, as an index list.

    The arrays are numpy's or, after `on_host`, tensors.

    Attributes:
      images: Of the whole data set, uint8 [count, size, size, 3].
      indices: Which of them belong to the half, int64 [part].
      labels: Their classes, numbered 0.. within the half, int32 [part].
    """

    images: np.ndarray | tf.Tensor
    indices: np.ndarray | tf.Tensor
    labels: np.ndarray | tf.Tensor


def training_batches(
    part: Part,
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
    images, indices, labels = part.images, part.indices, part.labels
    count = len(part.indices)
    free = part.images.shape[1] - crop_size + 1
    in_batch = tf.range(batch_size, dtype=tf.int64)

    def draw(position, epoch, purpose, most):
        same = tf.ones_like(epoch)
        # The raw operation, since its wrapper refuses a seed per position.
        return tf.raw_ops.RandomIndexShuffle(
            index=position,
            seed=tf.stack([same * seed, epoch, same * purpose], axis=1),
            max_index=tf.constant(most, tf.int64),
            rounds=4,
        )

    def batch(step):
        number = step * batch_size + in_batch
        epoch, position = number // count, number % count
        chosen = draw(position, epoch, 0, count - 1)
        pixels = tf.gather(images, tf.gather(indices, chosen))
        if free > 1 or mirror:
            random = draw(position, epoch, 1, _CROP_DOMAIN - 1)
            top, left = random % free, (random // free) % free
            flip = (random // free**2) % 2 == 1 if mirror else tf.zeros_like(top) > 0
            pixels = _crop(pixels, top, left, flip, crop_size)
            place = tf.stack([top, left, tf.cast(flip, tf.int64)], axis=1)
        else:
            place = tf.zeros([batch_size, 3], tf.int64)
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
    part: Part, *, batch_size: int, crop_size: int, places: bool = False
) -> tf.data.Dataset:
    """Every image once, in order, at its central crop; the last batch is short.

    Returns:
      Batches as those of `training_batches`.
    """
    images, indices, labels = part.images, part.indices, part.labels
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


def mean_pixel(part: Part) -> tuple[float, float, float]:
    """Mean of each channel over all pixels of the part, 0..255."""
    sums = np.zeros(3, np.int64)
    for chunk in _chunks(part):
        sums += part.images[chunk].sum(axis=(0, 1, 2), dtype=np.int64)
    pixels = len(part.indices) * part.images.shape[1] * part.images.shape[2]
    red, green, blue = (sums / pixels).tolist()
    return red, green, blue


def mean_image(part: Part) -> np.ndarray:
    """Mean of the part's images, float32 [size, size, 3], 0..255."""
    sums = np.zeros(part.images.shape[1:], np.int64)
    for chunk in _chunks(part):
        sums += part.images[chunk].sum(axis=0, dtype=np.int64)
    return (sums / len(part.indices)).astype(np.float32)


def _chunks(part: Part) -> list[np.ndarray]:
    return np.array_split(part.indices, max(1, len(part.indices) // 1024))


def on_host(part: Part) -> Part:
    """The part's own images as tensors in the CPU's memory, copied once."""
    with tf.device("CPU:0"):
        return Part(
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
