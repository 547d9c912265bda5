"""The Keras layers of a network's stages.

A block is one stage: layers that are called with the value of the stage before.
"""

import abc
import functools
from collections.abc import Sequence

import keras

from yosinski_tf.experiment.keras_networks import KerasNetwork
from yosinski_tf.experiment.networks import CaffeConv, Conv, Dense, EightLayers
from yosinski_tf.experiment.stages import Network
from yosinski_tf.models import stage_models
from yosinski_tf.models.layers import (
    CaffeMaxPooling2D,
    GroupedConv2D,
    IndexedDropout,
    LocalResponseNormalization,
)
from yosinski_tf.models.surgery import derive_seed


class Block(abc.ABC):
    """The layers of one stage.

    Attributes:
      layers: The Keras layers, in the order of their calls.
    """

    layers: Sequence[keras.layers.Layer]

    @abc.abstractmethod
    def apply(self, value, indices=None):
        """Calls the layers, on a Keras tensor.

        `indices` are the step and position of each image, int32 [batch, 2], for dropout
        in training; with None there is no `IndexedDropout`.
        """

    @property
    @abc.abstractmethod
    def variables(self) -> dict[str, keras.Variable]:
        """The variables, trained or not, by `layer/variable`, once it was applied."""

    @property
    def seeds(self) -> list[tuple[keras.Variable, int]]:
        """The states of random generators, and the seed of each."""
        return []


class _Chain(Block):
    """Layers one after the other."""

    def __init__(self, layers: Sequence[keras.layers.Layer]):
        self.layers = list(layers)

    def apply(self, value, indices=None):
        for layer in self.layers:
            if isinstance(layer, IndexedDropout) and indices is not None:
                value = layer(value, indices)
            else:
                value = layer(value)
        return value

    @property
    def variables(self):
        return {
            f"{layer.name}/{variable.name}": variable
            for layer in self.layers
            for variable in layer.weights
        }


class _Graph(Block):
    """A stage of a `KerasNetwork`."""

    def __init__(self, model: keras.Model, identity: str):
        self._model, self._identity = model, identity
        self.layers = [each for each in model.layers if each is not model.layers[0]]

    def apply(self, value, indices=None):
        return self._model(value)

    @property
    def variables(self):
        return stage_models.variables(self._model)

    @property
    def seeds(self):
        if not self._model.trainable:
            return []
        weights = {id(variable) for variable in self._model.weights}
        states = [v for v in self._model.variables if id(v) not in weights]
        return [
            (state, derive_seed("dropout", self._identity, number))
            for number, state in enumerate(states)
        ]


def make_blocks(
    network: Network,
    num_classes: int,
    stages: slice,
    *,
    trainable: bool,
    identity: str,
    precision: str = "float32",
) -> dict[str, Block]:
    """Keras layers for some consecutive stages of a network.

    Args:
      num_classes: Classes, and outputs of the classifier unless the network states a
        number.
      stages: Which of the stages.
      trainable: False freezes them, before any model is compiled.
      identity: What dropout masks are derived from.
      precision: `float32`, or `bfloat16` or `float16` for mixed precision. Variables,
        the classifier and normalisation are float32 in any case.

    Returns:
      The blocks by name of the stage.
    """
    names = network.stage_names[stages]
    if isinstance(network, EightLayers):
        chains = _eight_layers(network, num_classes, trainable, identity, precision)
        return {name: _Chain(chains[name]) for name in names}
    assert isinstance(network, KerasNetwork)
    build = functools.partial(
        stage_models.build_stage,
        network,
        num_classes=num_classes,
        trainable=trainable,
        precision=precision,
    )
    numbers = range(len(network.stage_names))[stages]
    return {
        name: _Graph(build(number), f"{identity} {name}")
        for name, number in zip(names, numbers, strict=True)
    }


def _eight_layers(
    network: EightLayers,
    num_classes: int,
    trainable: bool,
    identity: str,
    precision: str,
) -> dict[str, list[keras.layers.Layer]]:
    """Unbuilt layers for every stage; the one with weights has the stage's name."""
    policy = "float32" if precision == "float32" else f"mixed_{precision}"
    blocks: dict[str, list[keras.layers.Layer]] = {}
    first_dense = next(each for each in network.layers if isinstance(each, Dense))
    for layer in network.layers:
        name, last = layer.name, layer is network.layers[-1]
        options = {"trainable": trainable, "kernel_initializer": "zeros"}
        block = blocks[name] = []
        if isinstance(layer, Conv):
            block += _convolution(layer, dtype=policy, **options)
        else:
            if layer is first_dense:
                block.append(keras.layers.Flatten(name=f"{name}_flatten", dtype=policy))
            block.append(
                keras.layers.Dense(
                    network.outputs(num_classes) if last else layer.units,
                    name=name,
                    dtype="float32" if last else policy,
                    **options,
                )
            )
        if not last:
            block.append(_activation(network, name=f"{name}_activation", dtype=policy))
        if isinstance(layer, Conv):
            if layer.pool:
                block.append(_pooling(layer, name=f"{name}_pool", dtype=policy))
            if layer.lrn:
                block.append(
                    LocalResponseNormalization(name=f"{name}_norm", dtype=policy)
                )
        elif layer.dropout:
            block.append(
                IndexedDropout(
                    layer.dropout,
                    seed=derive_seed("dropout", identity, name),
                    name=f"{name}_dropout",
                    dtype=policy,
                )
            )
    return blocks


def _activation(network: EightLayers, **options) -> keras.layers.Layer:
    if network.negative_slope is None:
        return keras.layers.ELU(**options)
    return keras.layers.ReLU(negative_slope=network.negative_slope, **options)


def _convolution(layer: Conv, **options) -> list[keras.layers.Layer]:
    """A convolution; before it a layer of padding, if "same" would pad otherwise."""
    block: list[keras.layers.Layer] = []
    padding, make = "same", keras.layers.Conv2D
    if isinstance(layer, CaffeConv):
        if layer.stride > 1 or 2 * layer.padding != layer.kernel - 1:
            padding = "valid"
            if layer.padding:
                name = f"{layer.name}_padding"
                block.append(
                    keras.layers.ZeroPadding2D(
                        layer.padding, name=name, dtype=options["dtype"]
                    )
                )
        if layer.groups > 1:
            make, options = GroupedConv2D, {**options, "groups": layer.groups}
    block.append(
        make(
            layer.filters,
            layer.kernel,
            layer.stride,
            padding=padding,
            name=layer.name,
            **options,
        )
    )
    return block


def _pooling(layer: Conv, **options) -> keras.layers.Layer:
    if isinstance(layer, CaffeConv):
        return CaffeMaxPooling2D(layer.pool, 2, **options)
    return keras.layers.MaxPooling2D(layer.pool, 2, padding="same", **options)
