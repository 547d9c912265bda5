"""Keras models of single networks and of cohorts."""

import math

import keras
import numpy as np
import pytest

from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.networks import CaffeConv, CaffeDense, EightLayers
from yosinski_tf.models.blocks import make_blocks
from yosinski_tf.models.cohort import build_cohort, build_network
from yosinski_tf.models.cohort_graph import Member
from yosinski_tf.models.surgery import initial_weights, transplant
from yosinski_tf.models.training_model import label_ranks

NETWORK = get_network("mini", widths=(4, 4, 4, 4, 4, 8, 8), dropout=0.5, lrn=True)
LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
SIZE, CLASSES, MEAN = 16, 6, (120.0, 110.0, 100.0)
MEMBERS = (
    Member("whole", None, 0, "one"),
    Member("shallow", "trunk", 2, "two"),
    Member("deep", "trunk", 7, "three"),
    Member("other", "second", 2, "four"),
)


def weights_of(identity):
    return initial_weights(NETWORK, SIZE, CLASSES, identity)


def images(count=7):
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (count, SIZE, SIZE, 3), np.uint8)
    return pixels, random.integers(0, CLASSES, count).astype(np.int32)


def build(members=MEMBERS, network=NETWORK, num_classes=CLASSES, **options):
    """A cohort with the weights of its trunks and of its own layers."""
    options = {"input_size": SIZE, "mean": MEAN, **options}
    cohort = build_cohort(network, members, num_classes=num_classes, **options)
    for member in members:
        own, trunk = (
            initial_weights(network, SIZE, num_classes, identity)
            for identity in (member.identity, str(member.trunk))
        )
        frozen = LAYERS[: member.frozen]
        cohort.assign(member.name, transplant(own, trunk, frozen))
    return cohort


def build_alone(weights, **options):
    return build_network(
        NETWORK, weights, **{"input_size": SIZE, "mean": MEAN, **options}
    )


@pytest.fixture(scope="module")
def cohort():
    return build()


def logits_by_member(model, inputs, training=False):
    outputs = model(inputs, training=training)
    return [keras.ops.convert_to_numpy(outputs[key]) for key in sorted(outputs)]


def test_weights_are_read_as_they_were_assigned(cohort):
    found = cohort.weights("deep")
    assert sorted(found) == sorted(weights_of("any"))
    own, trunk = weights_of("three"), weights_of("trunk")
    for name, values in found.items():
        source = own if name.startswith("fc8") else trunk
        assert values.tobytes() == source[name].tobytes()


def test_exactly_the_layers_of_trunks_are_frozen(cohort):
    trainable = cohort.training.trainable_variables
    # 8 + 6 + 1 + 6 trained layers of a kernel and a bias.
    assert len(trainable) == 2 * (8 + 6 + 1 + 6)
    for member in MEMBERS:
        for number, (layer, block) in enumerate(
            cohort.graph.blocks(member.name).items()
        ):
            weighted = next(part for part in block.layers if part.name == layer)
            assert weighted.trainable == (number >= member.frozen)


def test_only_networks_on_one_trunk_share_frozen_layers(cohort):
    shallow, deep, other = (
        cohort.graph.blocks(n) for n in ("shallow", "deep", "other")
    )
    assert shallow["conv2"] is deep["conv2"]
    assert shallow["conv3"] is not deep["conv3"]
    assert shallow["conv2"] is not other["conv2"]


def test_each_output_is_that_of_the_network_alone(cohort):
    pixels, _ = images()
    outputs = logits_by_member(cohort.validation, pixels)
    assert len(outputs) == 4
    for member, logits in zip(MEMBERS, outputs, strict=True):
        weights = cohort.weights(member.name)
        alone = build_alone(weights, frozen=member.frozen)
        assert logits.shape == (7, CLASSES) and logits.dtype == np.float32
        np.testing.assert_allclose(alone(pixels, training=False), logits, atol=1e-5)
        single = cohort.single(member.name)
        np.testing.assert_allclose(single(pixels, training=False), logits, atol=1e-5)
    for one in range(4):
        for other in range(one):
            assert np.abs(outputs[one] - outputs[other]).max() > 1e-3


