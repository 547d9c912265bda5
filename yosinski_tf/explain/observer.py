"""The outputs of every stage of a network, for images."""

import math
from collections.abc import Iterator, Mapping, Sequence

import keras
import numpy as np

from yosinski_tf.experiment.stages import Network
from yosinski_tf.explain.half_images import HalfImages
from yosinski_tf.models.blocks import make_blocks
from yosinski_tf.models.pixel_scaling import scaled

MOST_DIMENSIONS = 4096
"""Larger outputs are averaged over neighbouring places until they are no larger; of one
that has no places every second, third, ... number is taken."""
_FEATURE_BYTES = 256 * 2**20

Weights = Mapping[str, np.ndarray]
Mean = Sequence[float] | np.ndarray


class Observer:
    """Computes the outputs of networks that have one description.

    It is built once; weights and means are given anew.

    Takes memory for the weights once, for `_FEATURE_BYTES` of features and for the
    activations of a batch.

    Attributes:
      dimensions: How many numbers of each stage but the last are observed.
      values: How many there are, before neighbouring places are averaged.
    """

    def __init__(self, network: Network, *, input_size: int, num_classes: int):
        """Builds the model.

        Args:
          network: The description.
          input_size: Side of the images, pixels.
          num_classes: Classes that the classifier tells apart.
        """
        self._network, self._size = network, input_size
        value = self._pixels = keras.Input((input_size, input_size, 3))
        self._blocks = make_blocks(
            network, num_classes, slice(None), trainable=False, identity="observed"
        )
        outputs = []
        for block in self._blocks.values():
            value = block.apply(value)
            outputs.append(value)
        *below, logits = outputs
        self._features = [_flat(each) for each in below]
        self.dimensions = tuple(each.shape[1] for each in self._features)
        self.values = tuple(math.prod(each.shape[1:]) for each in below)
        self._classifying = self._model([logits])
        self._observing: dict[tuple[int, ...], keras.Model] = {}
        self._num_classes = num_classes

    def features(
        self, weights: Weights, mean: Mean, *images: HalfImages
    ) -> Iterator[list[np.ndarray]]:
        """The outputs of every stage but the last, one stage after the other.

        The images pass through the network again where the outputs of all stages would
        take more than `_FEATURE_BYTES`.

        Args:
          weights: By `layer/variable`; those of the last stage do not matter.
          mean: What is subtracted: [3] or [side, side, 3], 0..255.
          *images: Groups of images.

        Yields:
          For each group float32 [images, dimensions].
        """
        *below, _ = self._blocks.values()
        for block in below:
            _assign(block, weights)
        del weights  # What takes the features needs the memory.
        for stages in self._turns(sum(map(len, images))):
            model = self._observing.get(stages)
            if model is None:
                model = self._model([self._features[stage] for stage in stages])
                self._observing[stages] = model
            found = [self._outputs(model, mean, each) for each in images]
            for _ in stages:
                yield [each.pop(0) for each in found]

    def top1(self, weights: Weights, mean: Mean, images: HalfImages) -> float:
        """Share of images that are classified correctly, 0..1; see `features`."""
        for block in self._blocks.values():
            _assign(block, weights)
        (logits,) = self._outputs(self._classifying, mean, images)
        # A classifier may have more outputs than the half has classes.
        answers = logits[:, : self._num_classes].argmax(1)
        return float(np.mean(answers == images.labels))

    def _turns(self, images: int) -> Iterator[tuple[int, ...]]:
        """Numbers of consecutive stages whose outputs are kept at the same time."""
        turn: tuple[int, ...] = ()
        numbers = 0
        for stage, dimensions in enumerate(self.dimensions):
            numbers += dimensions
            if turn and 4 * images * numbers > _FEATURE_BYTES:
                yield turn
                turn, numbers = (), dimensions
            turn += (stage,)
        yield turn

    def _outputs(
        self, model: keras.Model, mean: Mean, images: HalfImages
    ) -> list[np.ndarray]:
        """Every output for all images, float32 [images, dimensions] each."""
        shapes = [(len(images), each.shape[1]) for each in model.outputs]
        found = [np.empty(shape, np.float32) for shape in shapes]
        mean = np.asarray(mean, np.float32)
        first = 0
        for batch in images.batches():
            pixels = keras.ops.convert_to_tensor(batch)
            made = model.predict_on_batch(
                scaled(self._network, self._size, mean, pixels)
            )
            # Keras returns a single output as it is.
            made = [made] if len(found) == 1 else made
            for whole, part in zip(found, made, strict=True):
                whole[first : first + len(batch)] = part
            first += len(batch)
        return found

    def _model(self, outputs: list[keras.KerasTensor]) -> keras.Model:
        model = keras.Model(self._pixels, outputs)
        model.compile(jit_compile=keras.backend.backend() == "jax")
        return model


def _assign(block, weights: Weights) -> None:
    for name, variable in block.variables.items():
        variable.assign(weights[name])


def _flat(value: keras.KerasTensor) -> keras.KerasTensor:
    """An output as a row of numbers, [batch, dimensions], averaged if it is large."""
    *places, channels = value.shape[1:]
    step = 1
    while (
        step < max(places, default=0)
        and channels * math.prod(-(-side // step) for side in places) > MOST_DIMENSIONS
    ):
        step += 1
    if step > 1:
        pool = {1: keras.layers.AveragePooling1D, 2: keras.layers.AveragePooling2D}
        value = pool[len(places)](step, padding="same")(value)
    flat = keras.layers.Flatten()(value)
    every = -(-flat.shape[1] // MOST_DIMENSIONS)
    return flat[:, ::every] if every > 1 else flat
