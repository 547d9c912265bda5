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
    half = made(2400)
    batches = pipeline.validation_batches(half.half, batch_size=1000, crop_size=2)
    expected = [images.numpy() for images, _ in batches]
    found = list(half.batches())
    assert [len(batch) for batch in found] == [1000, 200]
    assert all(map(np.array_equal, found, expected))


def test_batches_of_large_images_are_small():
    images = np.zeros((43, 227, 227, 3), np.uint8)
    half = HalfImages(pipeline.HalfImages(images, np.arange(43), np.zeros(43)), 227)
    assert [len(batch) for batch in half.batches()] == [20, 20, 3]


def test_some_of_them_are_even_over_the_classes():
    half = made(600).some(90)
    assert np.bincount(half.labels).tolist() == [30, 30, 30]
    whole = made(600)
    for index, label in zip(half.half.indices, half.labels, strict=True):
        assert whole.labels[list(whole.half.indices).index(index)] == label
    assert made(20).some(90).labels.shape == (10,)
