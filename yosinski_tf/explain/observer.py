"""The outputs of every stage of a network, for images."""

import math
from collections.abc import Iterable, Mapping

import keras
import numpy as np

from yosinski_tf.experiment.stages import Network
from yosinski_tf.models.blocks import make_blocks
from yosinski_tf.models.pixel_scaling import scaled

MOST_DIMENSIONS = 4096
"""Larger outputs are averaged over neighbouring places until they are no larger."""


class Observer:
    """Computes the outputs of networks that have one description.

    Attributes:
      stage_names: Names of the stages but the last, whose outputs are the logits.
    """

    def __init__(
        self,
        network: Network,
        *,
        input_size: int,
        num_classes: int,
        mean: np.ndarray,
    ):
        """Builds the model.

        Args:
          network: The description.
          input_size: Side of the images, pixels.
          num_classes: Classes that the classifier tells apart.
          mean: What is subtracted: [3] or [side, side, 3], 0..255.
        """
        images = keras.Input((input_size, input_size, 3), dtype="uint8")
        value = scaled(network, input_size, np.asarray(mean, np.float32), images)
        self._blocks = make_blocks(
            network, num_classes, slice(None), trainable=False, identity="observed"
        )
        outputs = []
        for block in self._blocks.values():
            value = block.apply(value)
            outputs.append(value)
        *below, logits = outputs
        self._model = keras.Model(images, [*map(_flat, below), logits])
        self._model.compile(jit_compile=keras.backend.backend() == "jax")
        self.stage_names = tuple(self._blocks)[:-1]
        self._num_classes = num_classes

    def assign(self, weights: Mapping[str, np.ndarray]) -> None:
        """Gives the network its weights, by `layer/variable`."""
        for block in self._blocks.values():
            for name, variable in block.variables.items():
                variable.assign(weights[name])

    def outputs(self, batches: Iterable[np.ndarray]) -> list[np.ndarray]:
        """The outputs of every stage but the last, and the logits.

        Args:
          batches: uint8 [batch, size, size, 3], 0..255, central crops.

        Returns:
          float32 [images, dimensions] for each stage.
        """
        found = [self._model.predict_on_batch(batch) for batch in batches]
        return [np.concatenate(each) for each in zip(*found, strict=True)]

    def top1(self, batches: Iterable[np.ndarray], labels: np.ndarray) -> float:
        """Share of images that are classified correctly, 0..1; labels int [images]."""
        found = [self._model.predict_on_batch(batch)[-1] for batch in batches]
        # A classifier may have more outputs than the half has classes.
        answers = np.concatenate(found)[:, : self._num_classes].argmax(1)
        return float(np.mean(answers == labels))


def _flat(value: keras.KerasTensor) -> keras.KerasTensor:
    """An output as a row of numbers, [batch, dimensions], averaged if it is large."""
    *places, channels = value.shape[1:]
    if not places:
        return value
    step = 1
    while (
        step < max(places)
        and channels * math.prod(-(-side // step) for side in places) > MOST_DIMENSIONS
    ):
        step += 1
    if step > 1:
        pool = {1: keras.layers.AveragePooling1D, 2: keras.layers.AveragePooling2D}
        value = pool[len(places)](step, padding="same")(value)
    return keras.layers.Flatten()(value)
