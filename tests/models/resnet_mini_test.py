"""The small residual network: its size, its names, and what it drops."""

import math

import keras
import numpy as np
import pytest
from refusals import assert_refused

from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.models.resnet_mini import resnet_mini


def multiply_accumulates(model):
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            places = math.prod(layer.output.shape[1:-1])
            total += math.prod(layer.kernel.shape) * places
    return total


@pytest.mark.parametrize("side, expected", [(24, 3_240_480), (32, 5_760_480)])
def test_about_twice_the_work_of_mini(side, expected):
    found = multiply_accumulates(resnet_mini((side, side, 3), 10))
    assert found == expected
    mini = get_network("mini").stages(side, 10)
    ratio = found / sum(stage.multiply_accumulates for stage in mini)
    assert 1 <= ratio <= 3


def test_the_stages_have_good_names():
    model = resnet_mini((32, 32, 3), 7)
    blocks = [f"block{number}" for number in range(1, 10)]
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers}
    assert [name for name in shapes if name in ("stem", "pool", "fc", *blocks)] == [
        "stem",
        *blocks,
        "pool",
        "fc",
    ]
    assert shapes["stem"] == shapes["block3"] == (16, 16, 12)
    assert shapes["block4"] == shapes["block6"] == (8, 8, 24)
    assert shapes["block7"] == shapes["block9"] == (4, 4, 48)
    assert shapes["fc"] == (7,)
    assert isinstance(model.get_layer("block9"), keras.layers.ReLU)


def test_blocks_and_width():
    model = resnet_mini((24, 24, 3), 2, blocks=1, width=4)
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers}
    assert shapes["block3"] == (3, 3, 16)
    assert "block4" not in shapes


def test_a_block_is_its_shortcut_and_its_branch():
    model = resnet_mini((16, 16, 3), 2, blocks=1, width=4)
    names = ("stem", "block1_conv2_bn", "block1")
    outputs = [model.get_layer(name).output for name in names]
    images = np.random.default_rng(0).normal(size=(2, 16, 16, 3))
    stem, branch, block = keras.Model(model.input, outputs)(images)
    np.testing.assert_allclose(block, np.maximum(stem + branch, 0), rtol=1e-6)
    assert np.abs(branch).max() > 0.1


def test_the_statistics_follow_within_few_steps():
    model = resnet_mini((16, 16, 3), 2)
    norms = [x for x in model.layers if "BatchNormalization" in type(x).__name__]
    # The stem, nine blocks of two, and two shortcuts that halve the image.
    assert len(norms) == 21
    assert {norm.momentum for norm in norms} == {0.9}


def test_stochastic_depth_drops_whole_branches():
    model = resnet_mini((16, 16, 3), 2, stochastic_depth=0.6)
    rates = [
        layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)
    ]
    np.testing.assert_allclose(rates, np.arange(1, 10) * 0.6 / 9)
    dropped = model.get_layer("block9_depth")(np.ones((500, 2, 2, 3)), training=True)
    per_image = np.asarray(dropped).reshape(500, -1)
    assert (per_image == per_image[:, :1]).all()
    gone = (per_image[:, 0] == 0).mean()
    assert 0.5 < gone < 0.7
    np.testing.assert_allclose(per_image[per_image > 0], 1 / 0.4, rtol=1e-6)


def test_dropout_before_the_classifier():
    model = resnet_mini((16, 16, 3), 2, dropout=0.25)
    assert model.get_layer("dropout").rate == 0.25
    assert model.layers[-2].name == "dropout"


def test_a_file_needs_no_class_of_this_project():
    model = resnet_mini((16, 16, 3), 2, dropout=0.1, stochastic_depth=0.1)
    config = keras.saving.serialize_keras_object(model)
    assert "yosinski_tf" not in str(config)
    again = keras.saving.deserialize_keras_object(config)
    assert again.count_params() == model.count_params()


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"input_shape": (7, 7, 3)}, "images of at least 8 x 8, found 7 x 7: raise"),
        ({"blocks": 0}, "a whole number of at least 1 as blocks, found 0"),
        ({"width": 2.5}, "a whole number of at least 1 as width, found 2.5"),
        ({"dropout": 1}, "from 0 to under 1 as dropout, found 1"),
        ({"stochastic_depth": "a"}, "under 1 as stochastic_depth, found 'a'"),
    ],
)
def test_arguments_out_of_range(arguments, words):
    arguments = {"input_shape": (16, 16, 3), "num_classes": 2, **arguments}
    assert_refused(words, resnet_mini, **arguments)
