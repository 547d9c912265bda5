"""Batches of features that were computed once for every view of every image.

They follow the same stateless order as the images themselves.
"""

from collections.abc import Sequence

import tensorflow as tf

from yosinski_tf.data.batches.order import Order


def training_features(
    features: Sequence[tf.Tensor],
    labels: tf.Tensor,
    order: Order,
    *,
    batch_size: int,
    first_step: int,
    last_step: int,
) -> tf.data.Dataset:
    """Features of the images in the batches of `pipeline.ordered_batches`.

    Args:
      features: Each [images * views, ...], in the order of `EveryView`.
      labels: Labels of the images, int32 [images].
      order: The order of the images; it and the rest must be those of the images.

    Returns:
      Batches of (features, labels); several features form a tuple.
    """
    in_batch = tf.range(batch_size, dtype=tf.int64)

    def batch(step):
        chosen, places = order.draw(step * batch_size + in_batch)
        rows = chosen * order.views + order.view(places)
        return _rows(features, rows), tf.gather(labels, chosen)

    steps = tf.data.Dataset.range(first_step, last_step)
    return steps.map(batch, num_parallel_calls=2).prefetch(4)


def validation_features(
    features: Sequence[tf.Tensor], labels: tf.Tensor, *, batch_size: int
) -> tf.data.Dataset:
    """Features of the images in the batches of `pipeline.validation_batches`.

    Args:
      features: Each [images, ...].
      labels: Labels of the images, int32 [images].
      batch_size: Images per batch; the last batch may be smaller.
    """

    def batch(rows):
        return _rows(features, rows), tf.gather(labels, rows)

    rows = tf.data.Dataset.range(len(labels)).batch(batch_size)
    return rows.map(batch, num_parallel_calls=2).prefetch(2)


def with_features(
    images: tf.data.Dataset, features: tf.data.Dataset
) -> tf.data.Dataset:
    """Joins batches of images with batches of their features.

    Args:
      images: Batches of (images, labels) or ((images, places), labels).
      features: Batches of (features, labels).

    Returns:
      Batches of ((images, [places,] *features), labels).
    """

    def join(one, other):
        (inputs, labels), (found, _) = one, other
        return (*_as_tuple(inputs), *_as_tuple(found)), labels

    return tf.data.Dataset.zip(images, features).map(join)


def _rows(features, rows):
    found = tuple(tf.gather(values, rows) for values in features)
    return found if len(found) > 1 else found[0]


def _as_tuple(value):
    return value if isinstance(value, tuple) else (value,)
