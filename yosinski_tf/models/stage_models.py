"""The Keras models of the stages of a network."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import keras

from yosinski_tf.experiment.keras_networks import KerasNetwork, Tensor
from yosinski_tf.models import graph_config, keras_file, keras_graph
from yosinski_tf.models.layer_variables import named_variables


class _InInference(keras.Model):
    """A model that computes as in inference, also within one that is trained.

    Keras would hand the outer model's `training` down, whatever the call here says.
    """

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=False, mask=mask)


def build_stage(
    network: KerasNetwork,
    number: int,
    num_classes: int,
    *,
    trainable: bool,
    precision: str = "float32",
) -> keras.Model:
    """Makes the model of one stage, with weights that mean nothing yet.

    The model takes the output of the stage below, [batch, ...], for the first stage
    pixels [batch, height, width, 3], float32. The last stage returns logits, float32
    [batch, num_classes].

    Args:
      number: Which stage, from 0.
      num_classes: Classes, the units of the classifier.
      trainable: False freezes the stage. It then computes as in inference, as Keras'
        guide to transfer learning advises: batch normalisation with its stored
        statistics, no dropout.
      precision: `float32`, or `bfloat16` or `float16` for mixed precision. Variables
        and the classifier are float32 in any case.
    """
    policy = _policy(precision)
    config = _body(_Graph(network.digest, network), number, precision)
    body = keras_graph.build(config)
    outputs = body.outputs[0]
    if number == len(network.bodies) - 1:
        if len(outputs.shape) > 2:
            outputs = keras.layers.Flatten(dtype=policy)(outputs)
        outputs = keras.layers.Dense(
            num_classes, name=network.classifier, dtype="float32"
        )(outputs)
    make = keras.Model if trainable else _InInference
    model = make(body.inputs[0], outputs)
    model.trainable = trainable
    return model


@dataclasses.dataclass(frozen=True)
class _Graph:
    """A network that is the same as another one if the digest is."""

    digest: str
    network: KerasNetwork = dataclasses.field(compare=False)


# The members of a cohort have the same stages, and many.
@functools.lru_cache(maxsize=256)
def _body(graph: _Graph, number: int, precision: str) -> dict[str, Any]:
    """The configuration of a stage, without its classifier; not to be changed."""
    network = graph.network
    network.import_modules()
    keras_file.check_objects("network.json", network.graph)
    start, end = stage_ends(network, number)
    shape = graph_config.shapes(network.graph).get(start)
    if shape is None:  # The features, on which no layer of the graph stands.
        shape = network.bodies[-2].output_shape
    dtype = precision if number else "float32"
    config = graph_config.part(network.graph, start, end, shape, dtype)
    return _with_policy(config, _policy(precision))


def _policy(precision: str) -> str:
    return "float32" if precision == "float32" else f"mixed_{precision}"


def stage_ends(network: KerasNetwork, number: int) -> tuple[Tensor, Tensor]:
    """The input and the output of a stage, the last one's without the classifier."""
    (start,) = graph_config.endpoints(network.graph["input_layers"])
    ends = (start, *network.cuts, network.features)
    return ends[number], ends[number + 1]


def variables(model: keras.Model) -> dict[str, keras.Variable]:
    """All variables of a stage, trained or not, by `layer/variable`.

    The model may also be a whole network that is made of stages.
    """
    found: dict[str, keras.Variable] = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model) and getattr(layer, "inputs", None):
            found |= variables(layer)
        else:
            named = named_variables(layer)
            found |= {f"{layer.name}/{key}": each for key, each in named.items()}
    return found


def _with_policy(config: Mapping[str, Any], policy: str) -> dict[str, Any]:
    return graph_config.replace(
        config,
        keras_graph.is_policy,
        lambda each: {**each, "config": {**each["config"], "name": policy}},
    )