def test_a_single_network_has_layers_by_the_papers_names(cohort):
    model = cohort.single("deep")
    assert [layer.name for layer in model.layers if layer.weights] == list(LAYERS)
    assert model.input.dtype == "uint8"
    assert tuple(model.output.shape) == (None, CLASSES)
    assert model.get_layer("fc8") is cohort.graph.blocks("deep")["fc8"].layers[0]


@pytest.mark.parametrize("frozen", [0, 1, 5, 8])
def test_the_first_layers_of_a_plain_network_are_frozen(frozen):
    model = build_alone(weights_of("any"), frozen=frozen)
    trainable = [name for name in LAYERS if model.get_layer(name).trainable]
    assert trainable == list(LAYERS[frozen:])


def test_a_plain_network_survives_a_keras_file(tmp_path):
    model = build_alone(weights_of("any"), mean=(10.0, 20.0, 30.0))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    pixels, _ = images()
    np.testing.assert_array_equal(loaded(pixels), model(pixels))


def test_the_mean_and_the_scale_act_on_pixels():
    model = build_alone(weights_of("any"), mean=(50.0, 60.0, 70.0))
    grey = np.empty((1, SIZE, SIZE, 3), np.uint8)
    grey[:] = (50, 60, 70)
    # Biases are zero, so an image that is the mean gives zeros.
    assert not np.any(keras.ops.convert_to_numpy(model(grey)))


def test_another_shape_or_a_missing_layer_is_refused(cohort):
    wrong = initial_weights(NETWORK, SIZE, CLASSES + 1, "any")
    with pytest.raises(ValueError, match=r"whole: fc8/kernel needs shape \(8, 6\)"):
        build().assign("whole", wrong)
    missing = weights_of("any")
    del missing["conv3/bias"]
    with pytest.raises(KeyError, match="conv3/bias"):
        build().assign("whole", missing)


def test_validation_counts_each_image_of_each_network_once(cohort):
    pixels, labels = images(23)
    cohort.validation.compile(jit_compile=False)
    cohort.validation.evaluate(pixels, labels, batch_size=10, verbose=0)
    totals = cohort.validation.totals
    assert int(totals.images.numpy()) == 23
    for index, logits in enumerate(logits_by_member(cohort.validation, pixels)):
        order = np.argsort(-logits, axis=1)
        top1 = (order[:, 0] == labels).sum()
        top5 = (order[:, :5] == labels[:, None]).any(axis=1).sum()
        assert totals.sums["top1"].numpy()[index] == top1
        assert totals.sums["top5"].numpy()[index] == top5
        assert 0 < top5 < 23
        shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
        chosen = shifted[np.arange(23), labels]
        loss = (np.log(np.exp(shifted).sum(axis=1)) - chosen).sum()
        assert totals.sums["loss"].numpy()[index] == pytest.approx(loss, rel=1e-5)


def test_validating_again_starts_from_nothing(cohort):
    pixels, labels = images(9)
    cohort.validation.compile(jit_compile=False)
    for _ in range(2):
        cohort.validation.evaluate(pixels, labels, batch_size=4, verbose=0)
        assert int(cohort.validation.totals.images.numpy()) == 9


def test_top5_of_fewer_than_five_classes_is_all():
    cohort = build(MEMBERS[:1], num_classes=3)
    pixels, labels = images(9)
    cohort.validation.compile(jit_compile=False)
    cohort.validation.evaluate(pixels, labels % 3, verbose=0)
    assert cohort.validation.totals.sums["top5"].numpy().tolist() == [9.0]
    assert cohort.validation.totals.sums["top1"].numpy()[0] < 9


def test_equal_logits_rank_in_the_order_of_classes_and_nan_is_never_right():
    labels = np.array([0, 1, 2, 1, 0], np.int32)
    logits = np.array(
        [[7, 7, 7], [7, 7, 7], [7, 7, 7], [0, 5, 9], [9, np.nan, 0]], np.float32
    )
    ranks = keras.ops.convert_to_numpy(label_ranks(labels, logits))
    assert ranks[:4].tolist() == [0, 1, 2, 1]
    assert ranks[4] >= 5


