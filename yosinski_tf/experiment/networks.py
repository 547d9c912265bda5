"""Networks as data, from which the Keras model and every count are built.

A network has eight layers with weights, conv1..conv5, fc6, fc7 and fc8, as in
the paper (section 3). Nothing here needs TensorFlow.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from yosinski_tf.experiment.stages import Network, Stage
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.typecheck import wrong_fields

# The slope below zero of each activation; None for the exponential one, which bends.
ACTIVATIONS = {"relu": 0.0, "leaky_relu": 0.1, "elu": None}
# float32 buffers of local response normalisation for each of its outputs.
_NORMALISATION = 4


@dataclasses.dataclass(frozen=True)
class Conv:
    """A convolution with its activation, pooling and normalisation.

    Attributes:
      name: Layer name, `conv1`..`conv5`.
      filters: Output channels.
      kernel: Side of the square kernel, pixels.
      stride: Step of the kernel, pixels. Zeros are padded as for Keras' "same".
      pool: Side of the max-pooling window, pixels, at step 2; 0 for no pooling.
      lrn: Whether local response normalisation follows the pooling.
    """

    name: str
    filters: int
    kernel: int
    stride: int = 1
    pool: int = 0
    lrn: bool = False

    def kernel_shape(self, depth: int) -> tuple[int, int, int, int]:
        """Shape of the kernel over an input of `depth` channels."""
        return (self.kernel, self.kernel, depth, self.filters)

    def convolved(self, side: int) -> int:
        """Side of the convolution's output for an input of `side` pixels."""
        return math.ceil(side / self.stride)

    def pooled(self, side: int) -> int:
        """Side after pooling, for a convolution's output of `side` pixels."""
        return math.ceil(side / 2) if self.pool else side


