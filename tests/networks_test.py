"""Networks as data: counts and shapes by hand and against Keras."""

import dataclasses
import json

import pytest

from yosinski_tf.errors import UserError
from yosinski_tf.networks import NETWORKS, LayerCount, Network, get_network

WIDTHS = (4, 6, 8, 10, 12, 14, 16)

# Name, output, parameters, multiply-accumulates; five classes.
AT_32 = (
    LayerCount("conv1", (8, 8, 4), 5 * 5 * 3 * 4 + 4, 300 * 16 * 16),
    LayerCount("conv2", (4, 4, 6), 3 * 3 * 4 * 6 + 6, 216 * 8 * 8),
    LayerCount("conv3", (4, 4, 8), 3 * 3 * 6 * 8 + 8, 432 * 4 * 4),
    LayerCount("conv4", (4, 4, 10), 3 * 3 * 8 * 10 + 10, 720 * 4 * 4),
    LayerCount("conv5", (2, 2, 12), 3 * 3 * 10 * 12 + 12, 1080 * 4 * 4),
    LayerCount("fc6", (14,), 2 * 2 * 12 * 14 + 14, 672),
    LayerCount("fc7", (16,), 14 * 16 + 16, 224),
    LayerCount("fc8", (5,), 16 * 5 + 5, 80),
)
AT_64 = (
    LayerCount("conv1", (16, 16, 4), 304, 307_200),
    LayerCount("conv2", (8, 8, 6), 222, 55_296),
    LayerCount("conv3", (8, 8, 8), 440, 27_648),
    LayerCount("conv4", (8, 8, 10), 730, 46_080),
    LayerCount("conv5", (4, 4, 12), 1092, 69_120),
    LayerCount("fc6", (14,), 2702, 2688),
    LayerCount("fc7", (16,), 240, 224),
    LayerCount("fc8", (5,), 85, 80),
)


@pytest.mark.parametrize(
    ("size", "layers", "parameters"), [(32, AT_32, 3799), (64, AT_64, 5815)]
)
def test_counts_by_hand(size, layers, parameters):
    counted = get_network("mini", widths=WIDTHS).count(size, num_classes=5)
    assert counted == layers
    assert sum(layer.parameters for layer in counted) == parameters


def test_kernel_shapes_by_hand_for_a_side_that_does_not_halve_evenly():
    network = get_network("mini", widths=WIDTHS)
    # 50 -> 25 -> 13 (conv1), 7 (conv2), 4 (conv5).
    assert network.kernel_shapes(50, 5) == {
        "conv1": (5, 5, 3, 4),
        "conv2": (3, 3, 4, 6),
        "conv3": (3, 3, 6, 8),
        "conv4": (3, 3, 8, 10),
        "conv5": (3, 3, 10, 12),
        "fc6": (192, 14),
        "fc7": (14, 16),
        "fc8": (16, 5),
    }


def test_the_smallest_image():
    network = get_network("mini", widths=WIDTHS)
    assert network.count(16, 5)[4].output_shape == (1, 1, 12)
    with pytest.raises(UserError, match="at least 16 x 16, got 15 x 15"):
        network.kernel_shapes(15, 5)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_network_has_the_papers_eight_layers(name):
    names = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
    assert get_network(name).layer_names == names


def test_settings_reach_the_layers_and_are_plain_values():
    network = get_network(
        "mini", widths=WIDTHS, dropout=0.25, lrn=True, activation="relu"
    )
    assert [getattr(layer, "dropout", None) for layer in network.layers[5:]] == [
        *(0.25, 0.25, 0.0)
    ]
    assert [layer.lrn for layer in network.layers[:5]] == [
        *(True, True, False, False, False)
    ]
    settings = json.loads(json.dumps(network.settings()))
    assert settings["activation"] == "relu"
    assert settings["layers"][0] == {
        "name": "conv1",
        "filters": 4,
        "kernel": 5,
        "stride": 2,
        "pool": 3,
        "lrn": True,
    }
    assert settings["layers"][7] == {"name": "fc8", "units": None, "dropout": 0.0}


def test_a_network_is_rebuilt_from_its_settings():
    network = get_network("mini", widths=WIDTHS, dropout=0.25, lrn=True)
    stored = json.loads(json.dumps(network.settings()))
    assert Network.from_settings(stored) == network


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"name": "mini", "layers": [{"name": "conv1"}]},
        {"name": "mini", "layers": [{"name": "conv1", "filters": 4, "colour": 1}]},
        {"name": "mini", "layers": 3},
        {"name": "mini", "layers": [], "depth": 8},
    ],
)
def test_what_describes_no_network_is_refused(settings):
    with pytest.raises(UserError, match="wanted the description of a network"):
        Network.from_settings(settings)


def test_unknown_network_is_refused():
    with pytest.raises(UserError, match="'resnet'.*mini"):
        get_network("resnet")


@pytest.mark.parametrize(
    "widths", [(), (8,) * 6, (8,) * 8, (8, 8, 8, 0, 8, 8, 8), (8,) * 6 + (-1,)]
)
def test_wrong_widths_are_refused(widths):
    with pytest.raises(UserError, match="seven positive widths"):
        get_network("mini", widths=widths)


@pytest.mark.parametrize("dropout", [-0.1, 1.0, 1.5, float("nan")])
def test_wrong_dropout_is_refused(dropout):
    with pytest.raises(UserError, match="dropout of at least 0 and under 1"):
        get_network("mini", dropout=dropout)


@pytest.mark.parametrize("activation", ["", "gelu", "Relu"])
def test_wrong_activation_is_refused(activation):
    with pytest.raises(UserError, match="unknown activation.*relu, leaky_relu"):
        get_network("mini", activation=activation)


def test_a_description_cannot_be_changed():
    network = get_network("mini", widths=WIDTHS)
    with pytest.raises(dataclasses.FrozenInstanceError):
        network.name = "other"


@pytest.mark.parametrize("size", [32, 50])
@pytest.mark.parametrize("lrn", [False, True])
def test_counts_agree_with_keras(size, lrn):
    models = pytest.importorskip("yosinski_tf.models")
    surgery = pytest.importorskip("yosinski_tf.surgery")
    network = get_network("mini", widths=WIDTHS, lrn=lrn)
    weights = surgery.initial_weights(network, size, 5, "any")
    model = models.build_network(
        network, weights, input_size=size, mean=(0.0, 0.0, 0.0)
    )
    counted = network.count(size, num_classes=5)
    assert model.count_params() == sum(layer.parameters for layer in counted)
    shapes = {layer.name: tuple(layer.output.shape[1:]) for layer in model.layers}
    for layer in counted:
        assert model.get_layer(layer.name).count_params() == layer.parameters
        after = f"{layer.name}_pool"
        assert shapes.get(after, shapes[layer.name]) == layer.output_shape
