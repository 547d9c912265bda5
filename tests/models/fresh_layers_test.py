"""Initial values of a Keras network depend on its identity and the layer alone."""

import keras
import numpy as np
from keras import layers
from stage_networks import resnet, vit

from yosinski_tf.models.fresh_layers import initial_weights
from yosinski_tf.models.network_reading import describe


def test_every_variable_has_its_shape_and_the_same_values_every_time():
    network = describe(resnet(), name="one")
    weights = initial_weights(network, 5, "study/baseA")
    shapes = {name: value.shape for name, value in weights.items()}
    assert shapes == network.weight_shapes(16, 5)
    assert {value.dtype.name for value in weights.values()} == {"float32"}
    again = initial_weights(describe(resnet(), name="two"), 5, "study/baseA")
    assert all(np.array_equal(again[name], weights[name]) for name in weights)


def test_values_depend_on_the_identity_and_the_layer():
    network = describe(resnet(), name="test")
    one, other = (initial_weights(network, 5, identity) for identity in "ab")
    kernels = [name for name in one if name.endswith("kernel")]
    assert len(kernels) == 12
    assert not any(np.array_equal(one[name], other[name]) for name in kernels)
    # Two kernels of one shape.
    names = "block1_conv1/kernel", "block1_conv2/kernel"
    assert not np.array_equal(*(one[name] for name in names))


def test_the_values_of_a_layer_do_not_depend_on_the_other_layers():
    shallow, deep = (describe(vit(depth), name="test") for depth in (1, 2))
    one, other = (initial_weights(each, 5, "a") for each in (shallow, deep))
    assert len(one) < len(other)
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_the_layers_own_initialisers_draw_the_values():
    image = keras.Input((8, 8, 3))
    narrow = keras.initializers.RandomNormal(5.0, 0.01, seed=1)
    x = layers.Conv2D(8, 3, kernel_initializer=narrow, name="narrow")(image)
    x = layers.Conv2D(8, 3, bias_initializer="ones", name="ones")(x)
    x = layers.BatchNormalization(name="norm")(x)
    model = keras.Model(image, layers.Dense(2, name="last")(layers.Flatten()(x)))
    network = describe(model, name="test")
    weights = initial_weights(network, 4, "a")
    assert abs(weights["narrow/kernel"].mean() - 5) < 0.01
    assert 0.005 < weights["narrow/kernel"].std() < 0.02
    assert (weights["ones/bias"] == 1).all()
    assert (weights["norm/moving_variance"] == 1).all()
    # Glorot's limit, for 3 * 3 * 8 inputs and outputs.
    limit = np.sqrt(6 / (2 * 9 * 8))
    assert 0.9 * limit < abs(weights["ones/kernel"]).max() <= limit
    other = initial_weights(network, 4, "b")
    # A seed that the model gives does not make all networks alike.
    assert not np.array_equal(other["narrow/kernel"], weights["narrow/kernel"])
    assert weights["last/kernel"].shape == (128, 4)
    assert not weights["last/bias"].any()
