"""The first operation of a network: its pixels, scaled as it needs them."""

import keras
import numpy as np

from yosinski_tf.experiment.stages import Network
from yosinski_tf.models.layers import PixelScaling
from yosinski_tf.models.pixels import apply_pixels


def scaled(
    network: Network, size: int, mean: np.ndarray, images: keras.KerasTensor
) -> keras.KerasTensor:
    """Subtracts the mean pixel or the centre of the mean image, or as `pixels` says.

    Args:
      size: Side of the images, pixels.
      mean: float32 [3] or [side, side, 3], 0..255.
      images: uint8 [batch, size, size, 3].

    Returns:
      float32 of the same shape.
    """
    if network.pixels != "mean":
        return apply_pixels(images, network.pixels)
    mean = central_mean(mean, size)
    return PixelScaling(mean, network.pixel_scale, name="pixels")(images)


def central_mean(mean: np.ndarray, size: int) -> np.ndarray:
    """What is subtracted from central crops: the mean pixel, or a part of the image.

    Args:
      mean: [3] or [side, side, 3].
      size: Side of the crops, pixels.
    """
    if mean.ndim == 1:
        return mean
    margin = (mean.shape[0] - size) // 2
    return mean[margin : margin + size, margin : margin + size]
