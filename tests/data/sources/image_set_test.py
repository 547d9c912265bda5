"""A data set is checked when it is made, and a half of it is an index list."""

import numpy as np
import pytest

from yosinski_tf.data.sources.image_set import half_view, make_image_set
from yosinski_tf.system.errors import UserError


def check_set(names=("ant", "bee"), train=(0, 1), validation=(0, 1)):
    parts = [
        (np.zeros((len(labels), 2, 2, 3), np.uint8), np.array(labels, np.int32))
        for labels in (train, validation)
    ]
    return make_image_set("mine", names, None, *parts)


def test_image_set_is_checked():
    assert check_set().train_labels.dtype == np.int32
    with pytest.raises(UserError, match=r"data mine has 1 class\(es\): wanted at"):
        check_set(("ant",), (0,), (0,))
    with pytest.raises(UserError, match="label 2 among its validation.* wanted 0 to 1"):
        check_set(validation=(0, 1, 2))
    with pytest.raises(UserError, match="label -1 among its training images: wanted"):
        check_set(train=(0, 1, -1))
    with pytest.raises(UserError, match="no training image of 1 .*'bee': wanted at"):
        check_set(train=(0, 0))
    with pytest.raises(UserError, match="no validation image of 2 .* is 'ant': wanted"):
        check_set(validation=())


def test_half_view():
    labels = np.array([3, 0, 1, 3, 2, 1], np.int32)
    indices, new_labels = half_view(labels, (3, 1))
    assert indices.tolist() == [0, 2, 3, 5]
    assert new_labels.tolist() == [1, 0, 1, 0]
    assert (indices.dtype, new_labels.dtype) == (np.int64, np.int32)
    assert half_view(labels, (7,))[0].tolist() == []


def test_half_view_of_the_first_of_every_class_in_list_order():
    #                  0  1  2  3  4  5  6  7  8  9
    labels = np.array([3, 1, 1, 0, 3, 1, 3, 2, 3, 1])
    indices, new_labels = half_view(labels, (1, 3), examples_per_class=2)
    assert indices.tolist() == [0, 1, 2, 4]
    assert new_labels.tolist() == [1, 0, 0, 1]
    assert (indices.dtype, new_labels.dtype) == (np.int64, np.int32)
    one, _ = half_view(labels, (0, 1, 2, 3), examples_per_class=1)
    assert one.tolist() == [0, 1, 3, 7]
    # A class with fewer gives all that it has.
    three, _ = half_view(labels, (0, 1, 2, 3), examples_per_class=3)
    assert three.tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    everything, _ = half_view(labels, (0, 1, 2, 3), examples_per_class=99)
    assert everything.tolist() == list(range(10))
