"""Networks as data: counts and shapes by hand and against Keras."""

import dataclasses
import json

import pytest
from refusals import assert_refused

from yosinski_tf.experiment.architectures import (
    NETWORKS,
    get_network,
    usual_images,
)
from yosinski_tf.experiment.networks import (
    CaffeConv,
    CaffeDense,
    Conv,
    Dense,
    EightLayers,
)
from yosinski_tf.models import cohort, surgery
from yosinski_tf.system.errors import UserError

WIDTHS = (4, 6, 8, 10, 12, 14, 16)

# Name, output, parameters, multiply-accumulates; five classes.
AT_32 = (
    ("conv1", (8, 8, 4), 5 * 5 * 3 * 4 + 4, 300 * 16 * 16),
    ("conv2", (4, 4, 6), 3 * 3 * 4 * 6 + 6, 216 * 8 * 8),
    ("conv3", (4, 4, 8), 3 * 3 * 6 * 8 + 8, 432 * 4 * 4),
    ("conv4", (4, 4, 10), 3 * 3 * 8 * 10 + 10, 720 * 4 * 4),
    ("conv5", (2, 2, 12), 3 * 3 * 10 * 12 + 12, 1080 * 4 * 4),
    ("fc6", (14,), 2 * 2 * 12 * 14 + 14, 672),
    ("fc7", (16,), 14 * 16 + 16, 224),
    ("fc8", (5,), 16 * 5 + 5, 80),
)
AT_64 = (
    ("conv1", (16, 16, 4), 304, 307_200),
    ("conv2", (8, 8, 6), 222, 55_296),
    ("conv3", (8, 8, 8), 440, 27_648),
    ("conv4", (8, 8, 10), 730, 46_080),
    ("conv5", (4, 4, 12), 1092, 69_120),
    ("fc6", (14,), 2702, 2688),
    ("fc7", (16,), 240, 224),
    ("fc8", (5,), 85, 80),
)

# The released network with its 1000 outputs, at 227.
CAFFENET = (
    ("conv1", (27, 27, 96), 34_944, 105_415_200),
    ("conv2", (13, 13, 256), 307_456, 223_948_800),
    ("conv3", (13, 13, 384), 885_120, 149_520_384),
    ("conv4", (13, 13, 384), 663_936, 112_140_288),
    ("conv5", (6, 6, 256), 442_624, 74_760_192),
    ("fc6", (4096,), 37_752_832, 37_748_736),
    ("fc7", (4096,), 16_781_312, 16_777_216),
    ("fc8", (1000,), 4_097_000, 4_096_000),
)


def counted(network, size, num_classes):
    return tuple(
        (each.name, each.output_shape, each.parameters, each.multiply_accumulates)
        for each in network.stages(size, num_classes)
    )


@pytest.mark.parametrize(
    ("size", "layers", "parameters"), [(32, AT_32, 3799), (64, AT_64, 5815)]
)
def test_counts_by_hand(size, layers, parameters):
    found = counted(get_network("mini", widths=WIDTHS), size, 5)
    assert found == layers
    assert sum(layer[2] for layer in found) == parameters


def test_kernel_shapes_by_hand_for_a_side_that_does_not_halve_evenly():
    network = get_network("mini", widths=WIDTHS)
    # 50 -> 25 -> 13 (conv1), 7 (conv2), 4 (conv5).
    shapes = network.weight_shapes(50, 5)
    assert {name: shapes[name] for name in shapes if name.endswith("kernel")} == {
        "conv1/kernel": (5, 5, 3, 4),
        "conv2/kernel": (3, 3, 4, 6),
        "conv3/kernel": (3, 3, 6, 8),
        "conv4/kernel": (3, 3, 8, 10),
        "conv5/kernel": (3, 3, 10, 12),
        "fc6/kernel": (192, 14),
        "fc7/kernel": (14, 16),
        "fc8/kernel": (16, 5),
    }
    assert shapes["conv5/bias"] == (12,)


