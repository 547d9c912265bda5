"""Reads a Keras model as one graph: nested models inlined, names made canonical."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence

import keras
import numpy as np

from yosinski_tf.experiment.keras_networks import Tensor
from yosinski_tf.experiment.stages import of_another_size
from yosinski_tf.models import graph_config
from yosinski_tf.models.graph_config import Config
from yosinski_tf.models.layer_variables import is_random, named_variables
from yosinski_tf.system.errors import UserError

# Stands for the input until the layers have their names; no name in Keras has a slash.
_INPUT = "/input"


@dataclasses.dataclass(frozen=True)
class Graph:
    """A functional model without nested models, from one image to one output.

    Attributes:
      config: Its configuration, plain JSON, the same in every build of the model.
      variables: Variables of the model that was read, by `layer/variable`.
      random: Names of the layers that draw random numbers in training.
      input_size: Side of the square images, pixels.
    """

    config: Config
    variables: Mapping[str, keras.Variable]
    random: frozenset[str]
    input_size: int


def read_graph(model: keras.Model, name: str, input_size: int | None = None) -> Graph:
    """Reads a built model; the model itself is not changed.

    Nested models are inlined. Layers keep their names, except that numbers given by
    Keras count in the order of the graph, and that a second layer of one name takes the
    name of its nested model in front. Layers become trainable, and all of them float32.
    The values of a `Normalization` layer become part of its configuration.

    Args:
      model: A functional or sequential model from an image to class scores.
      name: Its name in messages.
      input_size: Side of the images, pixels, for a model that takes images of any size.

    Raises:
      UserError: If the model has no such graph, or not one input and output.
    """
    top = _functional(model, name)
    _check_ends(top, name)
    inliner = _Inliner(name)
    (end,) = inliner.expand(top, "", [_tensor(top.inputs[0], (_INPUT, 0, 0))])
    names = _canonical_names(inliner.layers.values())
    names[_INPUT] = graph_config.free_name("input", names.values())
    layers = [_plain(entry, names) for entry in inliner.layers.values()]
    objects = {names[path]: layer for path, layer in inliner.objects.items()}
    for layer in layers:
        if isinstance(objects.get(layer["name"]), keras.layers.Normalization):
            _keep_values(layer["config"], objects.pop(layer["name"]))
    size = _input_size(top, name, input_size)
    first = names[_INPUT]
    layers.insert(0, graph_config.input_layer(first, (size, size, 3), "float32"))
    where = graph_config.history(end)
    config = json.loads(
        json.dumps(
            graph_config.functional(
                layers, (first, 0, 0), (names[where[0]], *where[1:])
            )
        )
    )
    _check_layers(config, name)
    return Graph(
        _with_shapes(config, size),
        {
            f"{name}/{key}": variable
            for name, layer in objects.items()
            for key, variable in named_variables(layer).items()
        },
        frozenset(name for name, layer in objects.items() if is_random(layer)),
        size,
    )


def build(config: Config) -> keras.Model:
    """Makes the model of a configuration, with fresh weights."""
    copied = json.loads(json.dumps(config))  # Keras changes what it reads.
    return keras.Model.from_config(copied)


def _check_layers(config: Config, name: str) -> None:
    for layer in config["layers"]:
        if layer["class_name"] == "Lambda":
            raise UserError(
                f"network {name} needs layers that can be stored, found a Lambda layer,"
                f" {layer['name']}: call keras.ops or write a layer instead"
            )
        if layer["module"] and layer["module"].startswith("keras."):
            continue
        try:
            keras.saving.deserialize_keras_object(json.loads(json.dumps(layer)))
        except (ImportError, AttributeError, TypeError, ValueError) as error:
            reason = (str(error).splitlines() or [""])[0].partition(". ")[0]
            raise UserError(
                f"network {name} needs layers that Keras can make from their"
                f" configuration, found {layer['class_name']} ({reason}): give the"
                " class @keras.saving.register_keras_serializable() and a get_config"
                " with all its arguments, in a module of its own"
            ) from None


def _functional(model: keras.Model, name: str) -> keras.Model:
    """A model as a plain functional one, on the same layers.

    Raises:
      UserError: If it has no graph.
    """
    if not isinstance(model, keras.Model):
        raise UserError(
            f"network {name} needs a Keras model, found {type(model).__name__}: return"
            " keras.Model(inputs, outputs)"
        )
    if isinstance(model, keras.Sequential) and not model.built:
        raise UserError(
            f"network {name} needs the shape of its input, found a Sequential without"
            " one: begin it with keras.Input((side, side, 3))"
        )
    try:
        plain = keras.Model(model.inputs, model.outputs)
    except (AttributeError, TypeError, ValueError):
        plain = None
    known = (type(plain), keras.Sequential)
    if plain is None or type(model).call not in {each.call for each in known}:
        raise UserError(
            f"network {name} needs a graph of layers, found {type(model).__name__}, a"
            " subclassed model whose layers are called in its own code: write it with"
            " keras.Input and keras.Model(inputs, outputs)"
        )
    return plain


def _check_ends(model: keras.Model, name: str) -> None:
    for what, ends in (("input", model.inputs), ("output", model.outputs)):
        if len(ends) != 1:
            raise UserError(
                f"network {name} needs one {what}, found {len(ends)}: give"
                f" keras.Model(inputs, outputs) with a single {what}"
            )
    shape = tuple(model.inputs[0].shape)
    if len(shape) != 4 or shape[3] != 3 or shape[1] != shape[2]:
        raise UserError(
            f"network {name} needs square colour images, [None, side, side, 3], found"
            f" an input of {list(shape)}: build it with keras.Input((side, side, 3))"
        )


def _input_size(model: keras.Model, name: str, input_size: int | None) -> int:
    side = model.inputs[0].shape[1]
    if side is None and input_size is None:
        raise UserError(
            f"network {name} needs the side of its images, found an input of any size:"
            " build it with an input shape, such as (224, 224, 3)"
        )
    if None not in (side, input_size) and side != input_size:
        raise of_another_size(f"network {name}", side, input_size)
    return side or input_size


def _tensor(tensor: keras.KerasTensor, where: Tensor) -> Config:
    return {
        "class_name": "__keras_tensor__",
        "config": {
            "shape": list(tensor.shape),
            "dtype": tensor.dtype,
            "keras_history": list(where),
        },
    }


class _Inliner:
    """Collects the layers of a model and of the models in it, by `nested/layer`."""

    def __init__(self, name: str):
        self._name = name
        self.layers: dict[str, Config] = {}
        self.objects: dict[str, keras.layers.Layer] = {}

    def expand(
        self, model: keras.Model, prefix: str, inputs: Sequence[Config]
    ) -> list[Config]:
        """Adds the nodes of one call of a model; returns its outputs."""
        config = model.get_config()
        objects = {layer.name: layer for layer in model.layers}
        nested = {
            name: _functional(layer, self._name)
            for name, layer in objects.items()
            if isinstance(layer, keras.Model) and getattr(layer, "inputs", None)
        }
        known: dict[Tensor, Config] = dict(
            zip(graph_config.endpoints(config["input_layers"]), inputs, strict=True)
        )

        def outside(tensor: Config) -> Config:
            return known.get(graph_config.history(tensor)) or self._moved(
                tensor, prefix, calls
            )

        entries = {layer["name"]: layer for layer in config["layers"]}
        calls: dict[tuple[str, int], int] = {}
        for node in graph_config.topological(config):
            if not node.inputs:
                continue
            entry = entries[node.layer]
            arguments = graph_config.replace(
                entry["inbound_nodes"][node.call], graph_config.is_tensor, outside
            )
            path = prefix + node.layer
            if node.layer in nested:
                outputs = self.expand(
                    nested[node.layer],
                    f"{path}/",
                    list(graph_config.tensors(arguments)),
                )
                for number, output in enumerate(outputs):
                    known[node.layer, node.call, number] = output
                continue
            kept = self.layers.setdefault(path, {**entry, "inbound_nodes": []})
            kept["name"] = path
            calls[node.layer, node.call] = len(kept["inbound_nodes"])
            kept["inbound_nodes"].append(arguments)
            if node.layer in objects:
                self.objects[path] = objects[node.layer]
        ends = graph_config.endpoints(config["output_layers"])
        # Only here, the first call of a nested functional model counts as the second.
        later = {name for name in nested if isinstance(objects[name], type(model))}
        return [
            outside(_tensor(output, (layer, call - (layer in later), number)))
            for output, (layer, call, number) in zip(model.outputs, ends, strict=True)
        ]

    def _moved(
        self, tensor: Config, prefix: str, calls: Mapping[tuple[str, int], int]
    ) -> Config:
        layer, call, output = graph_config.history(tensor)
        return graph_config.with_history(
            tensor, (prefix + layer, calls[layer, call], output)
        )


def _canonical_names(layers: Iterable[Config]) -> dict[str, str]:
    """The final name of every layer, by its path `nested/layer`."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    numbered = []
    for layer in layers:
        path, kind = layer["name"], layer["class_name"]
        *nested, name = path.split("/")
        if graph_config.is_default_name(name, kind):
            numbered.append((path, graph_config.default_name(kind)))
            continue
        while name in taken and nested:
            name = f"{nested.pop()}_{name}"
        names[path] = graph_config.free_name(name, taken)
        taken.add(names[path])
    for path, stem in numbered:
        names[path] = graph_config.free_name(stem, taken)
        taken.add(names[path])
    return names


