"""Batches of features that were computed once for every view of every image.

They follow the same stateless order as the images themselves.
"""

from collections.abc import Sequence

import tensorflow as tf

from yosinski_tf.data.batches.order import Order


def batches_of_features(
    features: Sequence[tf.Tensor],
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
        found = tuple(tf.gather(values, rows) for values in features)
        return found if len(found) > 1 else found[0], tf.gather(labels, chosen)

    return numbers.map(batch, num_parallel_calls=2).prefetch(4)


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
