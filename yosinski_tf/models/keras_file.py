"""Loads a `.keras` file that others wrote, and runs nothing that stands in it."""

import os
from typing import Any

import keras

# Registers the layers of this project, so that its own networks can be loaded.
from yosinski_tf.models import keras_archive
from yosinski_tf.models import layers as _layers  # noqa: F401
from yosinski_tf.system.errors import UserError, in_brief

# Keras looks for classes in these packages only.
_PACKAGES = ("keras", "keras_hub", "keras_cv", "keras_nlp")
# Where Keras looks for a name without a module.
_HOMES = (
    keras.activations,
    keras.constraints,
    keras.dtype_policies,
    keras.initializers,
    keras.layers,
    keras.regularizers,
)
# They run code that stands in the file, or read other files that it names.
_RUN_OR_READ = (
    "FlaxLayer",
    "IntegerLookup",
    "JaxLayer",
    "Lambda",
    "StringLookup",
    "TFSMLayer",
    "TextVectorization",
    "TorchModuleWrapper",
    "__lambda__",
)


def load(path: str) -> keras.Model:
    """Loads a saved model with its weights, without losses and solver.

    The description of every layer is read first. Keras sees the file only if all
    classes are Keras' own or registered in this process, and none runs code.

    Raises:
      UserError: If the file cannot be read or is damaged, or has other classes.
    """
    config = keras_archive.read_config(path)
    # Losses and metrics of the user's own do no harm: they are not built.
    config.pop("compile_config", None)
    _check_graph(os.path.basename(path), config)
    check_objects(os.path.basename(path), config)
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    # What a broken file raises depends on the layer that meets it.
    except Exception as error:
        # Keras puts whole descriptions in front of the reason.
        reason = in_brief(error, most=10**6).split("Exception encountered: ")[-1]
        raise keras_archive.damaged(path, f"Keras says {reason:.300}") from None


def _check_graph(file: str, config: dict[str, Any]) -> None:
    """Refuses a model whose class is unknown and whose description has no layers."""
    if "layers" not in config["config"] and not _is_known(config):
        raise UserError(
            f"needs a graph of layers, found {file} with {config.get('class_name')}, a"
            " subclassed model whose layers are called in its own code: write it with"
            " keras.Input and keras.Model(inputs, outputs), copy the weights and save"
            " that"
        )


def check_objects(file: str, config: Any) -> None:
    """Refuses the description of a model that runs code, or has unknown classes.

    Args:
      file: Name of the file that it stands in, for messages.

    Raises:
      UserError: If Keras must not see it.
    """
    for described in keras_archive.described_objects(config):
        _check(file, described)


def has_own_objects(config: Any) -> bool:
    """Whether the description of a model has classes or functions of the user's own."""
    return any(
        registered is not None and not registered.__module__.startswith("yosinski_tf")
        for registered in map(_registered, keras_archive.described_objects(config))
    )


def _registered(described: dict[str, Any]) -> Any:
    """The class or function that is registered under this name, if any."""
    name = str(described["class_name"])
    if name == "function":
        name = str(described.get("config"))
    elif described.get("registered_name"):
        name = str(described["registered_name"])
    return keras.saving.get_registered_object(name)


def _check(file: str, described: dict[str, Any]) -> None:
    name, module = described["class_name"], described.get("module")
    if name in _RUN_OR_READ:
        what = "Lambda" if name == "__lambda__" else name
        raise UserError(
            f"needs a model without code of its own, found {file} with the layer"
            f" {_layer_name(described)} of the class {what}, which is not loaded: build"
            " the model without it, from layers and operations of Keras, and copy the"
            " weights"
        )
    if _is_known(described):
        return
    kind = "class"
    if name == "function":
        kind, name = "function", described.get("config")
    place = f" of the module {module}" if module not in (None, "builtins") else ""
    raise UserError(
        f"{file} needs the {kind} {name}{place}, which Keras does not have: register it"
        " with keras.saving.register_keras_serializable in the module of"
        " --network=python:MODULE:FUNCTION, which may stand beside --source=file:"
    )


def _is_known(described: dict[str, Any]) -> bool:
    """Whether a class or function is one of Keras or registered in this process."""
    name, module = str(described["class_name"]), described.get("module")
    if name == "function":
        name = str(described.get("config"))
    if _registered(described) is not None:
        return True
    if module is None or module == "builtins":
        # `__tensor__` and its like are marks of Keras for a value.
        return name.startswith("__") or any(hasattr(home, name) for home in _HOMES)
    return str(module).split(".")[0] in _PACKAGES


def _layer_name(described: dict[str, Any]) -> str:
    config = described.get("config")
    return str(config.get("name", "")) if isinstance(config, dict) else ""