def _plain(layer: Config, names: Mapping[str, str]) -> Config:
    """A layer's configuration without what differs from build to build."""

    def renamed(tensor: Config) -> Config:
        path, *place = graph_config.history(tensor)
        tensor = graph_config.with_history(tensor, (names[path], *place))
        dtype = _float32(tensor["config"]["dtype"])
        return {**tensor, "config": {**tensor["config"], "dtype": dtype}}

    name = names[layer["name"]]
    config = graph_config.replace(layer["config"], is_policy, _float32_policy)
    config = graph_config.replace(config, _is_initializer, _without_seed)
    config["name"] = name
    if "trainable" in config:
        config["trainable"] = True
    return {
        "module": layer["module"],
        "class_name": layer["class_name"],
        "config": config,
        "registered_name": layer["registered_name"],
        "name": name,
        "inbound_nodes": graph_config.replace(
            layer["inbound_nodes"], graph_config.is_tensor, renamed
        ),
    }


def _float32(dtype: str) -> str:
    return "float32" if dtype in ("float16", "bfloat16") else dtype


def is_policy(value: object) -> bool:
    """Whether a value in a configuration names number formats."""
    return isinstance(value, dict) and value.get("class_name") == "DTypePolicy"


def _float32_policy(policy: Config) -> Config:
    return {**policy, "config": {**policy["config"], "name": "float32"}}


