"""Statistics of batch normalisation for networks whose own do not fit their weights.

In a new network it divides by 1, and activations of random layers grow from block to
block; in a trained one with a layer put back, it is of other activations. After a pass
over images their spread stays near 1. (Not in the paper, whose networks have none.)
"""

from collections.abc import Iterable, Mapping, Sequence

import keras
import numpy as np

from yosinski_tf.experiment.keras_networks import KerasNetwork
from yosinski_tf.models.blocks import make_blocks
from yosinski_tf.models.pixel_scaling import scaled
from yosinski_tf.models.surgery import Weights


class Calibrator:
    """Takes the statistics of networks that have one description."""

    def __init__(self, network: KerasNetwork):
        """Builds the model."""
        self._network = network
        below = slice(len(network.stage_names) - 1)
        self._blocks = make_blocks(
            network, 1, below, trainable=True, identity="calibration"
        ).values()
        size = network.input_size
        value = pixels = keras.Input((size, size, 3))
        for block in self._blocks:
            value = block.apply(value)
        self._model = keras.Model(pixels, value)

    def calibrated(
        self,
        weights: Mapping[str, np.ndarray],
        batches: Iterable[np.ndarray],
        mean: Sequence[float] | np.ndarray,
    ) -> Weights:
        """Weights with the statistics of images in place of their own.

        Mean and variance are averages over the batches. Each layer sees what the layers
        below it make of a batch with the statistics of this batch, as in training.

        Args:
          weights: By `layer/variable`, of all stages but the last one at least.
          batches: uint8 [batch, size, size, 3].
          mean: As in `build_cohort`.
        """
        size, mean = self._network.input_size, np.asarray(mean, np.float32)
        variables = {k: v for block in self._blocks for k, v in block.variables.items()}
        for name, variable in variables.items():
            variable.assign(weights[name])
        layers = [layer for block in self._blocks for layer in block.layers]
        kind = keras.layers.BatchNormalization
        normalising = [layer for layer in layers if isinstance(layer, kind)]
        for number, batch in enumerate(batches):
            for layer in normalising:
                # So the moving averages weigh all batches alike.
                layer.momentum = number / (number + 1)
            for block in self._blocks:
                for state, seed in block.seeds:
                    state.assign([seed, number])
            images = keras.ops.convert_to_tensor(batch)
            pixels = scaled(self._network, size, mean, images)
            self._model(pixels, training=True)
        found = {k: keras.ops.convert_to_numpy(v) for k, v in variables.items()}
        return {**weights, **found}
