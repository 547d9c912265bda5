"""Networks as data, from which the Keras model and every count are built.

A network has eight layers with weights, conv1..conv5, fc6, fc7 and fc8, as in
the paper (section 3). Nothing here needs TensorFlow.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from yosinski_tf.errors import UserError

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


@dataclasses.dataclass(frozen=True)
class Dense:
    """A fully connected layer; dropout follows its activation.

    Attributes:
      name: Layer name, `fc6`, `fc7` or `fc8`.
      units: Outputs; None for the classifier, which has one per class.
      dropout: Share of activations dropped in training, 0 for none.
    """

    name: str
    units: int | None
    dropout: float = 0.0


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
        sqrt(weight_gain / inputs of a unit); biases start at 0.
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

    def kernel_shapes(
        self, input_size: int, num_classes: int
    ) -> dict[str, tuple[int, ...]]:
        """Shape of every layer's kernel: [height, width, in, out] or [in, out].

        Args:
          input_size: Side of the square input images, pixels.
          num_classes: Outputs of the classifier.

        Raises:
          UserError: If the images are too small for the network's strides.
        """
        smallest = math.prod(
            layer.stride * (2 if layer.pool else 1)
            for layer in self.layers
            if isinstance(layer, Conv)
        )
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
                shapes[layer.name] = (
                    layer.kernel,
                    layer.kernel,
                    depth,
                    layer.filters,
                )
                side, depth = _output_side(layer, side), layer.filters
            else:
                inputs = side * side * depth if flat is None else flat
                flat = num_classes if layer.units is None else layer.units
                shapes[layer.name] = (inputs, flat)
        return shapes

    def count(self, input_size: int, num_classes: int) -> tuple[LayerCount, ...]:
        """Parameters, multiply-accumulates and output shape of every layer."""
        counts = []
        side = input_size
        shapes = self.kernel_shapes(input_size, num_classes)
        for layer in self.layers:
            shape = shapes[layer.name]
            weights = math.prod(shape)
            if isinstance(layer, Conv):
                positions = math.ceil(side / layer.stride) ** 2
                side = _output_side(layer, side)
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
            layers = tuple(
                (Conv if "filters" in layer else Dense)(**layer)
                for layer in settings["layers"]
            )
            return cls(**{**settings, "layers": layers})
        except (KeyError, TypeError) as error:
            raise UserError(
                f"wanted the description of a network, got {settings!r:.200}"
                f" ({error}): take it from a record of this version"
            ) from None


def _output_side(layer: Conv, side: int) -> int:
    side = math.ceil(side / layer.stride)
    return math.ceil(side / 2) if layer.pool else side


def _mini(
    activation: str = "leaky_relu",
    lrn: bool = False,
    widths: tuple[int, ...] = (16, 48, 64, 64, 64, 384, 192),
    dropout: float = 0.2,
) -> Network:
    conv1, conv2, conv3, conv4, conv5, fc6, fc7 = widths
    return Network(
        name="mini",
        layers=(
            Conv("conv1", conv1, kernel=5, stride=2, pool=3, lrn=lrn),
            Conv("conv2", conv2, kernel=3, pool=3, lrn=lrn),
            Conv("conv3", conv3, kernel=3),
            Conv("conv4", conv4, kernel=3),
            Conv("conv5", conv5, kernel=3, pool=3),
            Dense("fc6", fc6, dropout=dropout),
            Dense("fc7", fc7, dropout=dropout),
            Dense("fc8", None),
        ),
        activation=activation,
    )


NETWORKS = {"mini": _mini}


def get_network(name: str, **settings: Any) -> Network:
    """The network of a name, with some of its settings replaced.

    Args:
      name: `mini`: the paper's eight layers, made for 32 x 32 and 64 x 64
        images (not in the paper).
      **settings: For `mini`: `activation`, `lrn`, `widths` (of conv1..fc7)
        and `dropout`.

    Raises:
      UserError: If there is no such network or a setting is out of range.
    """
    if name not in NETWORKS:
        raise UserError(
            f"unknown network {name!r}: wanted one of {', '.join(sorted(NETWORKS))}"
        )
    widths = settings.get("widths")
    if widths is not None and (len(widths) != 7 or min(widths) < 1):
        raise UserError(
            "wanted seven positive widths, for conv1..conv5, fc6 and fc7, got"
            f" {list(widths)}"
        )
    dropout = settings.get("dropout", 0.0)
    if not 0 <= dropout < 1:
        raise UserError(f"wanted a dropout of at least 0 and under 1, got {dropout}")
    return NETWORKS[name](**settings)
