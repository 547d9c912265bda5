"""What an optimizer decays, which rate it takes, and AdamW against plain numpy."""

import dataclasses

import keras
import numpy as np
import pytest

from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.models.loss_scaling import ScaledSGD
from yosinski_tf.models.optimizers import optimizer_for
from yosinski_tf.models.schedule import RecipeSchedule

ADAMW = Recipe(
    steps=10,
    optimizer="adamw",
    learning_rate=0.1,
    schedule="cosine",
    warmup=3,
    rate_drops=(),
    momentum=0.8,
    weight_decay=0.5,
)
SGD = dataclasses.replace(ADAMW, optimizer="sgd", schedule="steps", warmup=0)
KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")
OTHERS = ("bias", "gamma", "beta", "embeddings", "variable_18")


def variables(*names):
    return [keras.Variable(np.full(2, 3.0, np.float32), name=name) for name in names]


def step(optimizer, trained, gradient=0.0):
    gradients = [keras.ops.full((2,), gradient) for _ in trained]
    optimizer.apply(gradients, trained)
    return [keras.ops.convert_to_numpy(each)[0] for each in trained]


# One step at the rate 0.1 and, at the first of four steps that rise, at 0.025.
@pytest.mark.parametrize(("recipe", "decayed"), [(SGD, 2.85), (ADAMW, 2.9625)])
def test_only_kernels_decay(recipe, decayed):
    trained = variables(*KERNELS, *OTHERS)
    found = step(optimizer_for(recipe, [trained]), trained)
    assert found[:3] == pytest.approx([decayed] * 3)
    assert found[3:] == [3.0] * 5


def test_only_kernels_decay_in_float16():
    trained = variables(*KERNELS, *OTHERS)
    optimizer = optimizer_for(dataclasses.replace(SGD, precision="float16"), [trained])
    assert isinstance(optimizer, ScaledSGD)
    optimizer.build(trained)
    assert step(optimizer, trained) == pytest.approx([2.85] * 3 + [3.0] * 5)


def test_only_biases_have_the_rate_of_biases():
    trained = variables(*KERNELS, *OTHERS)
    recipe = dataclasses.replace(SGD, weight_decay=0.0, bias_rate=3.0)
    found = step(optimizer_for(recipe, [trained]), trained, gradient=1.0)
    assert found == pytest.approx([2.9] * 3 + [2.7] + [2.9] * 4)


def test_ten_steps_of_adamw():
    random = np.random.default_rng(0)
    drawn = random.normal(size=(10, 2, 2)).astype(np.float32)
    trained = variables("kernel", "gamma")
    optimizer = optimizer_for(ADAMW, [trained])
    values, mean, square = np.full((2, 2), 3.0), np.zeros((2, 2)), np.zeros((2, 2))
    for number, gradients in enumerate(drawn):
        rate = ADAMW.learning_rate_at(number)
        values[0] -= rate * 0.5 * values[0]
        mean = 0.8 * mean + 0.2 * gradients
        square = 0.999 * square + 0.001 * gradients.astype(np.float64) ** 2
        unbiased = square / (1 - 0.999 ** (number + 1))
        values -= rate * mean / (1 - 0.8 ** (number + 1)) / np.sqrt(unbiased)
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], trained)
        found = [keras.ops.convert_to_numpy(each) for each in trained]
        np.testing.assert_allclose(found, values, rtol=1e-4)
    moments = [optimizer.moments(each) for each in trained]
    assert [set(each) for each in moments] == [{"momentum", "velocity"}] * 2
    kept = [keras.ops.convert_to_numpy(each["momentum"]) for each in moments]
    np.testing.assert_allclose(kept, mean, rtol=1e-4, atol=1e-6)


def test_a_network_of_adamw_does_not_feel_another_that_diverges():
    alone, kept, lost = (variables("kernel") for _ in range(3))
    one, two = optimizer_for(ADAMW, [alone]), optimizer_for(ADAMW, [kept, lost])
    for gradient in (0.5, -2.0, 0.25):
        own = keras.ops.full((2,), gradient)
        one.apply([own], alone)
        two.apply([own, keras.ops.full((2,), np.nan)], [*kept, *lost])
    assert np.array(alone[0]).tobytes() == np.array(kept[0]).tobytes()
    assert np.isnan(np.array(lost[0])).all() and np.isfinite(np.array(kept[0])).all()


@pytest.mark.parametrize("warmup", [0, 1, 70])
@pytest.mark.parametrize(
    "changes", [{"rate_drops": (60, 900)}, {"rate_drops": ()}, {"schedule": "cosine"}]
)
def test_the_rate_of_every_step_is_that_of_the_recipe(changes, warmup):
    recipe = Recipe(steps=1500, warmup=warmup, **changes)
    found = keras.ops.vectorized_map(RecipeSchedule(recipe), np.arange(1500))
    expected = [recipe.learning_rate_at(number) for number in range(1500)]
    np.testing.assert_allclose(np.array(found), expected, rtol=1e-6, atol=0)


def test_the_optimizer_takes_the_rate_of_the_recipe():
    trained = variables("kernel")
    optimizer = optimizer_for(ADAMW, [trained])
    optimizer.build(trained)
    for number in range(10):
        rate = float(optimizer.learning_rate)
        assert rate == pytest.approx(ADAMW.learning_rate_at(number), rel=1e-6)
        step(optimizer, trained)


def test_adamw_survives_its_config():
    trained, again = variables("kernel", "beta"), variables("kernel", "beta")
    optimizer = optimizer_for(ADAMW, [trained])
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    for gradient in (1.0, -2.0):
        found = step(optimizer, trained, gradient)
        assert step(copy, again, gradient) == found
    assert found[0] != found[1]
