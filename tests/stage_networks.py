"""Small networks of many kinds, to be cut into stages."""

import keras
import numpy as np
from keras import layers, ops

from yosinski_tf.experiment.keras_networks import KerasNetwork
from yosinski_tf.models.stage_models import build_stage, variables


def resnet(side=16, classes=3):
    """A residual network of four blocks."""
    image = keras.Input((side, side, 3))
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, name="stem")(image)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    for number, (width, stride) in enumerate([(8, 1), (16, 2), (16, 1), (24, 2)], 1):
        name = f"block{number}"
        y = layers.Conv2D(width, 3, stride, "same", name=f"{name}_conv1")(x)
        y = layers.ReLU()(layers.BatchNormalization(name=f"{name}_bn1")(y))
        y = layers.Conv2D(width, 3, padding="same", name=f"{name}_conv2")(y)
        if x.shape != y.shape:
            x = layers.Conv2D(width, 1, stride, name=f"{name}_shortcut")(x)
        x = layers.ReLU()(layers.Add(name=f"{name}_add")([x, y]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(classes, name="logits")(x))


def vgg(side=32):
    """A chain of convolutions, with two hidden dense layers."""
    x = image = keras.Input((side, side, 3))
    for block in (1, 2, 3):
        for conv in (1, 2):
            name = f"block{block}_conv{conv}"
            x = layers.Conv2D(
                4 * block, 3, activation="relu", padding="same", name=name
            )(x)
        x = layers.MaxPooling2D(name=f"block{block}_pool")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(20, activation="relu", name="fc1")(x)
    x = layers.Dense(20, activation="relu", name="fc2")(layers.Dropout(0.5)(x))
    return keras.Model(image, layers.Dense(3, "softmax", name="predictions")(x))


def nested():
    """Augmentation, a base network, pooling and a classifier, as in tutorials."""
    image = keras.Input((16, 16, 3))
    augmentation = keras.Sequential(
        [layers.RandomFlip("horizontal"), layers.RandomContrast(0.1)]
    )
    whole = resnet()
    base = keras.Model(whole.input, whole.get_layer("block4_add").output, name="base")
    normalization = layers.Normalization()
    normalization.adapt(np.random.default_rng(0).random((4, 2, 2, 3)))
    x = normalization(layers.Rescaling(1 / 255)(augmentation(image)))
    x = layers.GlobalAveragePooling2D()(base(x, training=False))
    return keras.Model(image, layers.Dense(4, name="block1_conv1")(x))


def shared():
    """A convolution that is called three times, a ReLU everywhere."""
    relu = layers.ReLU(name="relu")
    again = layers.Conv2D(6, 3, padding="same", name="again")
    image = keras.Input((8, 8, 3))
    x = relu(layers.Conv2D(6, 3, 2, name="first")(image))
    between = layers.Activation("tanh", name="between")
    x = relu(again(relu(again(between(again(x))))))
    x = relu(layers.Conv2D(8, 2, name="second")(x))
    return keras.Model(image, layers.Dense(3, name="last")(layers.Flatten()(x)))


def two_norms():
    """Two convolutions of single pixels, each with batch normalisation."""
    x = image = keras.Input((2, 2, 3))
    for name in ("one", "two"):
        x = layers.Conv2D(3, 1, use_bias=False, name=name)(x)
        x = layers.BatchNormalization(epsilon=0.25, name=f"{name}_norm")(x)
        x = layers.ReLU(name=f"{name}_relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(2, name="head")(x))


def bare_ops():
    """Everything but the layers with weights is an operation."""
    image = keras.Input((8, 8, 3))
    x = ops.relu(layers.Conv2D(8, 3, name="one")(image * 2.0 - 1.0))
    left, right = ops.split(x, 2, axis=-1)
    x = ops.concatenate([right, layers.Conv2D(4, 1, name="two")(left)], axis=-1)
    x = ops.max_pool(x, 2) + 1.0
    x = ops.relu(layers.Conv2D(8, 3, name="three")(x))
    return keras.Model(image, layers.Dense(3, name="four")(ops.mean(x, axis=(1, 2))))


@keras.saving.register_keras_serializable()
class Position(layers.Layer):
    """Adds a learned vector, whose variable has no name, to every token."""

    def build(self, shape):
        self.table = self.add_weight(shape=shape[1:], initializer="glorot_uniform")

    def call(self, tokens):
        return tokens + self.table


def vit(depth=3, side=16, dropout=0.0):
    """A vision transformer."""
    image = keras.Input((side, side, 3))
    x = layers.Conv2D(8, 4, 4, name="patches")(image)
    x = Position(name="position")(layers.Reshape((-1, 8))(x))
    for number in range(1, depth + 1):
        y = layers.LayerNormalization(name=f"block{number}_norm1")(x)
        y = layers.MultiHeadAttention(2, 4, dropout=dropout, name=f"block{number}_mha")(
            y, y
        )
        x = layers.Add(name=f"block{number}_add1")([x, y])
        y = layers.LayerNormalization(name=f"block{number}_norm2")(x)
        y = layers.Dense(16, "gelu", name=f"block{number}_mlp1")(y)
        y = layers.Dense(8, name=f"block{number}_mlp2")(y)
        x = layers.Add(name=f"block{number}_add2")([x, y])
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization(name="norm")(x))
    return keras.Model(image, layers.Dense(3, name="head")(x))


def mobilenet():
    return keras.applications.MobileNetV2(
        (32, 32, 3), alpha=0.35, weights=None, classes=3
    )


def features(model: keras.Model, network: KerasNetwork, images: np.ndarray):
    """What the classifier of a whole model stands on."""
    last = [layer for layer in model.layers if layer.weights][-1]
    # Augmentation layers are random unless they are told.
    return np.asarray(keras.Model(model.input, last.input)(images, training=False))


def put_together(network, weights, images, **options):
    """The input of the classifier, from stages with these weights."""
    last = len(network.bodies) - 1
    value = images
    for number in range(last + 1):
        stage = build_stage(network, number, 3, trainable=False, **options)
        for name, variable in variables(stage).items():
            if name.split("/")[0] != network.classifier:
                variable.assign(weights[name])
        if number == last:
            stage = keras.Model(stage.input, stage.layers[-1].input)
        value = stage(value, training=False)
    return np.asarray(value)
