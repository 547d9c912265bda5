"""Every family of `keras.applications` is read, cut and put together again."""

import time

import keras
import numpy as np
import pytest
from stage_networks import features, put_together

from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.models.cohort import build_cohort
from yosinski_tf.models.cohort_graph import Member
from yosinski_tf.models.fresh_layers import initial_weights
from yosinski_tf.models.network_reading import describe, network_weights
from yosinski_tf.models.optimizers import optimizer_for
from yosinski_tf.system.errors import UserError

pytestmark = pytest.mark.slow

# Side of the smallest images; stages by size and by block.
FAMILIES = {
    "ConvNeXtTiny": (32, 5, 23),
    "DenseNet121": (32, 6, 63),
    "EfficientNetB0": (32, 6, 39),
    "EfficientNetV2B0": (32, 6, 35),
    "InceptionResNetV2": (75, 6, 50),
    "InceptionV3": (75, 6, 17),
    "MobileNet": (32, 6, 28),
    "MobileNetV2": (32, 6, 33),
    "MobileNetV3Small": (32, 6, 28),
    "ResNet50": (32, 6, 18),
    "ResNet50V2": (32, 6, 18),
    "VGG16": (32, 8, 16),
    "Xception": (71, 6, 17),
}


def make(family, side):
    return getattr(keras.applications, family)(
        input_shape=(side, side, 3), weights=None, classes=3
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_cut_and_put_together_again(family):
    side, by_size, by_block = FAMILIES[family]
    model = make(family, side)
    network = describe(model, name=family)
    assert len(network.stage_names) == by_size == len(set(network.stage_names))
    blocks = describe(model, name=family, stages="block").stage_names
    assert len(blocks) == by_block == len(set(blocks))
    images = np.random.default_rng(0).random((1, side, side, 3), np.float32)
    whole = features(model, network, images)
    found = put_together(network, network_weights(model, network), images)
    assert whole.std() > 0
    assert np.array_equal(found.reshape(whole.shape), whole)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_step_frozen_and_a_step_fine_tuned(family):
    side, by_size, _ = FAMILIES[family]
    model = make(family, side)
    network = describe(model, name=family)
    start = time.monotonic()
    below = network_weights(model, network)
    members = [
        Member("frozen", "trunk", by_size - 1, "one"),
        Member("tuned", None, 0, "two"),
    ]
    cohort = build_cohort(
        network, members, input_size=side, num_classes=3, mean=(120, 120, 120)
    )
    fresh = initial_weights(network, 3, "any")
    for member in members:
        cohort.assign(member.name, {**fresh, **below})
        found = cohort.weights(member.name)
        assert all(np.array_equal(found[name], below[name]) for name in below)
    recipe = Recipe(steps=1, batch_size=4, learning_rate=0.001, rate_drops=())
    cohort.training.compile(optimizer=optimizer_for(recipe, cohort.trained))
    pixels = np.random.default_rng(0).integers(0, 256, (4, side, side, 3), np.uint8)
    indices = np.stack([np.zeros(4), np.arange(4)], 1).astype(np.int32)
    labels = np.array([0, 1, 2, 0], np.int32)
    cohort.training.fit((pixels, indices), labels, batch_size=4, verbose=0)
    print(f"{family}: {time.monotonic() - start:.1f} s to the first step")
    frozen, tuned = (cohort.weights(member.name) for member in members)
    assert all(np.isfinite(values).all() for values in tuned.values())
    assert all(np.array_equal(frozen[name], below[name]) for name in below)
    moved = {name for name in below if not np.array_equal(tuned[name], below[name])}
    statistics = {name for name in below if "/moving_" in name}
    # The first kernel and all statistics of batches.
    assert next(name for name in below if name.endswith("kernel")) in moved
    assert statistics <= moved


def test_two_builds_of_inception_in_one_process_are_described_alike():
    one, two = (make("InceptionV3", 75) for _ in range(2))
    assert one.layers[1].name != two.layers[1].name
    assert describe(one, name="a").digest == describe(two, name="b").digest


def test_nasnet_is_refused():
    with pytest.raises(UserError, match="network NASNet needs tensors through which"):
        describe(make("NASNetMobile", 32), name="NASNet")