@pytest.mark.parametrize(
    ("name", "size", "sides"),
    [("mini", 16, [4, 2, 2, 2, 1]), ("caffenet", 39, [4, 2, 2, 2, 1])],
)
def test_the_smallest_image(name, size, sides):
    network = get_network(name, widths=WIDTHS)
    found = [layer.output_shape[0] for layer in network.stages(size, 5)]
    assert found[:5] == sides
    less = f"{size - 1} x {size - 1}"
    with pytest.raises(UserError, match=f"at least {size} x {size}, found {less}"):
        network.stages(size - 1, 5)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_network_has_the_papers_eight_layers(name):
    names = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
    assert get_network(name).stage_names == names


def test_settings_reach_the_layers():
    layers = get_network("mini", widths=WIDTHS, dropout=0.25, lrn=True).layers
    assert [layer.dropout for layer in layers[5:]] == [0.25, 0.25, 0.0]
    assert [layer.lrn for layer in layers[:5]] == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("activation", "slope"), [("relu", 0.0), ("leaky_relu", 0.1), ("elu", None)]
)
def test_activations_and_their_slopes_below_zero(activation, slope):
    network = get_network("mini", activation=activation)
    assert (network.activation, network.negative_slope) == (activation, slope)


@pytest.mark.parametrize(
    "network",
    [
        get_network("mini", widths=WIDTHS, dropout=0.25, lrn=True, activation="relu"),
        get_network("caffenet", num_outputs=1000),
    ],
)
def test_a_network_is_rebuilt_from_its_settings(network):
    stored = json.loads(json.dumps(network.settings()))
    assert stored["activation"] == "relu"
    assert EightLayers.from_settings(stored) == network
    assert EightLayers.from_settings(network.settings()) == network
    layers = EightLayers.from_settings(stored).layers
    assert list(map(type, layers)) == list(map(type, network.layers))


CONV1 = {
    "name": "conv1", "filters": 4, "kernel": 5, "stride": 2, "pool": 3, "lrn": True
}  # fmt: skip
CONV2 = {
    "name": "conv2", "filters": 256, "kernel": 5, "stride": 1, "pool": 3, "lrn": True,
    "padding": 2, "groups": 2, "deviation": 0.01, "bias": 1.0,
}  # fmt: skip
FC8 = {"name": "fc8", "units": None, "dropout": 0.0}


def test_the_settings_of_layers_by_hand():
    mini = get_network("mini", widths=WIDTHS, lrn=True).settings()["layers"]
    assert (mini[0], mini[7]) == (CONV1, FC8)
    caffenet = get_network("caffenet").settings()["layers"]
    assert caffenet[1] == CONV2
    assert caffenet[7] == {**FC8, "deviation": 0.01, "bias": 0.0}


@pytest.mark.parametrize(
    ("layer", "form"),
    [
        (CONV1, Conv),
        (CONV2, CaffeConv),
        (FC8, Dense),
        ({**FC8, "deviation": 0.1, "bias": 1}, CaffeDense),
    ],
)
def test_a_layer_is_known_by_exactly_its_fields(layer, form):
    (found,) = EightLayers.from_settings({"name": "mini", "layers": [layer]}).layers
    assert found == form(**layer)
    fewer = [{n: layer[n] for n in layer if n != left_out} for left_out in layer]
    for other in [{**layer, "colour": 1}, *fewer]:
        with pytest.raises(UserError, match=f"no layer has the fields .*{min(other)}"):
            EightLayers.from_settings({"name": "mini", "layers": [other]})


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"name": "mini"},
        {"name": "mini", "layers": 3},
        {"name": "mini", "layers": ["conv1"]},
        {"name": "mini", "layers": [sorted(FC8)]},
        {"name": "mini", "layers": [{**CONV1, "filters": "4"}]},
        {"name": "mini", "layers": [], "depth": 8},
        {"name": "mini", "layers": [], "activation": "tanh"},
        {"name": 3, "layers": []},
        [],
    ],
)
def test_what_describes_no_network_is_refused(settings):
    message = "network_settings needs the description of a network, found .*: take it"
    assert_refused(message, EightLayers.from_settings, settings)


