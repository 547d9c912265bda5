"""A fault of oneDNN, with which TensorFlow computes convolutions on processors."""

import os
from collections.abc import Iterable

import keras

from yosinski_tf.machine import gpus, hardware
from yosinski_tf.system.errors import UserError

# Channels that it computes at a time without AVX-512.
_BLOCK = 8


def check_gradients(layers: Iterable[keras.layers.Layer]) -> None:
    """Refuses to train layers whose gradients oneDNN computes wrongly here.

    Without AVX-512 the gradient of a 1 x 1 convolution with a stride and fewer than 8
    input channels is wrong, or the process crashes (uxlfoundation/oneDNN, issue 6035;
    seen with TensorFlow 2.21).

    Args:
      layers: Layers that are built; frozen ones do not matter.

    Raises:
      UserError: If there is such a layer, and this machine would use oneDNN for it.
    """
    if (
        keras.backend.backend() != "tensorflow"
        or "avx512f" in hardware.processor_flags()
        or os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0"
        or gpus.visible()
    ):
        return
    for layer in layers:
        if isinstance(layer, keras.layers.Conv2D) and layer.trainable:
            height, width, channels, _ = layer.kernel.shape
            if (
                (height, width) == (1, 1)
                and max(layer.strides) > 1
                and channels < _BLOCK
            ):
                raise UserError(
                    f"layer {layer.name}, a 1 x 1 convolution with a stride, needs at"
                    f" least {_BLOCK} input channels on a processor without AVX-512,"
                    f" found {channels}, with which TensorFlow's gradients are wrong:"
                    " set the environment variable TF_ENABLE_ONEDNN_OPTS=0, or make"
                    " the network wider"
                )