def test_training_drops_by_step_and_position_and_validation_nothing(cohort):
    pixels = np.repeat(images(1)[0], 3, axis=0)

    def logits(*indices):
        inputs = [pixels, np.array(indices, np.int32)]
        return logits_by_member(cohort.training, inputs, training=True)

    for network, plain in zip(
        logits((5, 0), (5, 1), (6, 0)),
        logits_by_member(cohort.validation, pixels),
        strict=True,
    ):
        # Three times the same image, with three masks.
        rows = {row.tobytes() for row in network}
        assert len(rows) == 3 and plain[0].tobytes() not in rows
    again = logits((6, 0), (5, 1), (5, 0))
    for one, other in zip(logits((5, 0), (5, 1), (6, 0)), again, strict=True):
        np.testing.assert_allclose(one[::-1], other, atol=1e-6)


def test_every_dropout_layer_has_masks_of_its_own(cohort):
    # whole: fc6, fc7; trunk: both; shallow, other: both in their heads.
    layers = {
        id(layer): layer
        for member in MEMBERS
        for block in cohort.graph.blocks(member.name).values()
        for layer in block.layers
        if "dropout" in layer.name
    }
    assert len(layers) == 8
    assert len({layer.seed for layer in layers.values()}) == 8


def test_frozen_layers_have_dropout_in_training_and_none_in_validation():
    cohort = build([Member("A7B", "base", 7, "own")])
    pixels, _ = images()

    def outputs(*arguments):
        (logits,) = logits_by_member(*arguments)
        return logits

    def at_step(step):
        positions = np.arange(len(pixels))
        return [pixels, np.stack([np.full_like(positions, step), positions], 1)]

    # Only fc8 is trained, which has no dropout.
    first, second = (outputs(cohort.training, at_step(i), True) for i in (0, 1))
    assert np.abs(first - second).max() > 1e-3
    first, second = (outputs(cohort.validation, pixels) for _ in range(2))
    assert (first == second).all()
    assert (first == outputs(cohort.training, at_step(0))).all()


def test_mixed_precision_keeps_variables_and_logits_in_float32():
    exact, cohort = build(), build(precision="bfloat16")
    assert {v.dtype for v in cohort.training.trainable_variables} == {"float32"}
    pixels, _ = images()
    exact = logits_by_member(exact.validation, pixels)
    for logits, right in zip(
        logits_by_member(cohort.validation, pixels), exact, strict=True
    ):
        assert logits.dtype == np.float32
        difference = np.abs(logits - right).max()
        assert 0 < difference < 0.1 * np.abs(right).max()
    conv1, fc8 = (
        cohort.graph.blocks("whole")["conv1"].layers[0],
        cohort.graph.blocks("whole")["fc8"].layers[0],
    )
    assert (conv1.compute_dtype, fc8.compute_dtype) == ("bfloat16", "float32")


# Every Keras layer of the released network at 227 pixels, with its output shape.
CAFFENET = (
    ("conv1", (55, 55, 96)),
    ("conv1_activation", (55, 55, 96)),
    ("conv1_pool", (27, 27, 96)),
    ("conv1_norm", (27, 27, 96)),
    ("conv2", (27, 27, 256)),
    ("conv2_activation", (27, 27, 256)),
    ("conv2_pool", (13, 13, 256)),
    ("conv2_norm", (13, 13, 256)),
    ("conv3", (13, 13, 384)),
    ("conv3_activation", (13, 13, 384)),
    ("conv4", (13, 13, 384)),
    ("conv4_activation", (13, 13, 384)),
    ("conv5", (13, 13, 256)),
    ("conv5_activation", (13, 13, 256)),
    ("conv5_pool", (6, 6, 256)),
    ("fc6_flatten", (9216,)),
    ("fc6", (4096,)),
    ("fc6_activation", (4096,)),
    ("fc6_dropout", (4096,)),
    ("fc7", (4096,)),
    ("fc7_activation", (4096,)),
    ("fc7_dropout", (4096,)),
    ("fc8", (1000,)),
)


def test_caffenet_layer_by_layer():
    network = get_network("caffenet", num_outputs=1000)
    blocks = make_blocks(network, 500, slice(8), trainable=True, identity="any")
    value, found, parameters = keras.Input((227, 227, 3)), [], 0
    for block in blocks.values():
        for layer in block.layers:
            value = layer(value)
            found.append((layer.name, tuple(value.shape[1:])))
            parameters += layer.count_params()
    assert tuple(found) == CAFFENET
    assert parameters == 60_965_224
    settings = {b.layers[0].name: b.layers[0] for b in blocks.values()}
    groups = [settings[f"conv{n}"].groups for n in range(1, 6)]
    assert groups == [1, 2, 1, 2, 2]
    norm = blocks["conv1"].layers[-1]
    assert (norm.size, norm.alpha, norm.k) == (5, 1e-4, 1.0)
    assert blocks["fc7"].layers[-1].rate == 0.5
    assert blocks["conv1"].layers[1].negative_slope == 0


