"""The optimizer of a recipe, for all networks of a cohort.

Whatever an optimizer keeps, it keeps for each variable or for each network, so that
the result of a network does not depend on the others.
"""

import functools
from collections.abc import Sequence

import keras

from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.models.caffe_sgd import CaffeSGD, decays
from yosinski_tf.models.loss_scaling import ScaledSGD
from yosinski_tf.models.schedule import RecipeSchedule


@keras.saving.register_keras_serializable("yosinski_tf")
class AdamW(keras.optimizers.AdamW):
    """Keras' AdamW with weight decay for kernels only, see `decays`."""

    def build(self, variables):
        if not self.built:
            self.exclude_from_weight_decay([v for v in variables if not decays(v)])
            super().build(variables)

    def moments(self, variable) -> dict[str, keras.Variable]:
        """What is kept for a variable, by name, once `build` was called."""
        index = self._get_variable_index(variable)
        return {"momentum": self._momentums[index], "velocity": self._velocities[index]}


def optimizer_for(
    recipe: Recipe, networks: Sequence[Sequence[keras.Variable]]
) -> CaffeSGD | AdamW:
    """The optimizer of a recipe, not yet built.

    Args:
      recipe: The recipe.
      networks: The trained variables of each network; needed for float16, where each
        network has its own scale of the loss.
    """
    rate = RecipeSchedule(recipe)
    if recipe.optimizer == "adamw":
        return AdamW(rate, weight_decay=recipe.weight_decay, beta_1=recipe.momentum)
    make = CaffeSGD
    if recipe.precision == "float16":
        make = functools.partial(ScaledSGD, networks)
    return make(
        learning_rate=rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        bias_rate=recipe.bias_rate,
    )
