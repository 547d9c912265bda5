"""Batches of features that were computed once for every view of every image.

They follow the same stateless order as the images themselves.
"""

import pathlib
import tempfile
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from yosinski_tf.data.batches.order import Order

# Features of every view: in memory, or an array in a file.
Features = tf.Tensor | np.memmap


def unnamed_file(
    folder: pathlib.Path, shape: Sequence[int], dtype: np.dtype
) -> np.memmap:
    """An array in a new file that has no name: it ends with the array or the process.

    Args:
      folder: A folder on the disk that has the room.

    Raises:
      OSError: If the file cannot be made.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        return np.memmap(file, dtype, "w+", shape=tuple(shape))


def batches_of_features(
    features: Sequence[Features],
    labels: tf.Tensor,
    order: Order,
    numbers: tf.data.Dataset,
) -> tf.data.Dataset:
    """Features of the images at some positions of an order.

    Args:
      features: Each [images * views, ...], in the order of `EveryView`.
      labels: Labels of the images, int32 [images].
      order: The order of the images.
      numbers: Batches of positions in it, int64.

    Returns:
      Batches of (features, labels); several features form a tuple.
    """

    def batch(number):
        chosen, places = order.draw(number)
        rows = chosen * order.views + order.view(places)
        found = tuple(_rows(values, rows) for values in features)
        return found if len(found) > 1 else found[0], tf.gather(labels, chosen)

    return numbers.map(batch, num_parallel_calls=2).prefetch(4)


def _rows(features: Features, rows: tf.Tensor) -> tf.Tensor:
    """Some rows of features, [len(rows), ...]."""
    if not isinstance(features, np.memmap):
        return tf.gather(features, rows)
    found = tf.numpy_function(lambda index: features[index], [rows], features.dtype)
    # With a batch of unknown size, TensorFlow would add in another order.
    return tf.ensure_shape(found, [*rows.shape, *features.shape[1:]])


def with_features(
    images: tf.data.Dataset, features: tf.data.Dataset
) -> tf.data.Dataset:
    """Joins batches of images with `batches_of_features`.

    Args:
      images: Batches of (images, labels) or ((images, places), labels).
      features: Batches of their features.

    Returns:
      Batches of ((images, [places,] *features), labels).
    """

    def join(one, other):
        (inputs, labels), (found, _) = one, other
        return (*tf.nest.flatten(inputs), *tf.nest.flatten(found)), labels

    return tf.data.Dataset.zip(images, features).map(join)
