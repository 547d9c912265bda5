"""Networks of Keras in a cohort: their masks, frozen stages, and weight decay."""

import dataclasses

import numpy as np
import pytest
import tiny_keras

from yosinski_tf.models.cohort import build_cohort
from yosinski_tf.models.cohort_graph import Member
from yosinski_tf.models.fresh_layers import initial_weights
from yosinski_tf.models.optimizers import optimizer_for

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), np.uint8)
LABELS = np.array([0, 1, 2, 3, 4, 0], np.int32)
NETWORKS = pytest.mark.parametrize(
    "make", [tiny_keras.resnet, tiny_keras.vit], ids=["resnet", "vit"]
)


def make_cohort(network, *members):
    """A cohort whose networks all have the same weights."""
    cohort = build_cohort(
        network, members, input_size=16, num_classes=5, mean=(120.0, 120.0, 120.0)
    )
    weights = initial_weights(network, 5, "first")
    for member in members:
        cohort.assign(member.name, weights)
    return cohort


def whole(name, identity=None):
    return Member(name, None, 0, identity or name)


def at_step(step):
    """A batch of this step, as the model for training takes it."""
    places = np.arange(len(IMAGES), dtype=np.int32)
    return IMAGES, np.stack([np.full_like(places, step), places], 1)


def trained_logits(cohort, step):
    """The logits of every network in training, at a step."""
    logits = cohort.training(at_step(step), training=True)
    names = [member.name for member in cohort.graph.members]
    return {
        name: np.asarray(value).tobytes()
        for name, value in zip(names, logits.values(), strict=True)
    }


@NETWORKS
def test_what_is_dropped_depends_on_network_and_step_alone(make):
    two = make_cohort(make(), whole("one"), whole("two"))
    found = trained_logits(two, 7)
    assert found["one"] != found["two"]
    assert trained_logits(two, 8)["one"] != found["one"]
    # Also after another step, and at another place in another cohort.
    assert trained_logits(two, 7) == found
    other = make_cohort(make(), whole("three"), Member("base", "t", 1, "b"), whole("1"))
    assert found["one"] not in trained_logits(other, 7).values()
    other = make_cohort(make(), whole("three"), whole("other name", "one"))
    assert trained_logits(other, 7)["other name"] == found["one"]


@NETWORKS
def test_nothing_is_dropped_in_validation(make):
    cohort = make_cohort(make(), whole("one"), whole("two"))
    first, second = cohort.validation(IMAGES, training=False).values()
    assert np.asarray(first).tobytes() == np.asarray(second).tobytes()


# Only the classifier is trained; nothing is dropped before it, all that is dropped
# and normalised is frozen.
@NETWORKS
def test_frozen_stages_compute_in_training_as_in_validation(make):
    network = make()
    frozen = len(network.stage_names) - 1
    cohort = make_cohort(network, Member("copy", "trunk", frozen, "copy"))
    weights = initial_weights(network, 5, "first")
    cohort.assign("copy", weights | tiny_keras.drawn_weights(network))
    before = cohort.weights("copy")
    (training,) = cohort.training(at_step(3), training=True).values()
    (validation,) = cohort.validation(IMAGES, training=False).values()
    assert np.asarray(training).tobytes() == np.asarray(validation).tobytes()
    assert np.asarray(training).std() > 0.1
    after = cohort.weights("copy")
    assert all(after[name].tobytes() == before[name].tobytes() for name in before)
    # An image's logits do not depend on the batch, as they do with its statistics.
    (alone,) = cohort.validation(IMAGES[:1], training=False).values()
    np.testing.assert_allclose(training[:1], alone, rtol=1e-4, atol=1e-5)


def one_step(network, optimizer, weight_decay):
    """The weights after one step of training."""
    recipe = dataclasses.replace(
        tiny_keras.RECIPE, optimizer=optimizer, weight_decay=weight_decay
    )
    cohort = make_cohort(network, whole("one"))
    cohort.training.compile(
        optimizer_for(recipe, cohort.trained), jit_compile=False, run_eagerly=True
    )
    cohort.training.train_on_batch(at_step(0), LABELS)
    return cohort.weights("one")


@pytest.mark.parametrize(
    "make, optimizer",
    [(tiny_keras.resnet, "sgd"), (tiny_keras.vit, "adamw")],
    ids=["resnet", "vit"],
)
def test_only_kernels_decay(make, optimizer):
    network = make()
    plain, decayed = (one_step(network, optimizer, decay) for decay in (0.0, 0.5))
    # The gradients of the first step are the same.
    changed = {k for k in plain if plain[k].tobytes() != decayed[k].tobytes()}
    assert changed == {k for k in plain if k.endswith("/kernel")}
    kinds = {k.rpartition("/")[2] for k in plain.keys() - changed}
    assert {"gamma", "beta", "bias"} <= kinds


def test_in_bfloat16_statistics_are_float32_and_finite():
    cohort = build_cohort(
        tiny_keras.resnet(),
        [whole("one")],
        input_size=16,
        num_classes=5,
        mean=(120.0, 120.0, 120.0),
        precision="bfloat16",
    )
    first = initial_weights(tiny_keras.resnet(), 5, "first")
    cohort.assign("one", first)
    recipe = dataclasses.replace(tiny_keras.RECIPE, precision="bfloat16")
    cohort.training.compile(
        optimizer_for(recipe, cohort.trained), jit_compile=False, run_eagerly=True
    )
    for step in range(2):
        cohort.training.train_on_batch(at_step(step), LABELS)
    for name, values in cohort.weights("one").items():
        assert values.dtype == np.float32 and np.isfinite(values).all(), name
        if name.endswith(tiny_keras.STATISTICS):
            assert (values != first[name]).all(), name
            # Bits that bfloat16 has not.
            assert (values.view(np.uint32) & 0xFFFF).any(), name