def _is_initializer(value: object) -> bool:
    return isinstance(value, dict) and "initializers" in str(value.get("module"))


def _without_seed(initializer: Config) -> Config:
    config = initializer["config"]
    return {
        **initializer,
        "config": {**config, "seed": None} if "seed" in config else config,
    }


def _keep_values(config: Config, layer: keras.layers.Normalization) -> None:
    """Writes the values that a `Normalization` layer was adapted to into its config."""
    if layer.weights:
        shape = layer.weights[0].shape
        for key in ("mean", "variance"):
            values = keras.ops.convert_to_numpy(getattr(layer, key))
            config[key] = values.astype(np.float32).reshape(shape).tolist()


def _with_shapes(config: Config, size: int) -> Config:
    """The configuration with the shapes of all tensors, where some are unknown."""
    shapes = graph_config.shapes(config)
    unknown = [tensor for tensor, shape in shapes.items() if None in shape]
    if not unknown:
        return config
    probe = build({**config, "output_layers": [list(tensor) for tensor in unknown]})
    outputs = probe([np.zeros((1, size, size, 3), np.float32)], training=False)
    outputs = keras.tree.flatten(outputs)
    for tensor, output in zip(unknown, outputs, strict=True):
        shapes[tensor] = tuple(output.shape[1:])

    def known(tensor: Config) -> Config:
        shape = [None, *shapes[graph_config.history(tensor)]]
        return {**tensor, "config": {**tensor["config"], "shape": shape}}

    return graph_config.replace(config, graph_config.is_tensor, known)
