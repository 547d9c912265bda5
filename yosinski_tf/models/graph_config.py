"""The configuration of a functional Keras model: its nodes, tensors and parts.

A node is a call of a layer. Only the public saving format is read, and no Keras is
needed.
"""

import copy
import dataclasses
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from yosinski_tf.experiment.keras_networks import Tensor

Config = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Node:
    """A call of a layer.

    Attributes:
      layer: Name of the layer.
      call: Number of the call, from 0.
      kind: Name of the layer's class.
      inputs: The tensors that it is called on, each once.
    """

    layer: str
    call: int
    kind: str
    inputs: tuple[Tensor, ...]


def is_tensor(value: Any) -> bool:
    """Whether a value stands for a tensor in the arguments of a node."""
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def history(tensor: Mapping[str, Any]) -> Tensor:
    """Name of the layer, number of the call, number of the output."""
    layer, call, output = tensor["config"]["keras_history"]
    return layer, call, output


def with_history(tensor: Mapping[str, Any], where: Tensor) -> Config:
    """A copy of a tensor's configuration that comes from elsewhere."""
    return {**tensor, "config": {**tensor["config"], "keras_history": list(where)}}


def replace(
    value: Any, matches: Callable[[Any], bool], change: Callable[[Any], Any]
) -> Any:
    """A copy of nested lists and dictionaries, with some values changed."""
    if matches(value):
        return change(value)
    if isinstance(value, dict):
        return {key: replace(each, matches, change) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [replace(each, matches, change) for each in value]
    return value


def renamed(config: Config, names: Mapping[str, str]) -> Config:
    """A functional model's configuration with other names of all its layers."""

    def moved(tensor: Config) -> Config:
        layer, call, output = history(tensor)
        return with_history(tensor, (names[layer], call, output))

    layers = [
        {
            **layer,
            "name": names[layer["name"]],
            "config": {**layer["config"], "name": names[layer["name"]]},
            "inbound_nodes": replace(layer["inbound_nodes"], is_tensor, moved),
        }
        for layer in config["layers"]
    ]
    (start,), (end,) = map(endpoints, (config["input_layers"], config["output_layers"]))
    return functional(layers, (names[start[0]], *start[1:]), (names[end[0]], *end[1:]))


def tensors(value: Any) -> Iterator[Config]:
    """The tensors in nested lists and dictionaries, in order."""
    if is_tensor(value):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from tensors(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from tensors(each)


def endpoints(value: Any) -> tuple[Tensor, ...]:
    """The tensors that `input_layers` or `output_layers` name."""
    if (
        isinstance(value, list | tuple)
        and len(value) == 3
        and isinstance(value[0], str)
    ):
        return (tuple(value),)
    if isinstance(value, dict):
        value = list(value.values())
    return tuple(tensor for each in value for tensor in endpoints(each))


def topological(config: Config) -> tuple[Node, ...]:
    """The nodes of a functional model, inputs first, every node behind its inputs."""
    waiting: dict[tuple[str, int], list[Node]] = {}
    missing: dict[Node, int] = {}
    ready: list[Node] = []
    for layer in config["layers"]:
        calls = layer["inbound_nodes"] or [{}]
        for call, arguments in enumerate(calls):
            inputs = tuple(dict.fromkeys(map(history, tensors(arguments))))
            node = Node(layer["name"], call, layer["class_name"], inputs)
            sources = {tensor[:2] for tensor in inputs}
            missing[node] = len(sources)
            for source in sources:
                waiting.setdefault(source, []).append(node)
            if not sources:
                ready.append(node)
    done = []
    for node in ready:  # Grows while it is read.
        done.append(node)
        for follower in waiting.get((node.layer, node.call), ()):
            missing[follower] -= 1
            if not missing[follower]:
                ready.append(follower)
    return tuple(done)


def shapes(config: Config) -> dict[Tensor, tuple[int | None, ...]]:
    """Shape without batch of every tensor that a node is called on."""
    return {
        history(tensor): tuple(tensor["config"]["shape"][1:])
        for layer in config["layers"]
        for tensor in tensors(layer["inbound_nodes"])
    }


def part(
    config: Config, start: Tensor, end: Tensor, shape: Sequence[int], dtype: str
) -> Config:
    """The configuration of the model between two tensors.

    Args:
      start: A tensor through which everything passes; becomes the input.
      end: The output.
      shape: Shape of the input, without batch.
      dtype: Number format of the input.
    """
    nodes = {(node.layer, node.call): node for node in topological(config)}
    wanted: set[tuple[str, int]] = set()
    todo = [end]
    while todo:
        tensor = todo.pop()
        if tensor != start and tensor[:2] not in wanted:
            wanted.add(tensor[:2])
            todo += nodes[tensor[:2]].inputs
    kept: dict[str, list[int]] = {}
    for layer, call in sorted(wanted):
        kept.setdefault(layer, []).append(call)
    name = free_name("input", kept)

    def moved(tensor: Tensor) -> Tensor:
        layer, call, output = tensor
        return (
            (name, 0, 0)
            if tensor == start
            else (
                layer,
                kept[layer].index(call),
                output,
            )
        )

    layers = [input_layer(name, shape, dtype)]
    for layer in config["layers"]:
        if layer["name"] in kept:
            calls = [layer["inbound_nodes"][call] for call in kept[layer["name"]]]
            calls = replace(
                calls, is_tensor, lambda each: with_history(each, moved(history(each)))
            )
            layers.append({**copy.deepcopy(layer), "inbound_nodes": calls})
    return functional(layers, (name, 0, 0), moved(end))


def functional(layers: list[Config], start: Tensor, end: Tensor) -> Config:
    """The configuration of a model of these layers, with one input and output."""
    return {
        "name": "graph",
        "trainable": True,
        "layers": layers,
        "input_layers": [list(start)],
        "output_layers": [list(end)],
    }


def input_layer(name: str, shape: Sequence[int], dtype: str) -> Config:
    """The configuration of a layer for an input of this shape, without batch."""
    return {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {"batch_shape": [None, *shape], "dtype": dtype, "name": name},
        "registered_name": None,
        "name": name,
        "inbound_nodes": [],
    }


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, or the first of `name_1`, `name_2`, ... that is not taken."""
    found, number = name, 0
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


def default_name(kind: str) -> str:
    """The name that Keras gives to a layer of a class, without its number."""
    name = re.sub(r"\W+", "", kind)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def is_default_name(name: str, kind: str) -> bool:
    """Whether a layer of a class has the name that Keras gave to it."""
    return re.fullmatch(rf"{default_name(kind)}(_\d+)?", name) is not None
