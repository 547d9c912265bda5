"""Networks as data, from which the Keras model and every count are built.

A network has eight layers with weights, conv1..conv5, fc6, fc7 and fc8, as in
the paper (section 3). Nothing here needs TensorFlow.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from yosinski_tf.system.errors import UserError
from yosinski_tf.system.typecheck import wrong_fields

ACTIVATIONS = ("relu", "leaky_relu")


@dataclasses.dataclass(frozen=True)
class Conv:
    """A convolution, its activation, and what follows up to the next layer.

    Attributes:
      name: Layer name, `conv1`..`conv5`.
      filters: Output channels.
      kernel: Side of the square kernel, pixels.
      stride: Step of the kernel, pixels; padding is zero "same" padding.
      pool: Side of the max-pooling window that follows, step 2; 0 for none.
      lrn: Whether local response normalisation follows the pooling.
    """

    name: str
    filters: int
    kernel: int
    stride: int = 1
    pool: int = 0
    lrn: bool = False

    def kernel_shape(self, depth: int) -> tuple[int, int, int, int]:
        """Shape of the kernel over an input of so many channels."""
        return (self.kernel, self.kernel, depth, self.filters)

    def convolved(self, side: int) -> int:
        """Side of the convolution's output, pixels."""
        return math.ceil(side / self.stride)

    def pooled(self, side: int) -> int:
        """Side of what pooling makes of the convolution's output, pixels."""
        return math.ceil(side / 2) if self.pool else side


