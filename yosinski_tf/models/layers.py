"""Keras layers that Keras lacks, in `keras.ops` only, so that any backend runs them."""

import math
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops


class _MeanLayer(keras.layers.Layer):
    """Subtracts a mean from pixels, 0..255, then multiplies by `scale`."""

    def __init__(self, mean: Sequence[float] | np.ndarray, scale: float, **kwargs):
        kwargs = {"dtype": "float32", "trainable": False, **kwargs}
        super().__init__(autocast=False, **kwargs)
        self.mean = np.asarray(mean, np.float32)
        self.scale = float(scale)

    def compute_output_spec(self, inputs, *unused):
        return keras.KerasTensor(inputs.shape, "float32")

    def get_config(self):
        config = {"mean": self.mean.tolist(), "scale": self.scale}
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable("yosinski_tf")
class PixelScaling(_MeanLayer):
    """Subtracts one mean from all images, then multiplies by a constant.

    Takes images [batch, height, width, 3], uint8 or float, 0..255; returns float32
    of the same shape. (The paper subtracts the mean of the training images and does
    not scale.)

    Args:
      mean: One number per channel, 0..255, or an image of them, [height, width, 3].
    """

    def call(self, inputs):
        pixels = ops.cast(inputs, "float32")
        # A whole row: subtracting three numbers at a time takes three times as long.
        mean = np.broadcast_to(self.mean, (*self.mean.shape[:-2], inputs.shape[2], 3))
        return (pixels - ops.convert_to_tensor(mean)) * self.scale


@keras.saving.register_keras_serializable("yosinski_tf")
class CropScaling(_MeanLayer):
    """Subtracts from each crop the part of the mean image that it was cut from.

    Takes crops [batch, size, size, 3], uint8 or float, 0..255, and their places,
    int32 [batch, 3]: top row and left column in the whole image, and 1 for a mirrored
    crop, for which the mean is mirrored too. Returns float32 of the crops' shape.
    (Caffe subtracts before it mirrors.)

    Args:
      mean: Mean of the whole images, [side, side, 3], 0..255.
    """

    def call(self, inputs, places):
        size, side = inputs.shape[1], self.mean.shape[1]
        line = ops.arange(size, dtype="int32")
        top, left, mirrored = (places[:, i, None] for i in range(3))
        rows = top + line
        columns = left + ops.where(mirrored == 1, size - 1 - line, line)
        where = rows[:, :, None] * side + columns[:, None, :]
        mean = ops.convert_to_tensor(self.mean.reshape(-1, 3))
        pixels = ops.cast(inputs, "float32")
        return (pixels - ops.take(mean, where, axis=0)) * self.scale


@keras.saving.register_keras_serializable("yosinski_tf")
class GroupedConv2D(keras.layers.Conv2D):
    """A convolution in groups, computed as one convolution per group.

    Variables, configuration and results are those of `keras.layers.Conv2D`. Keras'
    own grouped convolution compiles with XLA and is many times slower on a CPU.
    """

    def convolution_op(self, inputs, kernel):
        parts = zip(
            ops.split(inputs, self.groups, axis=-1),
            ops.split(kernel, self.groups, axis=-1),
            strict=True,
        )
        convolve = super().convolution_op
        return ops.concatenate([convolve(*part) for part in parts], axis=-1)


@keras.saving.register_keras_serializable("yosinski_tf")
class CaffeMaxPooling2D(keras.layers.Layer):
    """Max pooling as Caffe computes it: no padding, output size rounded up.

    Takes [batch, height, width, channels]; a side of n becomes ceil((n - window)
    / step) + 1. The lower and right border cut off windows that reach over them.

    Args:
      window: Side of the square window, at least `step`.
      step: Pixels from one window to the next.
    """

    def __init__(self, window: int, step: int, **kwargs):
        super().__init__(**{"trainable": False, **kwargs})
        self.window, self.step = window, step

    def call(self, inputs):
        beyond = [
            max(0, (self._size(side) - 1) * self.step + self.window - side)
            for side in inputs.shape[1:3]
        ]
        if any(beyond):
            down, right = beyond
            inputs = ops.pad(
                inputs,
                ((0, 0), (0, down), (0, right), (0, 0)),
                constant_values=-np.inf,
            )
        return ops.max_pool(inputs, self.window, self.step, padding="valid")

    def _size(self, side: int) -> int:
        return math.ceil((side - self.window) / self.step) + 1

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, self._size(height), self._size(width), channels)

    def get_config(self):
        return {**super().get_config(), "window": self.window, "step": self.step}


