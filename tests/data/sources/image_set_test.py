"""A data set is checked when it is made, and its halves are index lists."""

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


def test_labels_become_int32():
    assert check_set().train_labels.dtype == np.int32


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"names": ("ant",)}, "data mine needs at least 2 classes, found 1: choose"),
        ({"validation": (0, 1, 2)}, "labels from 0 to 1, found 2 among its validation"),
        ({"train": (0, 1, -1)}, "labels from 0 to 1, found -1 among its training im"),
        ({"train": (0, 0)}, "one training image .* none of 1 of 2 .* first is 'bee'"),
        ({"validation": ()}, "one validation image .* of 2 of 2 .* first is 'ant'"),
    ],
)
def test_wrong_labels_are_refused(changes, words):
    with pytest.raises(UserError, match=words):
        check_set(**changes)


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
