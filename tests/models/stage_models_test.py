"""A network cut into stages and put together again computes the same numbers."""

import json

import keras
import numpy as np
import pytest
from stage_networks import (
    bare_ops,
    features,
    mobilenet,
    nested,
    put_together,
    resnet,
    shared,
    vgg,
    vit,
)

from yosinski_tf.experiment.keras_networks import KerasNetwork
from yosinski_tf.models import graph_config
from yosinski_tf.models.network_reading import describe, network_weights
from yosinski_tf.models.stage_models import build_stage, variables
from yosinski_tf.system.errors import UserError

MODELS = {
    "resnet": (resnet, "size"),
    "resnet by block": (resnet, "block"),
    "mobilenet": (mobilenet, "size"),
    "vgg": (vgg, "size"),
    "nested": (nested, "size"),
    "shared": (shared, "block"),
    "bare ops": (bare_ops, "block"),
    "vit": (vit, "size"),
}


def randomized(model):
    """The model with random values in all variables, moving statistics too."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        low = 0.5 if "variance" in weight.path else -0.4
        weight.assign(random.uniform(low, 0.6, weight.shape))
    return model


@pytest.mark.parametrize("name", MODELS)
def test_the_stages_together_are_the_whole_to_the_last_bit(name):
    make, stages = MODELS[name]
    model = randomized(make())
    network = describe(model, name="test", stages=stages)
    images = np.random.default_rng(1).random((2, *model.input_shape[1:]), np.float32)
    whole = features(model, network, images)
    found = put_together(network, network_weights(model, network), images)
    assert np.isfinite(whole).all() and whole.std() > 0
    assert np.array_equal(found.reshape(whole.shape), whole)


@pytest.mark.parametrize("name", [each for each in MODELS if each != "mobilenet"])
def test_a_stage_has_the_variables_and_shapes_that_are_described(name):
    make, how = MODELS[name]
    network = describe(make(), name="test", stages=how)
    stages = network.stages(network.input_size, 3)
    for number, stage in enumerate(stages):
        model = build_stage(network, number, 3, trainable=True)
        shapes = {name: tuple(v.shape) for name, v in variables(model).items()}
        assert shapes == stage.weights
        assert model.output_shape == (None, *stage.output_shape)
    assert model.layers[-1].name == network.classifier


def test_weights_come_out_as_they_are():
    model = randomized(resnet())
    weights = network_weights(model, describe(model, name="test"))
    kernel = np.asarray(model.get_layer("block2_shortcut").kernel)
    assert np.array_equal(weights["block2_shortcut/kernel"], kernel)
    mean = np.asarray(model.get_layer("block3_bn1").moving_mean)
    assert np.array_equal(weights["block3_bn1/moving_mean"], mean)
    assert {value.dtype.name for value in weights.values()} == {"float32"}
    # 4 blocks of 2 convolutions and a normalisation, 2 shortcuts, the stem and its own.
    assert len(weights) == 4 * (2 * 2 + 4) + 2 * 2 + 1 + 4
    assert not any(name.startswith("logits") for name in weights)


def test_a_frozen_stage_trains_nothing_and_keeps_its_statistics():
    network = describe(resnet(), name="test")
    frozen = build_stage(network, 0, 3, trainable=False)
    trained = build_stage(network, 0, 3, trainable=True)
    assert [v.path.split("/")[-1] for v in trained.trainable_variables][:3] == [
        "kernel",
        "gamma",
        "beta",
    ]
    assert frozen.trainable_variables == []
    images = np.random.default_rng(0).random((4, 16, 16, 3), np.float32)
    for stage, same in [(frozen, True), (trained, False)]:
        moving = variables(stage)["batch_normalization/moving_mean"]
        before = np.asarray(moving)
        stage(images, training=True)
        assert np.array_equal(np.asarray(moving), before) == same


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_keeps_variables_and_logits_in_float32(precision):
    model = resnet()
    network = describe(model, name="test")
    images = np.random.default_rng(1).random((2, 16, 16, 3), np.float32)
    last = len(network.bodies) - 1
    stages = [
        build_stage(network, n, 3, trainable=True, precision=precision)
        for n in range(last + 1)
    ]
    value = images
    assert [stage.input.dtype for stage in stages] == ["float32", *last * [precision]]
    for stage in stages[:-1]:
        value = stage(value)
        assert value.dtype == precision
    assert stages[-1](value).dtype == "float32"
    kinds = {v.dtype for stage in stages for v in variables(stage).values()}
    assert kinds == {"float32"}


def test_a_mixed_precision_model_is_described_as_float32():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        mixed = resnet()
    finally:
        keras.config.set_dtype_policy("float32")
    assert describe(mixed, name="a").digest == describe(resnet(), name="b").digest


def test_the_graph_is_read_once_for_all_members_of_a_cohort(monkeypatch):
    reads, read = [], graph_config.topological

    def counted(config):
        reads.append(1)
        return read(config)

    monkeypatch.setattr(graph_config, "topological", counted)
    # No other test has a network of this digest.
    network = describe(resnet(), name="test", pixels="0..1")
    reads.clear()
    one, other = (build_stage(network, 1, 3, trainable=True) for _ in range(2))
    assert len(reads) == 1
    assert variables(one).keys() == variables(other).keys()
    assert not {id(v) for v in one.variables} & {id(v) for v in other.variables}


def test_a_stored_graph_runs_no_code():
    network = describe(resnet(), name="resnet")
    text = json.dumps(network.to_json())
    assert '"class_name": "Add"' in text
    changed = json.loads(text.replace('"class_name": "Add"', '"class_name": "Lambda"'))
    with pytest.raises(UserError, match="network.json .*Lambda, which is not loaded"):
        build_stage(KerasNetwork.from_json(changed), 1, 3, trainable=True)
