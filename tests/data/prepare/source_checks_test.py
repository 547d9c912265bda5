"""A source is compared with what it promises: counts, order and names."""

import numpy as np
import pytest

from yosinski_tf.data.prepare import source_checks
from yosinski_tf.data.prepare.listing import ImageFiles, ListedImages, Listing
from yosinski_tf.experiment import ilsvrc
from yosinski_tf.system.errors import UserError

WORDNET = tuple(ilsvrc.class_families())


def listing(train, validation, names=None, **changes):
    names = names or tuple(f"class{i}" for i in range(len(train)))
    parts = {}
    for part, counts in (("train", train), ("validation", validation)):
        labels = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        parts[part] = ListedImages(
            part=part,
            labels=labels,
            file_names=("x.jpg",) * len(labels),
            stamps=np.zeros((len(labels), 2)),
            origin=ImageFiles("/"),
        )
    return Listing("tfds:x", names, parts, **changes)


def test_imagenet_as_promised():
    counts = [1281] * 833 + [1282] * 167
    assert sum(counts) == 1_281_167
    assert source_checks.check(listing(counts, [50] * 1000, WORDNET)) == []


def test_imagenet_with_images_missing():
    train, validation = [1281] * 833 + [1282] * 167, [50] * 1000
    train[3] -= 600
    validation[7] += 1
    assert source_checks.check(listing(train, validation, WORDNET)) == [
        "1,280,567 ImageNet training images found, 1,281,167 promised: 600 missing",
        "1 class(es) do not have the 732 to 1300 training images of ImageNet, the first"
        " is n01491361 with 681",
        "50,001 ImageNet validation images found, 50,000 promised: 1 too many",
        "1 class(es) do not have the 50 validation images of ImageNet, the first is"
        " n01514668 with 51",
    ]


def test_imagenet_with_classes_missing():
    found = source_checks.check(
        listing([5] * 10, [1] * 10, WORDNET[:10], absent=WORDNET[10:])
    )
    assert found[0].startswith("990 of 1,000 classes that tfds:x names have no image")
    assert found[1].startswith("50 ImageNet training images found, 1,281,167 promised")
    assert len(found) == 5
    # Without the absent classes there is no promise.
    assert source_checks.check(listing([5] * 10, [1] * 10, WORDNET[:10])) == []


def test_fewer_images_than_the_source_states():
    found = listing([5, 5], [1, 1], promised={"train": 12, "validation": 2})
    assert source_checks.check(found) == [
        "10 train images found, 12 promised: 2 missing"
    ]


def test_wordnet_order():
    names = (WORDNET[1], WORDNET[0])
    found = source_checks.check(listing([5, 5], [1, 1], names))
    assert found == [
        "the classes are WordNet ids, but not in their order, which is the order of"
        " the class index in ImageNet"
    ]


def test_classes_that_are_missing():
    with pytest.raises(UserError, match="validation .* none of 1 of 3 .*'class1'"):
        source_checks.check(listing([1, 1, 1], [1, 0, 1]))
    with pytest.raises(UserError, match="needs at least 2 classes, found 1"):
        source_checks.check(listing([1], [1]))
