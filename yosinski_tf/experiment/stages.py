"""A network as a row of stages, without TensorFlow: what plans and counts need.

A stage is a named piece of a network between two cuts. A cut is a tensor through
which everything passes. A network has N stages, the last one with the classifier, and
n, the number of copied stages, runs from 1 to N - 1. (The paper's networks have eight
stages, their layers conv1..fc8.)
"""

import abc
import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from yosinski_tf.system.errors import UserError


@dataclasses.dataclass(frozen=True)
class Stage:
    """The size of one stage, for one image.

    Attributes:
      name: Its name, unique in the network.
      weights: Shape of each variable, trained or not, by `layer/variable`.
      output_shape: Shape of the output, without batch: [height, width, channels] or
        [units].
      multiply_accumulates: Multiply-accumulates, forward.
      activations: Numbers that the gradients need, in the number format of the layers:
        the outputs of all layers.
      activations_float32: More of them, in float32 in any case.
      largest: Numbers of the largest of these outputs.
      random: Whether the output depends on random numbers in training (dropout).
    """

    name: str
    weights: Mapping[str, tuple[int, ...]]
    output_shape: tuple[int, ...]
    multiply_accumulates: int
    activations: int
    activations_float32: int
    largest: int
    random: bool

    @property
    def parameters(self) -> int:
        """Number of values of all variables."""
        return sum(math.prod(shape) for shape in self.weights.values())

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers with weights."""
        return tuple(dict.fromkeys(name.split("/")[0] for name in self.weights))


def of_another_size(what: str, side: int, found: int) -> UserError:
    """What to say if images have another side, in pixels, than something needs."""
    advice = f"give --image_size={side} and leave out --crop_size"
    if found > side:
        # Crops of this side fit into the images.
        advice = f"give --crop_size={side}"
    return UserError(
        f"{what} needs images of {side} x {side}, found {found} x {found}: {advice}"
    )


class Network(abc.ABC):
    """The description of a network; made by `EightLayers` or `KerasNetwork`.

    Attributes:
      name: Its name on the command line.
      stage_names: Names of the stages, from the input on.
      classifier: Name of the layer that gives the logits.
      pixels: What the input is scaled to, one of `PIXELS`.
      pixel_scale: Factor for pixels less their mean, if `pixels` is `mean`.
    """

    name: str
    classifier: str
    pixels: str
    pixel_scale: float

    @property
    @abc.abstractmethod
    def stage_names(self) -> tuple[str, ...]: ...

    @abc.abstractmethod
    def layers_below(self, stages: int) -> tuple[str, ...]:
        """Names of the layers with weights in so many first stages."""

    @abc.abstractmethod
    def stages(self, input_size: int, num_classes: int) -> tuple[Stage, ...]:
        """The size of every stage, for square images of a side in pixels.

        Raises:
          UserError: If the images do not fit the network, or the classifier has too
            few outputs for the classes.
        """

    @abc.abstractmethod
    def settings(self) -> dict[str, Any]:
        """The description as plain values, for records."""

    def batch_norms(self, input_size: int) -> int:
        """Number of batch normalisations, which keep statistics of batches."""
        shapes = self.weight_shapes(input_size, num_classes=1)
        return sum(name.endswith("moving_mean") for name in shapes)

    def weight_shapes(
        self, input_size: int, num_classes: int
    ) -> dict[str, tuple[int, ...]]:
        """Shape of every variable, by `layer/variable`; see `stages`."""
        shapes: dict[str, tuple[int, ...]] = {}
        for stage in self.stages(input_size, num_classes):
            shapes |= stage.weights
        return shapes
