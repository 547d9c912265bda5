"""A function is applied to all items of a batch."""

import numpy as np
import pytest
import tensorflow as tf

from yosinski_tf.data.batches.stored_batches import map_batch


def test_results_are_in_the_order_of_the_items():
    numbers = tf.reshape(tf.range(6), [3, 2])
    words = tf.constant(["a", "bcd", ""])
    found = map_batch(
        lambda number, word: tf.stack([tf.reduce_sum(number), tf.strings.length(word)]),
        [numbers, words],
        tf.TensorSpec([2], tf.int32),
    )
    np.testing.assert_array_equal(found, [[1, 1], [5, 3], [9, 0]])


def test_a_function_may_use_other_tensors():
    other = tf.constant([10, 20])
    found = map_batch(lambda n: n + other, [tf.range(2)], tf.TensorSpec([2], tf.int32))
    np.testing.assert_array_equal(found, [[10, 20], [11, 21]])


def test_an_item_that_fails_fails_the_batch():
    good = tf.io.encode_jpeg(tf.zeros([1, 1, 3], tf.uint8))
    with pytest.raises(tf.errors.InvalidArgumentError, match="JPEG"):
        map_batch(
            lambda data: tf.io.decode_jpeg(data, channels=3),
            [tf.stack([good, b"\xff\xd8\xff nothing", good])],
            tf.TensorSpec([1, 1, 3], tf.uint8),
        )
