"""Networks that a function of the user builds."""

import keras

from yosinski_tf.experiment.network_specs import NetworkSpec
from yosinski_tf.system.errors import UserError, in_brief
from yosinski_tf.system.user_modules import current_folder_first, import_module


def build(spec: NetworkSpec, input_size: int, num_classes: int) -> keras.Model:
    """Calls the function that a spec of the kind `python` names.

    It is called as function((input_size, input_size, 3), num_classes) and returns a
    `keras.Model`.

    Raises:
      UserError: If there is no such function, or it fails or returns something else.
    """
    module = import_module(spec.name)
    function = getattr(module, spec.function, None)
    if not callable(function):
        found = "no such name" if function is None else type(function).__name__
        raise UserError(
            f"{spec} needs a function {spec.function} in the module {spec.name}, found"
            f" {found}"
        )
    shape = (input_size, input_size, 3)
    call = f"{spec.function}({shape}, {num_classes})"
    try:
        with current_folder_first():
            model = function(shape, num_classes)
    except (Exception, SystemExit) as error:
        raise UserError(
            f"{spec} needs a function that builds a network, found that {call} fails"
            f" ({in_brief(error)})"
        ) from None
    if not isinstance(model, keras.Model):
        raise UserError(
            f"{spec} needs a function that returns a keras.Model, found that {call}"
            f" returns a {type(model).__name__}"
        )
    return model
