"""What the pixels of a network's input are scaled to, see `keras_networks.PIXELS`."""

from collections.abc import Iterator

import keras
from keras import layers, ops

from yosinski_tf.experiment.network_specs import NetworkSpec
from yosinski_tf.models import applications

# Means and standard deviations of ImageNet's channels, as in `keras.applications`.
_CAFFE_MEAN = (103.939, 116.779, 123.68)  # Blue, green, red.
_TORCH_MEAN = (0.485, 0.456, 0.406)
_TORCH_DEVIATION = (0.229, 0.224, 0.225)
# Classes of layers and operations that scale pixels.
_SCALING = {
    "Add",
    "Divide",
    "Multiply",
    "Normalization",
    "Rescaling",
    "Subtract",
    "TrueDivide",
}


def apply_pixels(images: keras.KerasTensor, mode: str) -> keras.KerasTensor:
    """Scales pixels as a network needs them, with layers of Keras only.

    Args:
      images: [batch, height, width, 3], uint8 or float, RGB, 0..255.
      mode: `caffe`: BGR, less ImageNet's mean. `tf`: -1..1. `torch`: less ImageNet's
        mean, divided by its standard deviation. `0..1`. `0..255` and `own`: as they
        are.

    Returns:
      float32 of the same shape.

    Raises:
      ValueError: If there is no such mode, or it is `mean`, which depends on a data
        set.
    """
    scale: float | list[float] = 1.0
    offset: float | list[float] = 0.0
    match mode:
        case "caffe":
            images = ops.flip(images, axis=-1)
            offset = [-mean for mean in _CAFFE_MEAN]
        case "tf":
            scale, offset = 1 / 127.5, -1.0
        case "torch":
            scale = [1 / (255 * deviation) for deviation in _TORCH_DEVIATION]
            moments = zip(_TORCH_MEAN, _TORCH_DEVIATION, strict=True)
            offset = [-mean / deviation for mean, deviation in moments]
        case "0..1":
            scale = 1 / 255
        case "0..255" | "own":
            pass
        case _:
            raise ValueError(f"no way to scale pixels is called {mode!r}")
    return layers.Rescaling(scale, offset, dtype="float32", name="pixels")(images)


def guess_pixels(model: keras.Model, spec: NetworkSpec) -> tuple[str | None, str]:
    """What the pixels of a network should be scaled to, and why, as far as seen.

    Returns:
      One of `keras_networks.PIXELS`, or None if nothing is known; and a phrase to
      print behind it.
    """
    if spec.kind == "resnet_mini":
        return "mean", "as usual for a network of this project"
    if scaling := _scaling(model):
        return "own", f"the layer {scaling} scales them"
    if spec.kind == "keras":
        function = getattr(keras.applications, spec.name)
        module = function.__module__.rpartition(".")[2]
        why = "as in"
    else:
        names = [operation.name for operation in _operations(model)]
        module = applications.find_family(names)
        why = "its layers are named as in"
    if module not in applications.FAMILIES:
        return None, "no layer scales them, and the network is of no known family"
    mode = applications.FAMILIES[module].pixels
    if mode == "own":
        return None, f"keras.applications.{module} has a layer for it, this model none"
    return mode, f"{why} keras.applications.{module}"


def _scaling(model: keras.Model) -> str | None:
    """Name of the layer before the first one with weights that scales pixels."""
    for operation in _operations(model):
        if type(operation).__name__ in _SCALING:
            return operation.name
        if isinstance(operation, keras.Layer) and operation.weights:
            return None
    return None


def _operations(model: keras.Model) -> Iterator[keras.Operation]:
    """Layers and bare operations, those of nested models too, from the input on."""
    for operation in getattr(model, "operations", model.layers):
        if isinstance(operation, keras.Model):
            yield from _operations(operation)
        else:
            yield operation
