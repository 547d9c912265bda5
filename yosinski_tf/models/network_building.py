"""From the text of `--network` to a Keras model."""

import inspect

import keras

from yosinski_tf.experiment.network_specs import NetworkSpec, parse_spec
from yosinski_tf.experiment.stages import of_another_size
from yosinski_tf.models import applications, keras_archive, keras_file, user_function
from yosinski_tf.models.resnet_mini import resnet_mini
from yosinski_tf.system.errors import UserError


def build(spec: str, input_size: int, num_classes: int) -> keras.Model:
    """Builds the network that a spec names, or loads it with its weights.

    Args:
      spec: See `yosinski_tf.experiment.network_specs`; not `mini` or `caffenet`,
        which are no single Keras model.
      input_size: Side of the square images, pixels.
      num_classes: Number of outputs of the classifier; a file keeps its own.

    Raises:
      UserError: If it cannot be built or loaded, with what to do.
    """
    parsed = parse_spec(spec)
    match parsed.kind:
        case "keras":
            return applications.build(parsed, input_size, num_classes)
        case "python":
            return user_function.build(parsed, input_size, num_classes)
        case "file":
            return _load(parsed, input_size)
        case "resnet_mini":
            return _resnet_mini(parsed, input_size, num_classes)
    raise ValueError(f"{spec} is no Keras model")


def _load(spec: NetworkSpec, input_size: int) -> keras.Model:
    side = keras_archive.input_side(spec.name)
    if side not in (None, input_size):
        raise of_another_size(str(spec), side, input_size)
    return keras_file.load(spec.name)


def _resnet_mini(spec: NetworkSpec, input_size: int, num_classes: int) -> keras.Model:
    free = list(inspect.signature(resnet_mini).parameters)[2:]
    for name, _ in spec.arguments:
        if name not in free:
            raise UserError(
                f"resnet_mini takes the arguments {', '.join(free)}, found {name}"
            )
    shape = (input_size, input_size, 3)
    return resnet_mini(shape, num_classes, **dict(spec.arguments))
