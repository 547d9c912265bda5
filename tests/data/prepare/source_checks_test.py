"""What a source promises: counts, order of classes, names of files."""

import dataclasses

import numpy as np
import pytest

from yosinski_tf.data.prepare import source_checks
from yosinski_tf.data.prepare.listing import Files, Images, Listing
from yosinski_tf.experiment import ilsvrc
from yosinski_tf.system.errors import UserError

WORDNET = tuple(ilsvrc.class_families())


def images(split, counts):
    labels = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    names = ("x.jpg",) * len(labels)
    return Images(split, labels, names, Files("/", names, np.zeros((len(labels), 2))))


def listing(train, validation, names=None, **changes):
    names = names or tuple(f"class{i}" for i in range(len(train)))
    splits = {
        "train": images("train", train),
        "validation": images("validation", validation),
    }
    return dataclasses.replace(Listing("tfds:x", names, splits, {}), **changes)


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
        "50,001 ImageNet validation images found, 50,000 promised: 1 too many",
        "1 classes have not the 732 to 1300 training images of ImageNet, the first is"
        " n01491361 with 681",
        "1 classes have not the 50 validation images of ImageNet, the first is"
        " n01514668 with 51",
    ]


def test_imagenet_with_classes_missing():
    found = source_checks.check(
        listing([5] * 10, [1] * 10, WORDNET[:10], absent=WORDNET[10:])
    )
    assert found[0].startswith("990 of 1,000 classes that tfds:x names have no image")
    assert found[1].startswith("50 ImageNet training images found, 1,281,167 promised")
    assert len(found) == 5
    # A set of some of the classes that promises nothing more is all right.
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
        "the classes are WordNet ids, but not in their order, which is that of the"
        " class index in ImageNet"
    ]


def test_classes_that_are_missing():
    with pytest.raises(UserError, match="no validation image of 1 of 3 .*'class1'"):
        source_checks.check(listing([1, 1, 1], [1, 0, 1]))
    with pytest.raises(UserError, match="has 1 class"):
        source_checks.check(listing([1], [1]))
