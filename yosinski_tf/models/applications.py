"""The networks of `keras.applications`, as new, and how their pixels are scaled."""

import dataclasses
import difflib
import inspect
import re
from collections.abc import Callable, Collection
from typing import Any

import keras

from yosinski_tf.experiment.network_specs import NetworkSpec
from yosinski_tf.system.errors import UserError, in_brief

# The command sets them, or they have no effect on a network with a classifier.
_SET_HERE = {
    "classes",
    "include_top",
    "input_shape",
    "input_tensor",
    "name",
    "pooling",
    "weights",
}


@dataclasses.dataclass(frozen=True)
class Family:
    """Networks of one module of `keras.applications`.

    Attributes:
      pixels: What its `preprocess_input` makes of pixels: one of the modes `caffe`,
        `tf` and `torch`, or `own` if the network scales pixels itself.
      layer: End of the name of an early layer that no other family has.
    """

    pixels: str
    layer: str


FAMILIES = {
    "convnext": Family("own", "_stage_0_block_0_depthwise_conv"),
    "densenet": Family("torch", "conv2_block1_concat"),
    "efficientnet": Family("own", "block1a_dwconv"),
    "efficientnet_v2": Family("own", "block1a_project_activation"),
    "inception_resnet_v2": Family("tf", "mixed_5b"),
    "inception_v3": Family("tf", "mixed0"),
    "mobilenet": Family("tf", "conv_dw_1"),
    "mobilenet_v2": Family("tf", "bn_Conv1"),
    "mobilenet_v3": Family("own", "expanded_conv_depthwise_bn"),
    "nasnet": Family("tf", "stem_bn1"),
    "resnet": Family("caffe", "conv2_block1_3_bn"),
    "resnet_v2": Family("tf", "conv2_block1_preact_bn"),
    "vgg16": Family("caffe", "block1_pool"),
    "vgg19": Family("caffe", "block1_pool"),
    "xception": Family("tf", "block2_sepconv1"),
}


def find_family(layer_names: Collection[str]) -> str | None:
    """The module of `keras.applications` whose networks have layers named like this."""
    for module, family in FAMILIES.items():
        if any(name.endswith(family.layer) for name in layer_names):
            return module
    return None


def build(spec: NetworkSpec, input_size: int, num_classes: int) -> keras.Model:
    """Builds a network of `keras.applications` with new weights and a classifier.

    Args:
      spec: A spec of the kind `keras`.
      input_size: Side of the images, pixels.
      num_classes: Number of outputs of the classifier.

    Raises:
      UserError: If Keras has no such network, or cannot build it like this.
    """
    function = _function(spec)
    arguments = _arguments(spec, function)
    try:
        return function(
            weights=None,
            include_top=True,
            classes=num_classes,
            input_shape=(input_size, input_size, 3),
            **arguments,
        )
    # What Keras raises for a wrong argument depends on the network.
    except Exception as error:
        found = f"{input_size} x {input_size}"
        if smallest := re.search(r"size must be at least (\d+)x\d+", str(error)):
            side = smallest[1]
            raise UserError(
                f"keras:{spec.name} needs images of at least {side} x {side}, found"
                f" {found}: raise --image_size"
            ) from None
        raise UserError(
            f"{spec} cannot be built for images of {found} and {num_classes} classes:"
            f" Keras says {in_brief(error)}"
        ) from None


def _function(spec: NetworkSpec) -> Callable[..., keras.Model]:
    # Modules are there too, in small letters.
    names = [name for name in dir(keras.applications) if name[0].isupper()]
    if spec.name not in names:
        by_small = {name.lower(): name for name in names}
        near = difflib.get_close_matches(spec.name.lower(), by_small, 4)
        close = [by_small[name] for name in near]
        raise UserError(
            f"keras: needs a network of keras.applications, found {spec.name!r}: take"
            f" one of {', '.join(close or names)}"
        )
    return getattr(keras.applications, spec.name)


def _arguments(spec: NetworkSpec, function: Callable[..., Any]) -> dict[str, Any]:
    names = inspect.signature(function).parameters
    free = [name for name in names if name not in _SET_HERE]
    for name, _ in spec.arguments:
        if name not in free:
            why = "is set by the command" if name in _SET_HERE else "it does not have"
            raise UserError(
                f"keras:{spec.name} takes the arguments {', '.join(free)}, found"
                f" {name}, which {why}"
            )
    return dict(spec.arguments)