@keras.saving.register_keras_serializable("yosinski_tf")
class LocalResponseNormalization(keras.layers.Layer):
    """Local response normalisation across channels, as Caffe computes it.

    y[c] = x[c] / (k + alpha / size * sum of x[c']^2 over |c' - c| <= size // 2)
    ^ 0.75, with an odd size. Caffe divides alpha by the size; TensorFlow's own op does
    not. Input and output [batch, height, width, channels]; computed in float32,
    returned in the input's dtype.

    The sum over neighbouring channels is a product with a banded matrix of ones,
    which takes about half the time of TensorFlow's op on a CPU.
    """

    def __init__(self, size: int = 5, alpha: float = 1e-4, k: float = 1.0, **kwargs):
        super().__init__(**{"trainable": False, **kwargs})
        self.size, self.alpha, self.k = size, alpha, k

    def call(self, inputs):
        channels = inputs.shape[-1]
        index = np.arange(channels)
        near = np.abs(index[:, None] - index[None, :]) <= self.size // 2
        band = ops.convert_to_tensor(near * (self.alpha / self.size), "float32")
        values = ops.cast(inputs, "float32")
        root = ops.rsqrt(self.k + ops.matmul(ops.square(values), band))
        # s^-0.75 as r * sqrt(r) with r = s^-0.5: no power function.
        return ops.cast(values * root * ops.sqrt(root), inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = {"size": self.size, "alpha": self.alpha, "k": self.k}
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable("yosinski_tf")
class IndexedDropout(keras.layers.Layer):
    """Dropout whose masks are a function of the seed, the step and the image.

    A mask is bits of a hash. So any step can be repeated, any part of a batch can be
    computed elsewhere, and all backends draw the same masks. Keras' own dropout
    keeps a state, and its masks depend on the backend.

    Takes activations [batch, units] and the index of each image, int32 [batch,
    2]: step and position in the batch. Activations that stay are multiplied by
    1 / (1 - rate). Without indices, and when not training, nothing is dropped.

    Args:
      rate: Share of activations to drop, at least 0 and under 1.
      seed: Seed of the masks, 0..2^32 - 1, another for every layer.
    """

    def __init__(self, rate: float, seed: int, **kwargs):
        super().__init__(**{"trainable": False, **kwargs})
        self.rate, self.seed = rate, seed

    def call(self, inputs, indices=None, training=False):
        if indices is None or not training:
            return inputs
        step, position = (ops.cast(indices[:, i], "uint32") for i in range(2))
        image = _mixed(_mixed(step) + ops.cast(self.seed, "uint32"))
        units = np.arange(inputs.shape[1], dtype=np.uint64) * 0x9E3779B9 % 2**32
        units = ops.convert_to_tensor(units.astype(np.uint32))
        bits = _mixed(ops.expand_dims(_mixed(image + position), 1) + units)
        kept = bits >= ops.cast(int(self.rate * 2**32), "uint32")
        return ops.where(kept, inputs / (1 - self.rate), ops.zeros_like(inputs))

    def compute_output_spec(self, inputs, indices=None, training=False):
        return keras.KerasTensor(inputs.shape, self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


def _mixed(bits):
    """A permutation of 0..2^32 - 1 in which every bit depends on every bit.

    The constants are those of Christopher Wellons' `lowbias32`.
    """
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        bits = ops.bitwise_xor(bits, ops.right_shift(bits, ops.cast(shift, "uint32")))
        bits = bits * ops.cast(factor, "uint32")
    return ops.bitwise_xor(bits, ops.right_shift(bits, ops.cast(16, "uint32")))