@dataclasses.dataclass(frozen=True)
class CaffeConv(Conv):
    """A convolution as in Caffe, the authors' software.

    Pooling adds no padding and rounds its output size up: the windows at the
    lower and right border are smaller.

    Attributes:
      padding: Zeros added on each side, pixels.
      groups: Groups of channels. Each group of output channels sees only its
        own group of input channels.
      deviation: Standard deviation of the normal initial weights.
      bias: Initial bias.
    """

    padding: int = 0
    groups: int = 1
    deviation: float = 0.01
    bias: float = 0.0

    def kernel_shape(self, depth: int) -> tuple[int, int, int, int]:
        """Shape of the kernel, with the groups side by side in the last axis."""
        return (self.kernel, self.kernel, depth // self.groups, self.filters)

    def convolved(self, side: int) -> int:
        """Side of the output, rounded down; below 1 if the input is too small."""
        return (side + 2 * self.padding - self.kernel) // self.stride + 1

    def pooled(self, side: int) -> int:
        """Side after pooling, rounded up; below 1 if the input is too small."""
        return math.ceil((side - self.pool) / 2) + 1 if self.pool else side


@dataclasses.dataclass(frozen=True)
class Dense:
    """A fully connected layer with its activation and dropout.

    Attributes:
      name: Layer name, `fc6`, `fc7` or `fc8`.
      units: Outputs; None for a classifier with one output per class.
      dropout: Share of activations dropped in training, 0 for none.
    """

    name: str
    units: int | None
    dropout: float = 0.0


@dataclasses.dataclass(frozen=True)
class CaffeDense(Dense):
    """A fully connected layer with its initial values, as of a `CaffeConv`."""

    deviation: float = 0.01
    bias: float = 0.0


Layer = Conv | Dense
# Plain values become the layer that has exactly these fields.
_FORMS = {
    frozenset(field.name for field in dataclasses.fields(form)): form
    for form in (Conv, CaffeConv, Dense, CaffeDense)
}


@dataclasses.dataclass(frozen=True)
class EightLayers(Network):
    """A network with eight layers, each of them a stage.

    Attributes:
      name: Its name on the command line.
      layers: conv1..fc8 in order.
      activation: One of `ACTIVATIONS`, after every layer but the last.
      pixel_scale: Factor for the pixels, which are 0..255 less their mean.
      weight_gain: Initial weights are normal with a standard deviation of
        sqrt(weight_gain / inputs of a unit), and biases are 0. `CaffeConv` and
        `CaffeDense` have initial values of their own.
    """

    name: str
    layers: tuple[Layer, ...]
    activation: str = "relu"
    pixel_scale: float = 1 / 64
    weight_gain: float = 1.4

    pixels = "mean"

    def __post_init__(self):
        if self.activation not in ACTIVATIONS:
            raise UserError(
                f"--activation needs one of {', '.join(ACTIVATIONS)}, found"
                f" {self.activation!r}"
            )

    @property
    def classifier(self) -> str:
        return self.layers[-1].name

    @property
    def stage_names(self) -> tuple[str, ...]:
        return tuple(layer.name for layer in self.layers)

    @property
    def negative_slope(self) -> float | None:
        """Slope of the activation below zero, see `ACTIVATIONS`."""
        return ACTIVATIONS[self.activation]

    def outputs(self, num_classes: int) -> int:
        """Number of outputs of the classifier.

        Raises:
          UserError: If there are fewer outputs than classes.
        """
        units = self.layers[-1].units
        if units is not None and units < num_classes:
            raise UserError(
                f"--num_outputs needs at least one output per class, {num_classes},"
                f" found {units}"
            )
        return num_classes if units is None else units

    def initial(self, name: str, inputs: int) -> tuple[float, float]:
        """Standard deviation of a layer's initial weights, and its initial bias.

        Each unit of the layer has so many `inputs`.
        """
        layer = next(layer for layer in self.layers if layer.name == name)
        if isinstance(layer, CaffeConv | CaffeDense):
            return layer.deviation, layer.bias
        return math.sqrt(self.weight_gain / inputs), 0.0

    def stages(self, input_size: int, num_classes: int) -> tuple[Stage, ...]:
        smallest = self._smallest_input()
        if input_size < smallest:
            raise UserError(
                f"network {self.name} needs images of at least {smallest} x"
                f" {smallest}, found {input_size} x {input_size}: raise"
                " --image_size"
            )
        stages = []
        output: tuple[int, ...] = (input_size, input_size, 3)
        for layer in self.layers:
            if isinstance(layer, Conv):
                kernel: tuple[int, ...] = layer.kernel_shape(output[-1])
                convolved = layer.convolved(output[0])
                side, positions = layer.pooled(convolved), convolved**2
                output = (side, side, layer.filters)
                largest = activations = positions * layer.filters
                if layer.pool:
                    activations += math.prod(output)
                in_float32 = _NORMALISATION * math.prod(output) if layer.lrn else 0
            else:
                last = layer is self.layers[-1]
                units = self.outputs(num_classes) if last else layer.units
                kernel, positions, output = (math.prod(output), units), 1, (units,)
                # Output, activation, mask.
                largest, activations, in_float32 = units, 0, 3 * units
            weights = {
                f"{layer.name}/kernel": kernel,
                f"{layer.name}/bias": kernel[-1:],
            }
            stages.append(
                Stage(
                    name=layer.name,
                    weights=weights,
                    output_shape=output,
                    multiply_accumulates=math.prod(kernel) * positions,
                    activations=activations,
                    activations_float32=in_float32,
                    largest=largest,
                    random=isinstance(layer, Dense) and layer.dropout > 0,
                )
            )
        return tuple(stages)

    def layers_below(self, stages: int) -> tuple[str, ...]:
        return self.stage_names[:stages]

    def _smallest_input(self) -> int:
        """Side of the smallest image that leaves every convolution an output."""
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

    def settings(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "EightLayers":
        """The network of which `settings()` returned these values.

        Lists may stand for tuples, as after JSON.

        Raises:
          UserError: If the values do not describe a network.
        """
        try:
            rest = {**settings, "layers": ()}
            layers = tuple(_layer(layer) for layer in settings["layers"])
            if wrong := wrong_fields(cls, rest):
                raise TypeError("; ".join(wrong))
            return cls(**{**rest, "layers": layers})
        except (AttributeError, KeyError, TypeError, UserError) as error:
            raise UserError(
                f"network_settings needs the description of a network, found"
                f" {settings!r:.200} ({error}): take it from a record of this version"
            ) from None


def _layer(settings: Mapping[str, Any]) -> Layer:
    form = _FORMS.get(frozenset(settings))
    if form is None:
        raise TypeError(f"no layer has the fields {', '.join(sorted(settings))}")
    if wrong := wrong_fields(form, settings):
        raise TypeError("; ".join(wrong))
    return form(**settings)
