"""Every row of features belongs to the image and the view beside it."""

import numpy as np
import pytest
import tensorflow as tf

from yosinski_tf.data.batches import feature_batches, pipeline
from yosinski_tf.data.batches.order import EveryView

COUNT, SIZE, CROP, BATCH = 7, 6, 5, 4


@pytest.fixture(scope="module")
def half():
    images = np.random.default_rng(0).integers(0, 256, (COUNT, SIZE, SIZE, 3), np.uint8)
    labels = np.arange(COUNT, dtype=np.int32) % 3
    return pipeline.on_host(pipeline.HalfImages(images, np.arange(COUNT), labels))


@pytest.mark.parametrize(
    ("crop", "mirror", "views"),
    [(6, False, 1), (6, True, 2), (5, False, 4), (5, True, 8)],
)
def test_every_view_comes_once_and_is_found_by_its_number(half, crop, mirror, views):
    order = pipeline.order_of(half, crop_size=crop, mirror=mirror, seed=5)
    assert order.views == views
    every = EveryView(order.count, order.free, order.mirror, order.seed)
    one = {"batch_size": COUNT * views, "first_step": 0, "last_step": 1}
    ((pixels, _),) = pipeline.training_batches(half, every, **one)
    assert len({image.tobytes() for image in pixels.numpy()}) == COUNT * views
    steps = {"batch_size": BATCH, "first_step": 2, "last_step": 30}
    batches = pipeline.training_batches(half, order, **steps)
    # The features are the images themselves.
    numbers = pipeline.numbers_of_steps(BATCH, 2, 30)
    features = feature_batches.batches_of_features(
        [pixels, pixels[:, 0]], half.labels, order, numbers
    )
    assert len(batches) == len(features) == 28
    for (images, labels), ((one, other), again) in zip(batches, features, strict=True):
        assert (images.numpy() == one.numpy()).all()
        assert (images.numpy()[:, 0] == other.numpy()).all()
        assert (labels.numpy() == again.numpy()).all()
    for inputs, labels in feature_batches.with_features(batches, features).take(1):
        images, one, other = inputs
        assert (images.numpy() == one.numpy()).all()
        assert other.shape == (BATCH, crop, 3) and labels.shape == (BATCH,)


def test_places_come_before_features(half):
    batches = pipeline.validation_batches(
        half, batch_size=BATCH, crop_size=CROP, places=True
    )
    every = EveryView(COUNT, 1, False, 0)
    numbers = tf.data.Dataset.range(COUNT).batch(BATCH)
    features = feature_batches.batches_of_features(
        [tf.range(COUNT)], half.labels, every, numbers
    )
    seen = []
    for inputs, labels in feature_batches.with_features(batches, features):
        images, places, found = inputs
        assert len(images) == len(places) == len(found) == len(labels)
        seen += found.numpy().tolist()
    assert seen == list(range(COUNT))


def test_an_array_on_disk_leaves_no_file_even_if_the_process_is_killed(tmp_path):
    made = feature_batches.unnamed_file(tmp_path, (3, 2), np.dtype(np.float32))
    made[1] = 5, 7
    assert made.tolist() == [[0, 0], [5, 7], [0, 0]]
    # There is no name that could stay.
    assert not [*tmp_path.iterdir()]
    (on_disk,) = (line for line in open("/proc/self/maps") if str(tmp_path) in line)
    assert on_disk.endswith("(deleted)\n")