@dataclasses.dataclass(frozen=True)
class CaffeConv(Conv):
    """A convolution in the form that the authors' software, Caffe, has.

    Its pooling does not pad and rounds its output up: windows at the lower and
    right border are cut off there.

    Attributes:
      padding: Zeros added on each side, pixels.
      groups: Parts that input and output channels are divided into; each part
        of the output sees one part of the input.
      deviation: Standard deviation of the normal initial weights.
      bias: Initial bias.
    """

    padding: int = 0
    groups: int = 1
    deviation: float = 0.01
    bias: float = 0.0

    def kernel_shape(self, depth: int) -> tuple[int, int, int, int]:
        """Shape of the kernel, all groups side by side."""
        return (self.kernel, self.kernel, depth // self.groups, self.filters)

    def convolved(self, side: int) -> int:
        """Side of the convolution's output, rounded down; below 1 if none."""
        return (side + 2 * self.padding - self.kernel) // self.stride + 1

    def pooled(self, side: int) -> int:
        """Side after pooling, rounded up; below 1 if none."""
        return math.ceil((side - self.pool) / 2) + 1 if self.pool else side


@dataclasses.dataclass(frozen=True)
class Dense:
    """A fully connected layer; dropout follows its activation.

    Attributes:
      name: Layer name, `fc6`, `fc7` or `fc8`.
      units: Outputs; None for a classifier that has one per class.
      dropout: Share of activations dropped in training, 0 for none.
    """

    name: str
    units: int | None
    dropout: float = 0.0


@dataclasses.dataclass(frozen=True)
class CaffeDense(Dense):
    """A fully connected layer with initial values as Caffe states them.

    Attributes:
      deviation: Standard deviation of the normal initial weights.
      bias: Initial bias.
    """

    deviation: float = 0.01
    bias: float = 0.0


Layer = Conv | Dense


@dataclasses.dataclass(frozen=True)
class LayerCount:
    """What one layer costs.

    Attributes:
      name: Layer name.
      output_shape: Shape of one image's output after pooling, without batch.
      parameters: Weights and biases.
      multiply_accumulates: Per image, forward.
    """

    name: str
    output_shape: tuple[int, ...]
    parameters: int
    multiply_accumulates: int


@dataclasses.dataclass(frozen=True)
class Network:
    """The description of a network with eight layers.

    Attributes:
      name: Its name on the command line.
      layers: conv1..fc8 in order.
      activation: `relu` or `leaky_relu` (slope 0.1 below zero), after every
        layer but the last.
      pixel_scale: What pixels, 0..255 less their mean, are multiplied by.
      weight_gain: Initial weights are normal with a standard deviation of
        sqrt(weight_gain / inputs of a unit), biases start at 0; layers in
        Caffe's form have values of their own.
    """

    name: str
    layers: tuple[Layer, ...]
    activation: str = "relu"
    pixel_scale: float = 1 / 64
    weight_gain: float = 1.4

    def __post_init__(self):
        if self.activation not in ACTIVATIONS:
            raise UserError(
                f"unknown activation {self.activation!r}: wanted one of"
                f" {', '.join(ACTIVATIONS)}"
            )

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of the layers with weights, input first."""
        return tuple(layer.name for layer in self.layers)

    def outputs(self, num_classes: int) -> int:
        """Outputs of the classifier: one per class, or a number of its own.

        Raises:
          UserError: If there are fewer outputs than classes.
        """
        units = self.layers[-1].units
        if units is not None and units < num_classes:
            raise UserError(
                f"--num_outputs wants at least one output per class, {num_classes},"
                f" got {units}"
            )
        return num_classes if units is None else units

    def initial(self, name: str, inputs: int) -> tuple[float, float]:
        """Standard deviation of a layer's initial weights, and its first bias.

        Args:
          name: The layer.
          inputs: Inputs of each of its units.
        """
        layer = next(layer for layer in self.layers if layer.name == name)
        if isinstance(layer, CaffeConv | CaffeDense):
            return layer.deviation, layer.bias
        return math.sqrt(self.weight_gain / inputs), 0.0

    def kernel_shapes(
        self, input_size: int, num_classes: int
    ) -> dict[str, tuple[int, ...]]:
        """Shape of every layer's kernel: [height, width, in, out] or [in, out].

        Args:
          input_size: Side of the square input images, pixels.
          num_classes: Classes; the classifier has at least one output for each.

        Raises:
          UserError: If the images are too small for the network's strides, or
            the classifier for the classes.
        """
        smallest = self._smallest_input()
        if input_size < smallest:
            raise UserError(
                f"network {self.name} wanted images of at least {smallest} x"
                f" {smallest}, got {input_size} x {input_size}: raise"
                " --image_size"
            )
        shapes: dict[str, tuple[int, ...]] = {}
        side, depth = input_size, 3
        flat = None
        for layer in self.layers:
            if isinstance(layer, Conv):
                shapes[layer.name] = layer.kernel_shape(depth)
                side, depth = layer.pooled(layer.convolved(side)), layer.filters
            else:
                last = layer is self.layers[-1]
                inputs = side * side * depth if flat is None else flat
                flat = self.outputs(num_classes) if last else layer.units
                shapes[layer.name] = (inputs, flat)
        return shapes

    def _smallest_input(self) -> int:
        """Side of the smallest images of which every layer makes something."""
        convolutions = [layer for layer in self.layers if isinstance(layer, Conv)]
        size = math.prod(
            layer.stride * (2 if layer.pool else 1) for layer in convolutions
        )

        def fits(side: int) -> bool:
            for layer in convolutions:
                convolved = layer.convolved(side)
                side = layer.pooled(convolved)
                if min(convolved, side) < 1:
                    return False
            return True

        while not fits(size):
            size += 1
        return size

    def count(self, input_size: int, num_classes: int) -> tuple[LayerCount, ...]:
        """Parameters, multiply-accumulates and output shape of every layer."""
        counts = []
        side = input_size
        shapes = self.kernel_shapes(input_size, num_classes)
        for layer in self.layers:
            shape = shapes[layer.name]
            weights = math.prod(shape)
            if isinstance(layer, Conv):
                positions = layer.convolved(side) ** 2
                side = layer.pooled(layer.convolved(side))
                output_shape: tuple[int, ...] = (side, side, layer.filters)
            else:
                positions = 1
                output_shape = (shape[-1],)
            counts.append(
                LayerCount(
                    layer.name,
                    output_shape,
                    weights + shape[-1],
                    weights * positions,
                )
            )
        return tuple(counts)

    def settings(self) -> dict[str, Any]:
        """The description as plain values, for records."""
        return dataclasses.asdict(self)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "Network":
        """The network that `settings` described, lists in place of tuples or not.

        Raises:
          UserError: If it is no description of a network.
        """
        try:
            rest = {k: v for k, v in settings.items() if k != "layers"}
            layers = tuple(_layer(layer) for layer in settings["layers"])
            if wrong := wrong_fields(cls, rest):
                raise TypeError("; ".join(wrong))
            return cls(**rest, layers=layers)
        except (AttributeError, KeyError, TypeError) as error:
            raise UserError(
                f"wanted the description of a network, got {settings!r:.200}"
                f" ({error}): take it from a record of this version"
            ) from None


def _layer(settings: Mapping[str, Any]) -> Layer:
    if "deviation" in settings:
        kind = CaffeConv if "filters" in settings else CaffeDense
    else:
        kind = Conv if "filters" in settings else Dense
    if wrong := wrong_fields(kind, settings):
        raise TypeError("; ".join(wrong))
    return kind(**settings)
