"""Networks that are given as a functional Keras model, cut into stages."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from yosinski_tf.experiment.stages import Network, Stage, of_another_size
from yosinski_tf.system import user_modules
from yosinski_tf.system.errors import UserError

# What the input of a network is scaled to. `mean`: less the mean of the training
# images; `caffe`, `tf`, `torch`: the modes of `keras.applications`; `0..1`, `0..255`:
# only to this range; `own`: 0..255, which the network scales itself.
PIXELS = ("mean", "caffe", "tf", "torch", "0..1", "0..255", "own")

# A tensor of a graph: name of the layer, number of the call, number of the output.
Tensor = tuple[str, int, int]


@dataclasses.dataclass(frozen=True)
class KerasNetwork(Network):
    """A Keras network without its classifier, and how it is cut.

    Attributes:
      name: Its name on the command line.
      input_size: Side of the square images that it was built for, pixels.
      graph: `get_config()` of a functional model without nested models, from the image
        to the features that the classifier stands on.
      cuts: The tensors between the stages, one fewer than there are stages.
      features: The tensor that the classifier stands on; it is flattened first.
      classifier: Name of the classifier, a dense layer that gives logits.
      classifier_inputs: Numbers in the flattened features of one image.
      bodies: The sizes of the stages, the last one without its classifier.
      pixels: See `PIXELS`.
      modules: Python modules to import before the graph is built, since they register
        its layers.
    """

    name: str
    input_size: int
    graph: Mapping[str, Any] = dataclasses.field(repr=False)
    cuts: tuple[Tensor, ...]
    features: Tensor
    classifier: str
    classifier_inputs: int
    bodies: tuple[Stage, ...]
    pixels: str = "mean"
    modules: tuple[str, ...] = ()

    pixel_scale = 1 / 64

    @property
    def stage_names(self) -> tuple[str, ...]:
        return tuple(stage.name for stage in self.bodies)

    def layers_below(self, stages: int) -> tuple[str, ...]:
        below = (layer for stage in self.bodies[:stages] for layer in stage.layers)
        last = (self.classifier,) if stages >= len(self.bodies) else ()
        return (*below, *last)

    def stages(self, input_size: int, num_classes: int) -> tuple[Stage, ...]:
        if input_size != self.input_size:
            raise of_another_size(f"network {self.name}", self.input_size, input_size)
        *below, last = self.bodies
        kernel = (self.classifier_inputs, num_classes)
        weights = {
            f"{self.classifier}/kernel": kernel,
            f"{self.classifier}/bias": kernel[1:],
        }
        last = dataclasses.replace(
            last,
            weights={**last.weights, **weights},
            output_shape=(num_classes,),
            multiply_accumulates=last.multiply_accumulates + kernel[0] * kernel[1],
            activations_float32=last.activations_float32 + num_classes,
        )
        return (*below, last)

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of everything but the name."""
        values = {**dataclasses.asdict(self), "name": ""}
        text = json.dumps(values, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def slowest_momentum(self) -> float:
        """The highest momentum of a batch normalisation; 0 without any."""
        return max((layer["config"]["momentum"] for layer in self._norms()), default=0)

    def with_momentum(self, momentum: float) -> "KerasNetwork":
        """The network with another momentum in every batch normalisation."""
        graph = json.loads(json.dumps(self.graph))
        network = dataclasses.replace(self, graph=graph)
        for layer in network._norms():
            layer["config"]["momentum"] = momentum
        return network

    def _norms(self) -> list[dict[str, Any]]:
        layers = self.graph["layers"]
        return [each for each in layers if each["class_name"] == "BatchNormalization"]

    def import_modules(self) -> None:
        """Imports `modules`, so that Keras knows the layers that they register.

        Raises:
          UserError: If one cannot be imported.
        """
        for module in self.modules:
            user_modules.import_module(module)

    def settings(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "sha256": self.digest,
            "stages": list(self.stage_names),
            "input_size": self.input_size,
            "pixels": self.pixels,
        }

    def to_json(self) -> dict[str, Any]:
        """The whole description, for `network.json`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "KerasNetwork":
        """The network of which `to_json` returned these values, also after JSON.

        Raises:
          UserError: If the values do not describe a network.
        """
        try:
            stages = tuple(
                Stage(
                    **{
                        **stage,
                        "weights": {k: tuple(v) for k, v in stage["weights"].items()},
                        "output_shape": tuple(stage["output_shape"]),
                    }
                )
                for stage in values["bodies"]
            )
            return cls(
                **{
                    **values,
                    "cuts": tuple(tuple(cut) for cut in values["cuts"]),
                    "features": tuple(values["features"]),
                    "bodies": stages,
                    "modules": tuple(values["modules"]),
                }
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise UserError(
                f"needs the description of a network, found something else ({error})"
            ) from None
