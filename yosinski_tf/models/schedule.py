"""The learning rate of a recipe, computed in the training step."""

import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from yosinski_tf.experiment.recipes import Recipe


@keras.saving.register_keras_serializable("yosinski_tf")
class RecipeSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """`Recipe.learning_rate_at` for tensors, in float32.

    Keras has schedules for steps, which know no warm-up, and for half a cosine, whose
    rounding makes the last of 1500 rates 3% too high.

    Args:
      recipe: The recipe, or its settings.
    """

    def __init__(self, recipe: Recipe | Mapping[str, Any]):
        super().__init__()
        self.recipe = recipe if isinstance(recipe, Recipe) else Recipe(**recipe)

    def __call__(self, step):
        recipe, step = self.recipe, ops.convert_to_tensor(step)
        if recipe.schedule == "cosine":
            fall = recipe.steps - recipe.warmup
            left = ops.cast(ops.minimum(recipe.steps - step, fall), "float32") / fall
            rate = recipe.learning_rate * ops.square(ops.sin(math.pi / 2 * left))
        else:
            drops = ops.convert_to_tensor(list(recipe.rate_drops), step.dtype)
            passed = ops.sum(ops.cast(step >= drops, "int32"))
            rate = ops.take(ops.convert_to_tensor(recipe.rates, "float32"), passed)
        risen = ops.cast(step + 1, "float32") / (recipe.warmup + 1)
        return rate * ops.minimum(risen, 1.0)

    def get_config(self):
        return {"recipe": self.recipe.settings()}
