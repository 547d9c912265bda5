"""Random weights of a whole network of either kind, by the identity of a run."""

from yosinski_tf.experiment.keras_networks import KerasNetwork
from yosinski_tf.experiment.networks import EightLayers
from yosinski_tf.experiment.stages import Network
from yosinski_tf.models import surgery


def run_identity(split_digest: str, name: str, seed: int) -> str:
    """What a run's random numbers follow from; `name` is that of its treatment."""
    return f"{split_digest} {name} {seed}"


def fresh_weights(
    network: Network, input_size: int, num_classes: int, identity: str
) -> surgery.Weights:
    """Random weights for every layer; see both functions named `initial_weights`.

    Raises:
      UserError: If the images do not fit the network.
    """
    if isinstance(network, KerasNetwork):
        # Imported late for processes that have no Keras.
        from yosinski_tf.models import fresh_layers

        return fresh_layers.initial_weights(network, num_classes, identity)
    assert isinstance(network, EightLayers)
    return surgery.initial_weights(network, input_size, num_classes, identity)
