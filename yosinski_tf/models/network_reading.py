"""Describes a Keras model as a network cut into stages, and takes its weights out."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from yosinski_tf.experiment.keras_networks import KerasNetwork, Tensor
from yosinski_tf.models import cuts, graph_config, keras_file, named_cuts
from yosinski_tf.models.graph_config import Node
from yosinski_tf.models.keras_graph import Graph, read_graph
from yosinski_tf.models.stage_names import names_of_cuts
from yosinski_tf.models.stage_sizes import count_stage
from yosinski_tf.system.errors import UserError

Shape = tuple[int, ...]


def describe(
    model: keras.Model,
    *,
    name: str,
    stages: str = "size",
    pixels: str = "mean",
    modules: Sequence[str] = (),
    input_size: int | None = None,
) -> KerasNetwork:
    """Cuts a model into stages and counts them.

    Args:
      model: A functional or sequential model from an image to class scores.
      name: Its name on the command line.
      stages: Which cuts: one of `cuts.GROUPINGS`, or names with commas, see
        `named_cuts.find`.
      pixels: See `KerasNetwork`.
      modules: Modules that register its layers.
      input_size: Side of the images, pixels, for a model that takes images of any size.

    Raises:
      UserError: If the model has no graph, no classifier or no cut.
    """
    graph = read_graph(model, name, input_size)
    # What Keras could not build again later is refused now.
    keras_file.check_objects(name, graph.config)
    shapes = graph_config.shapes(graph.config)
    weights = _weight_shapes(graph)
    (start,) = graph_config.endpoints(graph.config["input_layers"])
    classifier, features = _classifier(graph, weights, shapes, name)
    config = graph_config.part(
        graph.config, start, features, shapes[start], dtype="float32"
    )
    nodes = graph_config.topological(config)[1:]
    (image,) = graph_config.endpoints(config["input_layers"])
    (end,) = graph_config.endpoints(config["output_layers"])
    shapes = {**graph_config.shapes(config), end: shapes[features]}
    body = cuts.Body(nodes, image, end, shapes, weights)
    if stages in cuts.GROUPINGS:
        ends = cuts.group(body, stages, name)
        names = names_of_cuts(body, ends, classifier)
    else:
        wanted = [each.strip() for each in stages.split(",")]
        ends = named_cuts.find(body, wanted, name, classifier)
        names = (*(end[0] for end in ends), classifier)
    layers = {layer["name"]: layer for layer in config["layers"]}
    parts = _parts(body, ends)
    bodies = tuple(
        count_stage(stage, part, output, layers, shapes, weights, graph.random)
        for stage, part, output in zip(names, parts, [*ends, end], strict=True)
    )
    return KerasNetwork(
        name=name,
        input_size=graph.input_size,
        graph=config,
        cuts=tuple(ends),
        features=end,
        classifier=classifier,
        classifier_inputs=int(np.prod(shapes[end])),
        bodies=bodies,
        pixels=pixels,
        modules=tuple(modules),
    )


def network_weights(
    model: keras.Model, network: KerasNetwork, name: str = ""
) -> dict[str, np.ndarray]:
    """The weights of the model that a network describes, without the classifier's.

    Args:
      model: The model, with the layers of the network.
      network: The network.
      name: Name of the model in messages, if it is not that of the network.

    Returns:
      float32 arrays by `layer/variable`.

    Raises:
      UserError: If the model has other layers than the network.
    """
    name = name or network.name
    graph = read_graph(model, name, network.input_size)
    _check_normalisation(graph, network)
    weights: dict[str, np.ndarray] = {}
    for stage in network.bodies:
        for key, shape in stage.weights.items():
            found = graph.variables.get(key)
            if found is None or tuple(found.shape) != shape:
                raise UserError(
                    f"network {network.name} needs a model with {key} of"
                    f" {list(shape)}, found"
                    f" {'none' if found is None else list(found.shape)} in {name}: name"
                    " the network that the source was made from, or leave out --network"
                )
            values = keras.ops.convert_to_numpy(found.value)
            weights[key] = np.asarray(values, np.float32)
    return weights


def _check_normalisation(graph: Graph, network: KerasNetwork) -> None:
    """Refuses values of `Normalization` layers that the network does not have.

    They stand in the configuration, not among the weights.
    """
    needed, found = (
        {
            layer["name"]: (layer["config"]["mean"], layer["config"]["variance"])
            for layer in config["layers"]
            if layer["class_name"] == "Normalization"
        }
        for config in (graph.config, network.graph)
    )
    for name, values in found.items():
        if needed.get(name, values) != values:
            raise UserError(
                f"network {network.name} needs the values of the source in the layer"
                f" {name}, which was adapted to data, found others: leave out --network"
            )


def _weight_shapes(graph: Graph) -> dict[str, dict[str, Shape]]:
    shapes: dict[str, dict[str, Shape]] = {}
    for key, variable in graph.variables.items():
        layer, _, inside = key.partition("/")
        shapes.setdefault(layer, {})[inside] = tuple(variable.shape)
    return shapes


def _classifier(
    graph: Graph,
    weights: Mapping[str, Mapping[str, Shape]],
    shapes: Mapping[Tensor, Shape],
    name: str,
) -> tuple[str, Tensor]:
    """Name of the classifier and the tensor that it stands on.

    Raises:
      UserError: If the last layer with weights gives no class scores.
    """
    nodes = graph_config.topological(graph.config)
    last = [node for node in nodes if node.layer in weights][-1:]
    for node in last:
        if _gives_scores(node, weights[node.layer], shapes) and _alone(nodes, node):
            return node.layer, node.inputs[0]
    found = f"{last[0].layer}, a {last[0].kind}" if last else "no layer with weights"
    raise UserError(
        f"network {name} ends without a classifier, found {found} as the last layer"
        " with weights: add GlobalAveragePooling2D and Dense"
    )


def _gives_scores(
    node: Node, weights: Mapping[str, Shape], shapes: Mapping[Tensor, Shape]
) -> bool:
    """Whether a layer is dense, or a 1 x 1 convolution, and works on one place."""
    kernel = weights.get("kernel", ())
    dense = node.kind == "Dense" or (node.kind == "Conv2D" and kernel[:2] == (1, 1))
    (features,) = node.inputs if len(node.inputs) == 1 else (None,)
    return dense and features is not None and set(shapes[features][:-1]) <= {1}


def _alone(nodes: Sequence[Node], classifier: Node) -> bool:
    """Whether everything behind the classifier stands on it alone."""
    place = nodes.index(classifier)
    called = [node for node in nodes if node.layer == classifier.layer]
    behind = {(classifier.layer, classifier.call)}
    for node in nodes[place + 1 :]:
        if not {tensor[:2] for tensor in node.inputs} <= behind:
            return False
        behind.add((node.layer, node.call))
    return len(called) == 1


def _parts(body: cuts.Body, ends: Sequence[Tensor]) -> list[list[Node]]:
    """The nodes of every stage, the last one's without the classifier."""
    parts: list[list[Node]] = [[]]
    for piece in cuts.pieces(body):
        parts[-1] += piece.nodes
        if piece.end in ends:
            parts.append([])
    return parts
