"""Keras layers of our own, in `keras.ops` only, so that any backend runs them."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("yosinski_tf")
class PixelScaling(keras.layers.Layer):
    """Subtracts a mean from pixels and multiplies by a constant.

    Takes images [batch, height, width, 3], uint8 or float, 0..255; returns
    float32 of the same shape. The paper subtracts the mean of the training
    set in use and does not scale.
    """

    def __init__(self, mean: tuple[float, ...], scale: float, **kwargs):
        """Makes the layer.

        Args:
          mean: One number per channel, 0..255.
          scale: Factor after the subtraction.
          **kwargs: As for any Keras layer.
        """
        kwargs = {"dtype": "float32", "trainable": False, **kwargs}
        super().__init__(autocast=False, **kwargs)
        self.mean = tuple(float(value) for value in mean)
        self.scale = float(scale)

    def call(self, inputs):
        pixels = ops.cast(inputs, "float32")
        return (pixels - ops.convert_to_tensor(self.mean, "float32")) * self.scale

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, "float32")

    def get_config(self):
        return {**super().get_config(), "mean": self.mean, "scale": self.scale}


@keras.saving.register_keras_serializable("yosinski_tf")
class LocalResponseNormalization(keras.layers.Layer):
    """Local response normalisation across channels, as Caffe computes it.

    y[c] = x[c] / (k + alpha / size * sum of x[c']^2 over |c' - c| <= size // 2)
    ^ 0.75, with beta fixed at 0.75. Caffe divides alpha by the size;
    TensorFlow's own op does not. Input and output [batch, height, width,
    channels]; computed in float32, returned in the input's dtype.

    The sum over neighbouring channels is a product with a banded matrix of
    ones: on a CPU about half the time of TensorFlow's op.
    """

    def __init__(self, size: int = 5, alpha: float = 1e-4, k: float = 1.0, **kwargs):
        """Makes the layer.

        Args:
          size: Channels summed over, odd.
          alpha: Caffe's alpha.
          k: The constant in the denominator.
          **kwargs: As for any Keras layer.
        """
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
        return {
            **super().get_config(),
            "size": self.size,
            "alpha": self.alpha,
            "k": self.k,
        }