def test_the_exponential_activation_by_hand():
    network = get_network("mini", activation="elu")
    blocks = make_blocks(network, 5, slice(8), trainable=True, identity="any")
    found = blocks["conv1"].layers[1](np.array([[-1.0, 0.0, 2.0]], np.float32))
    np.testing.assert_allclose(found, [[math.exp(-1) - 1, 0, 2]], rtol=1e-6)


CONVOLUTION = {"filters": 4, "kernel": 5, "groups": 2}


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_caffe_convolution_by_hand(padding, stride):
    layer = CaffeConv("conv1", **CONVOLUTION, padding=padding, stride=stride)
    network = EightLayers("one", (layer, CaffeDense("fc8", None)))
    blocks = make_blocks(network, 3, slice(1), trainable=True, identity="any")
    random = np.random.default_rng(1)
    x = random.normal(size=(1, 9, 8, 6)).astype(np.float32)
    value = x
    for part in blocks["conv1"].layers[:-1]:
        if part.name == "conv1":
            part.build(value.shape)
            kernel = random.normal(size=(5, 5, 3, 4)).astype(np.float32)
            part.set_weights([kernel, np.zeros(4, np.float32)])
        value = part(value)
    padded = np.pad(x, ((0, 0), (padding,) * 2, (padding,) * 2, (0, 0)))
    expected = np.empty(value.shape, np.float32)
    assert expected.shape[1:3] == (layer.convolved(9), layer.convolved(8))
    for row in range(expected.shape[1]):
        for column in range(expected.shape[2]):
            top, left = row * stride, column * stride
            part = padded[0, top : top + 5, left : left + 5]
            for output in range(4):
                # The first two outputs see the first three inputs.
                seen = part[..., :3] if output < 2 else part[..., 3:]
                expected[0, row, column, output] = (seen * kernel[..., output]).sum()
    np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-4)


def test_a_mean_image_makes_a_second_input():
    random = np.random.default_rng(2)
    mean = random.uniform(50, 150, (SIZE + 4, SIZE + 4, 3)).astype(np.float32)
    cohort = build(MEMBERS[:1], mean=mean)
    pixels, _ = images()

    def logits(places):
        places = np.array([places] * len(pixels), np.int32)
        (found,) = logits_by_member(cohort.validation, [pixels, places])
        return found

    centre = logits([2, 2, 0])
    # A single network takes central crops.
    single = cohort.single("whole")(pixels, training=False)
    np.testing.assert_allclose(single, centre, atol=1e-5)
    plain = build_alone(weights_of("one"), mean=mean)
    np.testing.assert_allclose(plain(pixels, training=False), centre, atol=1e-5)
    for places in ([0, 0, 0], [2, 4, 0], [2, 2, 1]):
        assert np.abs(logits(places) - centre).max() > 1e-3
    # A mean image of one colour is a mean pixel.
    flat = np.broadcast_to(np.float32(MEAN), (SIZE, SIZE, 3))
    one, other = (build_alone(weights_of("one"), mean=each) for each in (flat, MEAN))
    np.testing.assert_array_equal(one(pixels), other(pixels))


def test_outputs_without_a_class_count_in_validation():
    network = get_network("mini", widths=(4, 4, 4, 4, 4, 8, 8), num_outputs=9)
    cohort = build(MEMBERS[:1], network, num_classes=3)
    weights = initial_weights(network, SIZE, 3, "one")
    # The unused outputs 4..8 win everywhere, class 2 is next.
    weights["fc8/bias"][:] = [-9e3, -9e3, 1e3, 0, 9e3, 9e3, 9e3, 9e3, 9e3]
    cohort.assign("whole", weights)
    pixels, _ = images(9)
    cohort.validation.compile(jit_compile=False)
    cohort.validation.evaluate(pixels, np.full(9, 2, np.int32), verbose=0)
    sums = cohort.validation.totals.sums
    assert (sums["top1"].numpy()[0], sums["top5"].numpy()[0]) == (0, 0)
