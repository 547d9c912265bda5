"""A network in Keras' own layers and operations, so that Keras alone can load it."""

import math
from collections.abc import Mapping, Sequence

import keras
import numpy as np
from keras import layers, ops

from yosinski_tf.experiment.keras_networks import KerasNetwork
from yosinski_tf.experiment.networks import EightLayers
from yosinski_tf.experiment.stages import Network
from yosinski_tf.models import blocks, graph_config, keras_graph, stage_models
from yosinski_tf.models.cohort import model_name
from yosinski_tf.models.layers import (
    CaffeMaxPooling2D,
    GroupedConv2D,
    IndexedDropout,
    LocalResponseNormalization,
)
from yosinski_tf.models.pixel_scaling import central_mean
from yosinski_tf.models.pixels import apply_pixels
from yosinski_tf.system.errors import UserError


def plain_network(
    network: Network,
    weights: Mapping[str, np.ndarray],
    *,
    input_size: int,
    num_classes: int,
    mean: Sequence[float] | np.ndarray,
    frozen: int = 0,
) -> keras.Model:
    """A trained network without any layer of this project, its preprocessing inside.

    Layers with weights keep their names, and outputs beyond the classes are left out.

    Args:
      weights: By `layer/variable`, of every layer.
      input_size: Side of the square images, pixels.
      num_classes: Classes, the first outputs of the classifier.
      mean: See `build_cohort`; of a mean image the centre is subtracted.
      frozen: First stages whose layers get `trainable` False.

    Returns:
      A functional model without nested models, from `images`, float32 [batch, size,
      size, 3], RGB, 0..255 (uint8 will do), to `probabilities`, float32 [batch,
      num_classes], whose sum is 1.

    Raises:
      UserError: If Keras has no layers that compute the same.
    """
    front = _front(network, input_size, np.asarray(mean, np.float32))
    if isinstance(network, EightLayers):
        model = _chain(front, network, num_classes)
    else:
        assert isinstance(network, KerasNetwork)
        model = _graph(front, network, num_classes)
    found = stage_models.variables(model)
    for key, values in weights.items():
        found[key].assign(values)
    for name in network.layers_below(frozen):
        model.get_layer(name).trainable = False
    return model


def _front(network: Network, size: int, mean: np.ndarray) -> keras.Model:
    """The part that scales pixels."""
    images = keras.Input((size, size, 3), dtype="float32", name="images")
    if network.pixels != "mean":
        return keras.Model(images, apply_pixels(images, network.pixels))
    if mean.ndim > 1:
        # It keeps the mean with the weights: so many numbers in a configuration, as of
        # `Rescaling`, take seconds to write.
        layer = layers.Normalization((1, 2, 3), dtype="float32", name="pixels")
        model = keras.Model(images, layer(images))
        mean = central_mean(mean, size)
        variance = np.full_like(mean, network.pixel_scale**-2)
        _set_weights(layer, [mean, variance, np.int64(0)])
        return model
    offset = [-float(value) * network.pixel_scale for value in mean]
    layer = layers.Rescaling(
        network.pixel_scale, offset, dtype="float32", name="pixels"
    )
    return keras.Model(images, layer(images))


def _set_weights(layer: layers.Normalization, values: Sequence[np.ndarray]) -> None:
    layer.set_weights(values)
    layer.finalize_state()


def _chain(front: keras.Model, network: EightLayers, num_classes: int) -> keras.Model:
    value = front.outputs[0]
    chain = blocks.make_blocks(
        network, num_classes, slice(None), trainable=True, identity=network.name
    )
    for block in chain.values():
        for layer in block.layers:
            value = _plain(layer, value)
    if value.shape[-1] > num_classes:
        value = value[:, :num_classes]
    value = layers.Softmax(name="probabilities")(value)
    return keras.Model(front.inputs[0], value, name=model_name(network))


def _plain(layer: keras.layers.Layer, value: keras.KerasTensor) -> keras.KerasTensor:
    """Calls what Keras has in place of a layer, under the layer's name."""
    match layer:
        case GroupedConv2D():
            layer = layers.Conv2D.from_config(layer.get_config())
        case IndexedDropout():
            layer = layers.Dropout(layer.rate, name=layer.name)
        case CaffeMaxPooling2D():
            padding = _pooling_padding(layer, value.shape[1])
            layer = layers.MaxPooling2D(
                layer.window, layer.step, padding, name=layer.name
            )
        case LocalResponseNormalization():
            return _normalised(layer, value)
    return layer(value)


def _pooling_padding(layer: CaffeMaxPooling2D, side: int) -> str:
    """The padding with which Keras' pooling has the same windows.

    Raises:
      UserError: If there is none.
    """
    pooled = layer.compute_output_shape((None, side, side, 1))[1]
    beyond = (pooled - 1) * layer.step + layer.window - side
    if not beyond:
        return "valid"
    # "same" begins with the lower and right border, too, if one pixel is missing.
    if beyond == 1 and pooled == math.ceil(side / layer.step):
        return "same"
    raise UserError(
        f"a .keras file needs pooling that Keras has, found {layer.name} with windows"
        f" of {layer.window} pixels on {side} x {side}: export a SavedModel"
    )


def _normalised(
    layer: LocalResponseNormalization, value: keras.KerasTensor
) -> keras.KerasTensor:
    """Local response normalisation in operations of Keras, without weights."""
    channels, reach = value.shape[-1], layer.size // 2
    squares = ops.pad(ops.square(value), ((0, 0), (0, 0), (0, 0), (reach, reach)))
    near = squares[:, :, :, :channels]
    for first in range(1, 2 * reach + 1):
        near = near + squares[:, :, :, first : first + channels]
    root = ops.rsqrt(layer.k + near * (layer.alpha / layer.size))
    factor = ops.multiply(root, ops.sqrt(root))
    return layers.Multiply(name=layer.name)([value, factor])


def _graph(front: keras.Model, network: KerasNetwork, num_classes: int) -> keras.Model:
    network.import_modules()
    (start,) = graph_config.endpoints(network.graph["input_layers"])
    kept = [layer for layer in network.graph["layers"] if layer["name"] != start[0]]
    taken = {network.classifier, *(layer["name"] for layer in kept)}
    # The network may scale pixels itself, in a layer of this name.
    names = {
        each.name: graph_config.free_name(each.name, taken) for each in front.operations
    }
    before = graph_config.renamed(front.get_config(), names)
    (pixels,) = graph_config.endpoints(before["output_layers"])

    def moved(tensor: graph_config.Config) -> graph_config.Config:
        is_start = graph_config.history(tensor) == start
        return graph_config.with_history(tensor, pixels) if is_start else tensor

    kept = graph_config.replace(kept, graph_config.is_tensor, moved)
    (images,) = graph_config.endpoints(before["input_layers"])
    model = keras_graph.build(
        graph_config.functional([*before["layers"], *kept], images, network.features)
    )
    for layer in front.layers:
        if isinstance(layer, layers.Normalization):
            _set_weights(model.get_layer(names[layer.name]), layer.get_weights())
    value = model.outputs[0]
    if len(value.shape) > 2:
        value = layers.Flatten(name=graph_config.free_name("flatten", taken))(value)
    value = layers.Dense(num_classes, name=network.classifier)(value)
    name = graph_config.free_name("probabilities", taken)
    value = layers.Softmax(name=name)(value)
    return keras.Model(model.inputs[0], value, name=model_name(network))
