"""The Keras layers of a network, as a chain of blocks.

A block is a convolution with its activation, pooling and normalisation, or a fully
connected layer with its activation and dropout.
"""

from collections.abc import Sequence

import keras

from yosinski_tf.experiment.networks import CaffeConv, Conv, Dense, Network
from yosinski_tf.models.layers import (
    CaffeMaxPooling2D,
    GroupedConv2D,
    IndexedDropout,
    LocalResponseNormalization,
)
from yosinski_tf.models.surgery import derive_seed

Block = list[keras.layers.Layer]


def make_blocks(
    network: Network,
    num_classes: int,
    layers: Sequence[str],
    *,
    trainable: bool,
    identity: str,
    precision: str = "float32",
) -> dict[str, Block]:
    """Unbuilt Keras layers for some consecutive layers of a network.

    Args:
      num_classes: Classes, and outputs of fc8 unless the network states a number.
      layers: Names of the layers to make.
      trainable: False freezes them, before any model is compiled.
      identity: What dropout masks are derived from.
      precision: `float32`, or `bfloat16` or `float16` for mixed precision. Variables,
        fc8 and normalisation are float32 in any case.

    Returns:
      For every layer, the Keras layers to call in order. The one with weights has
      the layer's name.
    """
    policy = "float32" if precision == "float32" else f"mixed_{precision}"
    blocks: dict[str, Block] = {}
    first_dense = next(each for each in network.layers if isinstance(each, Dense))
    for layer in network.layers:
        name, last = layer.name, layer is network.layers[-1]
        options = {"trainable": trainable, "kernel_initializer": "zeros"}
        block: Block = []
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
        if name in layers:
            blocks[name] = block
    return blocks


def _activation(network: Network, **options) -> keras.layers.Layer:
    if network.negative_slope is None:
        return keras.layers.ELU(**options)
    return keras.layers.ReLU(negative_slope=network.negative_slope, **options)


def _convolution(layer: Conv, **options) -> Block:
    """A convolution; before it a layer of padding, if "same" would pad otherwise."""
    block: Block = []
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


def apply_block(block: Block, value, indices=None):
    """Calls the layers of a block one after the other.

    `indices` are the step and position of each image, int32 [batch, 2], for dropout in
    training; with None there is no dropout.
    """
    for layer in block:
        if isinstance(layer, IndexedDropout) and indices is not None:
            value = layer(value, indices)
        else:
            value = layer(value)
    return value


def split_at_dropout(block: Block) -> tuple[Block, Block]:
    """The layers of a block whose output never changes, and its dropout, if any."""
    dropout = [layer for layer in block if isinstance(layer, IndexedDropout)]
    return [layer for layer in block if layer not in dropout], dropout
