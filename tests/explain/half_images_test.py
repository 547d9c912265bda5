"""The images that measures are taken from."""

import numpy as np

from yosinski_tf.data.batches import pipeline
from yosinski_tf.explain.half_images import HalfImages


def made(count, side=5, classes=3):
    images = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)
    indices = np.arange(0, count, 2)
    labels = (np.arange(len(indices)) % classes).astype(np.int32)
    return HalfImages(pipeline.HalfImages(images, indices, labels), crop_size=2)


def test_images_are_the_central_crops_of_the_validation():
    half = made(700)
    batches = pipeline.validation_batches(half.half, batch_size=250, crop_size=2)
    expected = [images.numpy() for images, _ in batches]
    found = list(half.batches())
    assert [len(batch) for batch in found] == [250, 100]
    assert all(map(np.array_equal, found, expected))


def test_some_of_them_are_even_over_the_classes():
    half = made(600).some(90)
    assert np.bincount(half.labels).tolist() == [30, 30, 30]
    whole = made(600)
    for index, label in zip(half.half.indices, half.labels, strict=True):
        assert whole.labels[list(whole.half.indices).index(index)] == label
    assert made(20).some(90).labels.shape == (10,)
