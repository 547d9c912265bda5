"""CaffeSGD against the same rule written in numpy."""

import dataclasses

import keras
import numpy as np
import pytest

from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.models.caffe_sgd import CaffeSGD
from yosinski_tf.models.optimizers import optimizer_for

DECAY = 0.05
RECIPE = Recipe(
    steps=10,
    learning_rate=0.1,
    rate_drops=(4, 7),
    drop_factor=0.1,
    momentum=0.9,
    weight_decay=DECAY,
    bias_rate=2.0,
)
# The share of the first rate in steps 0..3, 4..6 and 7..9.
DROPPING = [1.0] * 4 + [0.1] * 3 + [0.01] * 3


def make_variables(seed=0):
    random = np.random.default_rng(seed)
    return [
        keras.Variable(random.normal(size=shape).astype(np.float32), name=name)
        for name, shape in (("kernel", (3, 2)), ("bias", (2,)))
    ]


def gradients(step):
    random = np.random.default_rng([1, step])
    return [random.normal(size=shape).astype(np.float32) for shape in ((3, 2), (2,))]


def numpy_step(velocity, rate, gradient, decayed=0.0):
    return 0.9 * velocity + rate * (gradient + DECAY * decayed)


def numpy_steps(values, rates):
    kernel, bias = (np.array(value, np.float64) for value in values)
    kernel_velocity, bias_velocity = np.zeros_like(kernel), np.zeros_like(bias)
    for step, rate in enumerate(rates):
        on_kernel, on_bias = gradients(step)
        kernel_velocity = numpy_step(kernel_velocity, rate, on_kernel, kernel)
        bias_velocity = numpy_step(bias_velocity, 2 * rate, on_bias)
        kernel, bias = kernel - kernel_velocity, bias - bias_velocity
        yield kernel, bias


def keras_steps(optimizer, variables):
    """Takes ten steps; gives the variables after each."""
    for step in range(10):
        tensors = [keras.ops.convert_to_tensor(g) for g in gradients(step)]
        optimizer.apply(tensors, variables)
        yield [keras.ops.convert_to_numpy(v) for v in variables]


def test_ten_steps_with_two_drops_of_the_rate():
    variables = make_variables()
    start = [keras.ops.convert_to_numpy(v) for v in variables]
    expected = numpy_steps(start, [0.1 * share for share in DROPPING])
    found = keras_steps(optimizer_for(RECIPE, []), variables)
    for values, right in zip(found, expected, strict=True):
        for value, one in zip(values, right, strict=True):
            np.testing.assert_allclose(value, one, rtol=1e-5, atol=1e-6)


def test_the_rate_of_every_step_is_that_of_the_recipe():
    optimizer = optimizer_for(RECIPE, [])
    taken = keras_steps(optimizer, make_variables())
    for step, share in enumerate(DROPPING):
        rate = float(optimizer.learning_rate)
        assert rate == pytest.approx(RECIPE.learning_rate_at(step))
        assert rate == pytest.approx(0.1 * share)
        next(taken)


def test_weight_decay_changes_kernels_only():
    variables = make_variables()
    kernel, bias = (keras.ops.convert_to_numpy(v).copy() for v in variables)
    zeros = [keras.ops.zeros(v.shape) for v in variables]
    CaffeSGD(0.5, momentum=0.0, weight_decay=0.25).apply(zeros, variables)
    np.testing.assert_allclose(variables[0].numpy(), kernel * 0.875, rtol=1e-6)
    assert variables[1].numpy().tobytes() == bias.tobytes()


def test_biases_have_their_own_rate():
    variables = make_variables()
    kernel, bias = (keras.ops.convert_to_numpy(v).copy() for v in variables)
    ones = [keras.ops.ones(v.shape) for v in variables]
    CaffeSGD(0.5, momentum=0.0, weight_decay=0.0, bias_rate=3.0).apply(ones, variables)
    np.testing.assert_allclose(variables[0].numpy(), kernel - 0.5, rtol=1e-6)
    np.testing.assert_allclose(variables[1].numpy(), bias - 1.5, rtol=1e-6)


def test_a_velocity_set_at_a_high_rate_survives_a_drop():
    # As in Caffe, the velocity contains the rate.
    variables = [keras.Variable(np.zeros((1,), np.float32), name="kernel")]
    recipe = Recipe(
        steps=2, learning_rate=1.0, rate_drops=(1,), momentum=0.5, weight_decay=0.0
    )
    optimizer = optimizer_for(recipe, [])
    one = [keras.ops.ones((1,))]
    optimizer.apply(one, variables)
    assert variables[0].numpy()[0] == pytest.approx(-1.0)
    optimizer.apply(one, variables)
    assert variables[0].numpy()[0] == pytest.approx(-1.6)