NAN = float("nan")
ODD = (4, 6, 8, 9, 12, 14, 16)
WRONG_WIDTHS = ((), (8,) * 6, (8,) * 8, (8, 8, 8, 0, 8, 8, 8), (8,) * 6 + (-1,))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "resnet"}, "--network needs one of caffenet, mini, found 'resnet'"),
        ({"name": "caffenet", "widths": ODD}, "even numbers for conv1..conv5"),
        *(({"widths": x}, "--widths needs seven positive") for x in WRONG_WIDTHS),
        *(({"dropout": x}, "--dropout needs") for x in (-0.1, 1.0, 1.5, NAN)),
        *(({"activation": x}, "relu, leaky_relu, elu") for x in ("", "gelu", "Relu")),
    ],
)
def test_wrong_settings_are_refused(changes, message):
    assert_refused(message, get_network, **{"name": "mini", **changes})
    # Those of fully connected layers may be odd.
    get_network("caffenet", widths=(4, 6, 8, 10, 12, 13, 15))


def test_a_description_cannot_be_changed():
    network = get_network("mini", widths=WIDTHS)
    with pytest.raises(dataclasses.FrozenInstanceError):
        network.name = "other"


@pytest.mark.parametrize(
    ("name", "size", "lrn"),
    [
        *(("mini", size, lrn) for size in (32, 50) for lrn in (False, True)),
        *(("caffenet", size, True) for size in (39, 64, 97, 227)),
    ],
)
def test_counts_agree_with_keras(name, size, lrn):
    network = get_network(name, widths=WIDTHS, lrn=lrn)
    weights = surgery.initial_weights(network, size, 5, "any")
    mean = (0.0, 0.0, 0.0)
    model = cohort.build_network(network, weights, input_size=size, mean=mean)
    counts = network.stages(size, num_classes=5)
    assert model.count_params() == sum(layer.parameters for layer in counts)
    shapes = {layer.name: tuple(layer.output.shape[1:]) for layer in model.layers}
    for layer in counts:
        assert model.get_layer(layer.name).count_params() == layer.parameters
        after = f"{layer.name}_pool"
        assert shapes.get(after, shapes[layer.name]) == layer.output_shape


@pytest.mark.parametrize("num_classes", [500, 449, 1000])
def test_caffenet_as_released(num_classes):
    found = counted(get_network("caffenet", num_outputs=1000), 227, num_classes)
    assert found == CAFFENET
    assert sum(layer[2] for layer in found) == 60_965_224


def test_caffenet_with_one_output_per_class_of_the_half():
    found = counted(get_network("caffenet"), 227, 500)
    assert found == (*CAFFENET[:7], ("fc8", (500,), 2_048_500, 2_048_000))


# 224 -> 54 -> ceil(51 / 2) + 1 = 27 -> 13 -> 6; 231 -> 56 -> 28 -> 14 -> 7.
@pytest.mark.parametrize(
    ("size", "sides"), [(224, [27, 13, 13, 13, 6]), (231, [28, 14, 14, 14, 7])]
)
def test_caffenet_where_pooling_rounds_up(size, sides):
    network = get_network("caffenet", widths=WIDTHS)
    found = [layer.output_shape[0] for layer in network.stages(size, 5)]
    assert found[:5] == sides


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_more_outputs_than_classes_but_never_fewer(name):
    network = get_network(name, num_outputs=7)
    assert network.weight_shapes(227, 5)["fc8/kernel"][1] == 7
    assert network.outputs(7) == 7
    with pytest.raises(UserError, match="--num_outputs .* per class, 8, found 7"):
        network.stages(227, 8)
    assert get_network(name).outputs(8) == 8


def test_the_images_a_network_is_made_for():
    assert usual_images("caffenet") == {
        "image_size": 256,
        "crop_size": 227,
        "mean": "image",
    }
    assert usual_images("mini") == {"image_size": 32, "crop_size": 32, "mean": "pixel"}
    assert_refused("needs one of caffenet, mini, found 'vgg'", usual_images, "vgg")
