"""Initial values of a Keras network, each layer's by its own initialisers."""

import json

import keras
import numpy as np

from yosinski_tf.experiment.keras_networks import KerasNetwork
from yosinski_tf.models import graph_config, keras_file
from yosinski_tf.models.layer_variables import named_variables
from yosinski_tf.models.surgery import Weights, derive_seed


def initial_weights(network: KerasNetwork, num_classes: int, identity: str) -> Weights:
    """Fresh values for every layer of a network.

    The values of a layer depend only on `identity`, the name of this network alone, and
    on the layer. Keras' seeds of this process are set, so it must be one of its own.

    Returns:
      float32 arrays by `layer/variable`, in the order of the stages.

    Raises:
      UserError: If the images do not fit the network.
    """
    network.import_modules()
    keras_file.check_objects("network.json", network.graph)
    shapes = network.weight_shapes(network.input_size, num_classes)
    configs = {layer["name"]: layer for layer in network.graph["layers"]}
    weights: Weights = {}
    for name in dict.fromkeys(key.split("/")[0] for key in shapes):
        keras.utils.set_random_seed(derive_seed("initial", identity, name))
        if name == network.classifier:
            layer = keras.layers.Dense(num_classes, name=name)
            layer.build((None, network.classifier_inputs))
        else:
            layer = _called(configs[name])
        for key, variable in named_variables(layer).items():
            values = keras.ops.convert_to_numpy(variable.value)
            weights[f"{name}/{key}"] = np.asarray(values, np.float32)
    return {key: weights[key] for key in shapes}


def _called(config: graph_config.Config) -> keras.layers.Layer:
    """A fresh layer of a configuration, with its variables."""
    node = json.loads(json.dumps(config["inbound_nodes"][0]))
    config = {key: value for key, value in config.items() if key != "inbound_nodes"}
    layer = keras.saving.deserialize_keras_object(json.loads(json.dumps(config)))
    arguments, options = map(
        keras.saving.deserialize_keras_object, (node["args"], node["kwargs"])
    )
    layer(*arguments, **options)
    return layer