def test_the_rule_for_biases_holds_inside_a_model():
    # Zero input: the kernel has no gradient, the bias twice its own value.
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    kernel = np.array([[1.0], [2.0], [-3.0], [4.0]], np.float32)
    model.layers[0].set_weights([kernel, np.array([8.0], np.float32)])
    optimizer = CaffeSGD(0.125, momentum=0.0, weight_decay=1.0, bias_rate=2.0)
    model.compile(optimizer, "mse", jit_compile=False)
    zeros = np.zeros((2, 4), np.float32)
    model.fit(zeros, np.zeros((2, 1), np.float32), verbose=0)
    assert model.layers[0].kernel.numpy().tolist() == (0.875 * kernel).tolist()
    assert model.layers[0].bias.numpy().tolist() == [8.0 - 2 * 0.125 * 16.0]


def test_a_frozen_layer_does_not_change_or_decay():
    random = np.random.default_rng(0)
    frozen, head = keras.layers.Dense(5, trainable=False), keras.layers.Dense(3)
    model = keras.Sequential([keras.Input((4,)), frozen, head])
    before = [w.copy() for w in frozen.get_weights()]
    head_before = [w.copy() for w in head.get_weights()]
    model.compile(CaffeSGD(0.1, weight_decay=0.5), "mse", jit_compile=False)
    x = random.normal(size=(16, 4)).astype(np.float32)
    model.fit(x, np.ones((16, 3), np.float32), epochs=3, batch_size=4, verbose=0)
    for old, new in zip(before, frozen.get_weights(), strict=True):
        assert old.tobytes() == new.tobytes()
    for old, new in zip(head_before, head.get_weights(), strict=True):
        assert (old != new).any()


def test_the_optimizer_survives_its_config():
    optimizer = optimizer_for(RECIPE, [])
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    *_, found = keras_steps(optimizer, make_variables())
    *_, again = keras_steps(copy, make_variables())
    for one, other in zip(found, again, strict=True):
        assert one.tobytes() == other.tobytes()


def numpy_network(weights, steps, rates, frozen=()):
    """Ten steps of a network 6-5-4-3 in double precision, written out.

    ReLU, softmax and mean cross-entropy; weights is a list of [kernel, bias].
    """
    layers = [[np.array(part, np.float64) for part in layer] for layer in weights]
    speeds = [[np.zeros_like(part) for part in layer] for layer in layers]
    after = []
    for (x, labels), rate in zip(steps, rates, strict=True):
        inputs, value = [], x.astype(np.float64)
        for number, (kernel, bias) in enumerate(layers):
            inputs.append(value)
            value = value @ kernel + bias
            if number < 2:
                value = np.maximum(value, 0)
        share = np.exp(value - value.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        upstream = (share - np.eye(3)[labels]) / len(labels)
        gradients = [None, None, None]
        for number in (2, 1, 0):
            gradients[number] = (inputs[number].T @ upstream, upstream.sum(axis=0))
            # The ReLU below passed what is positive.
            upstream = (upstream @ layers[number][0].T) * (inputs[number] > 0)
        for number in range(3):
            if number in frozen:
                continue
            kernel, bias = layers[number]
            on_kernel, on_bias = gradients[number]
            moved, turned = speeds[number]
            moved = numpy_step(moved, rate, on_kernel, kernel)
            turned = numpy_step(turned, 2 * rate, on_bias)
            speeds[number] = [moved, turned]
            layers[number] = [kernel - moved, bias - turned]
        after.append([part for layer in layers for part in layer])
    return after


@pytest.mark.parametrize("frozen", [(), (0,), (0, 1)], ids=["none", "one", "two"])
def test_ten_steps_of_a_network_with_drops_of_the_rate(frozen):
    random = np.random.default_rng(5)
    model = keras.Sequential([keras.Input((6,))])
    for number, (units, activation) in enumerate([(5, "relu"), (4, "relu"), (3, None)]):
        model.add(
            keras.layers.Dense(
                units, activation, trainable=number not in frozen, name=f"layer{number}"
            )
        )
    start = [
        [random.normal(0, 0.6, v.shape).astype(np.float32) for v in layer.weights]
        for layer in model.layers
    ]
    for layer, values in zip(model.layers, start, strict=True):
        layer.set_weights(values)
    recipe = dataclasses.replace(RECIPE, learning_rate=0.2)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer_for(recipe, []), loss, jit_compile=False)
    steps = [
        (random.normal(size=(8, 6)).astype(np.float32), random.integers(0, 3, 8))
        for _ in range(10)
    ]
    rates = [0.2 * share for share in DROPPING]
    expected = numpy_network(start, steps, rates, frozen)
    for step, (x, labels) in enumerate(steps):
        model.train_on_batch(x, labels)
        found = [np.array(v) for layer in model.layers for v in layer.weights]
        for value, right in zip(found, expected[step], strict=True):
            np.testing.assert_allclose(value, right, rtol=1e-5, atol=1e-6)
        for number in frozen:
            for value, first in zip(found[2 * number :], start[number], strict=False):
                assert value.tobytes() == first.tobytes()
    # The comparison is strict enough: drops one step later give another result.
    late = numpy_network(start, steps, [0.2] * 5 + [0.02] * 3 + [0.002] * 2, frozen)
    assert np.abs(late[-1][-2] - expected[-1][-2]).max() > 1e-3
