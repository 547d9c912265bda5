"""Names of the variables of a Keras layer, the same in every build."""

import re

import keras

from yosinski_tf.models.graph_config import free_name


def named_variables(layer: keras.layers.Layer) -> dict[str, keras.Variable]:
    """All variables of a built layer, trained or not, by `kernel`, `query/kernel`, ...

    States of random generators are left out. Keras numbers what has no name of its own
    through the whole process; here such numbers count from 0 within the layer.
    """
    result: dict[str, keras.Variable] = {}
    numbers: dict[tuple[str, str], dict[str, int]] = {}
    for variable in layer.weights:
        name = ""
        for part in _inside(layer, variable).split("/"):
            stem = re.sub(r"_\d+$", "", part)
            seen = numbers.setdefault((name, stem), {})
            number = seen.setdefault(part, len(seen))
            unnamed = stem == "variable"
            name += f"/{stem}_{number}" if number or unnamed else f"/{stem}"
        result[free_name(name[1:], result)] = variable
    return result


def is_random(layer: keras.layers.Layer) -> bool:
    """Whether a built layer draws random numbers in training, as dropout does."""
    return any(
        variable.path.endswith("seed_generator_state") for variable in layer.variables
    )


def _inside(layer: keras.layers.Layer, variable: keras.Variable) -> str:
    """The path of a variable within its layer."""
    start = f"{layer.path}/"
    if variable.path.startswith(start):
        return variable.path.removeprefix(start)
    return variable.path.rpartition("/")[2]
