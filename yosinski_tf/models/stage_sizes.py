"""Counts of multiply-accumulates and activations, from a network's configuration."""

import math
from collections.abc import Mapping

from yosinski_tf.experiment.keras_networks import Tensor
from yosinski_tf.experiment.stages import Stage
from yosinski_tf.models.graph_config import Config, Node

Shape = tuple[int, ...]


def count_stage(
    name: str,
    nodes: list[Node],
    end: Tensor,
    layers: Mapping[str, Config],
    shapes: Mapping[Tensor, Shape],
    weights: Mapping[str, Mapping[str, Shape]],
    random: frozenset[str],
) -> Stage:
    """The size of a stage, for one image.

    Multiply-accumulates are counted for convolutions, dense layers and attention. Of a
    layer of another kind, each kernel counts once for every place of the output.
    Activations are the outputs of all layers, and what attention holds inside.

    Args:
      name: Name of the stage.
      nodes: Its calls of layers.
      end: Its output.
      layers: Configuration of each layer, by name.
      shapes: Shape of every tensor, without batch.
      weights: Shapes of the variables of each layer.
      random: Names of the layers that draw random numbers in training.
    """
    calls = {(node.layer, node.call) for node in nodes}
    outputs = {
        tensor: math.prod(shape)
        for tensor, shape in shapes.items()
        if tensor[:2] in calls
    }
    work = inside = 0
    for node in nodes:
        config, own = layers[node.layer]["config"], weights.get(node.layer, {})
        before = [shapes[tensor] for tensor in node.inputs]
        after = next(
            (shapes[each] for each in outputs if each[:2] == (node.layer, node.call)),
            (),
        )
        if node.kind == "MultiHeadAttention":
            more, held = _attention(config, own, before)
            work, inside = work + more, inside + held
        else:
            work += _multiply_accumulates(node.kind, config, own, before, after)
    return Stage(
        name=name,
        weights={
            f"{layer}/{key}": shape
            for layer in dict.fromkeys(node.layer for node in nodes)
            for key, shape in weights.get(layer, {}).items()
        },
        output_shape=shapes[end],
        multiply_accumulates=work,
        activations=sum(outputs.values()) + inside,
        activations_float32=0,
        largest=max(outputs.values(), default=0),
        random=any(node.layer in random for node in nodes),
    )


def _multiply_accumulates(
    kind: str,
    config: Config,
    weights: Mapping[str, Shape],
    before: list[Shape],
    after: Shape,
) -> int:
    if not before:
        return 0
    kernels = sum(math.prod(shape) for shape in _kernels(weights, before[0]))
    if kind.startswith("Conv") and kind.endswith("Transpose"):
        return kernels * _places(before[0], config)
    if kind == "Dense":
        return kernels * math.prod(before[0][:-1])
    if kind == "EinsumDense":
        values, kernel = config["equation"].split("->")[0].split(",")
        # Letters behind an ellipsis count from the end.
        letters = values.replace("...", "")[::-1]
        shared = zip(letters, reversed(before[0]), strict=False)
        summed = math.prod(size for letter, size in shared if letter in kernel)
        return kernels * (math.prod(before[0]) // summed)
    return kernels * _places(after, config)


def _kernels(weights: Mapping[str, Shape], before: Shape) -> list[Shape]:
    """The weights that are multiplied with whole vectors: kernels, whatever their name.

    A weight that fits the input number by number, as a table of positions, is none.
    """
    named = [shape for key, shape in weights.items() if key.endswith("kernel")]
    return named or [
        shape
        for shape in weights.values()
        if len(shape) > 1 and not _fits(shape, before)
    ]


def _fits(weight: Shape, values: Shape) -> bool:
    """Whether a weight broadcasts to values, without batch."""
    sizes = zip(reversed(weight), reversed(values), strict=False)
    return all(size in (1, other) for size, other in sizes)


def _places(shape: Shape, config: Config) -> int:
    """Places of a map, without its channels."""
    if config.get("data_format") == "channels_first":
        return math.prod(shape[1:])
    return math.prod(shape[:-1])


def _attention(
    config: Config, weights: Mapping[str, Shape], before: list[Shape]
) -> tuple[int, int]:
    """Multiply-accumulates of an attention layer, and the numbers that it holds."""
    queries = math.prod(before[0][:-1])
    keys = math.prod(before[min(1, len(before) - 1)][:-1])
    heads, size = config["num_heads"], config["key_dim"]
    value_size = config["value_dim"] or size
    places = {"query": queries, "attention_output": queries}
    work = sum(
        math.prod(shape) * places.get(key.split("/")[0], keys)
        for key, shape in weights.items()
        if key.endswith("/kernel")
    )
    scores = heads * queries * keys
    held = heads * (queries * (size + value_size) + keys * (size + value_size))
    # The scores, and their softmax.
    return work + scores * (size + value_size), held + 2 * scores
