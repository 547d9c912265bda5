"""A small residual network for small images, with batch normalisation."""

import keras
from keras import layers

from yosinski_tf.system.errors import UserError

_GROUPS = 3
# A side of at least one pixel after the stem and the groups halved it.
_SMALLEST = 2**_GROUPS
# Few steps are trained here: Keras' 0.99 would keep the first statistics too long.
_MOMENTUM = 0.9


def resnet_mini(
    input_shape: tuple[int, int, int],
    num_classes: int,
    blocks: int = 3,
    width: int = 12,
    dropout: float = 0.0,
    stochastic_depth: float = 0.0,
) -> keras.Model:
    """Builds a residual network of basic blocks, for images of 24 to 64 pixels.

    A strided convolution, three groups of blocks of which each but the first halves
    the image and doubles the channels, global pooling and a classifier. The last
    layers of the blocks are called `block1`, `block2`, and so on. At 32 x 32 and its
    usual width it needs 2.3 times as many multiply-accumulates as `mini`. (Not in the
    paper; the blocks are those of He et al. 2016, for CIFAR.)

    Args:
      input_shape: [height, width, channels] of the images.
      num_classes: Number of outputs, which are logits.
      blocks: Residual blocks in each group.
      width: Channels of the first group.
      dropout: Share of the pooled features dropped in training, at least 0, under 1.
      stochastic_depth: Share of the images for which the last block is its shortcut
        alone in training, at least 0, under 1; less in earlier blocks, in proportion.
        (Huang et al. 2016.)

    Raises:
      UserError: If an argument is out of range, or the images are too small.
    """
    _check(input_shape, blocks, width, dropout, stochastic_depth)
    inputs = keras.Input(input_shape, name="image")
    x = _convolution(inputs, width, 3, 2, "stem_conv")
    x = layers.ReLU(name="stem")(x)
    count = _GROUPS * blocks
    for index in range(count):
        group, place = divmod(index, blocks)
        x = _block(
            x,
            filters=width * 2**group,
            step=2 if group and not place else 1,
            dropped=stochastic_depth * (index + 1) / count,
            name=f"block{index + 1}",
        )
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(
        inputs, layers.Dense(num_classes, name="fc")(x), name="resnet_mini"
    )


def _block(x, filters: int, step: int, dropped: float, name: str):
    shortcut = x
    if step > 1 or x.shape[-1] != filters:
        shortcut = _convolution(x, filters, 1, step, f"{name}_shortcut")
    x = _convolution(x, filters, 3, step, f"{name}_conv1")
    x = layers.ReLU(name=f"{name}_relu1")(x)
    x = _convolution(x, filters, 3, 1, f"{name}_conv2")
    if dropped:
        # One number per image: the whole branch is there or not.
        shape = (None, 1, 1, 1)
        x = layers.Dropout(dropped, noise_shape=shape, name=f"{name}_depth")(x)
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.ReLU(name=name)(x)


def _convolution(x, filters: int, kernel: int, step: int, name: str):
    x = layers.Conv2D(
        filters,
        kernel,
        step,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return layers.BatchNormalization(momentum=_MOMENTUM, name=f"{name}_bn")(x)


def _check(input_shape, blocks, width, dropout, stochastic_depth) -> None:
    side = min(input_shape[:2])
    if side < _SMALLEST:
        raise UserError(
            f"resnet_mini needs images of at least {_SMALLEST} x {_SMALLEST}, found"
            f" {side} x {side}: raise --image_size"
        )
    for name, count in (("blocks", blocks), ("width", width)):
        if type(count) is not int or count < 1:
            raise UserError(
                f"resnet_mini needs a whole number of at least 1 as {name}, found"
                f" {count!r}"
            )
    for name, share in (("dropout", dropout), ("stochastic_depth", stochastic_depth)):
        if type(share) not in (int, float) or not 0 <= share < 1:
            raise UserError(
                f"resnet_mini needs a number from 0 to under 1 as {name}, found"
                f" {share!r}"
            )
