"""Loss scaling for float16, each network of a cohort by itself.

In float16 small gradients become zero. So the loss is multiplied before they are
computed, and they are divided by the same number. A scale that is too high makes
them infinite: then the step is left out and the scale is halved; after many steps
that went well it is doubled (Micikevicius et al. 2018, Mixed Precision Training,
section 3.2; the numbers are those of Keras' `LossScaleOptimizer`, which has one
scale for all and skips a step for all). Not in the paper, which is float32.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.models.caffe_sgd import CaffeSGD, arguments, make_optimizer

FIRST_SCALE = 2.0**15
# At the lowest a step is taken come what may: a gradient that float16 cannot hold
# unscaled makes the network diverge, as it would without any scaling.
LOWEST_SCALE = 1.0
HIGHEST_SCALE = 2.0**24
STEPS_TO_GROW = 2000


class ScaledSGD(CaffeSGD):
    """`CaffeSGD` on gradients of losses that it has scaled, one for each network.

    `build` comes first. The loss handed to `scale_loss` is float32 [networks]. A
    network with a gradient that is not finite takes no step: weights and velocities
    stay, the others' move. Every step counts, for the schedule of rates too. All
    state is kept for each network, so that company changes nothing.
    """

    def __init__(self, networks: Sequence[Sequence[Any]], **kwargs):
        """Makes the optimizer.

        Args:
          networks: The variables of each network that are trained, at least one
            for each; no variable twice.
          **kwargs: As for `CaffeSGD`.
        """
        super().__init__(**kwargs)
        self._size = len(networks)
        self._network_of_variable = {
            id(variable): number
            for number, variables in enumerate(networks)
            for variable in variables
        }
        self._network: list[int] = []
        self._last: set[int] = set()

    def build(self, variables):
        if not self.built:
            super().build(variables)
            self._network = [self._network_of_variable[id(v)] for v in variables]
            # The last of each network to be updated, in the order of `variables`.
            last = {number: index for index, number in enumerate(self._network)}
            self._last = set(last.values())
            self._scale, self._good = (
                self.add_variable((self._size,), first, dtype=dtype, name=name)
                for name, first, dtype in (
                    ("loss_scale", keras.initializers.Constant(FIRST_SCALE), "float32"),
                    ("good_steps", "zeros", "int32"),
                )
            )

    @property
    def per_network(self) -> dict[str, Any]:
        """The variables with one number for each network; `build` comes first."""
        return {"loss_scale": self._scale, "good_steps": self._good}

    def scale_loss(self, loss):
        return ops.sum(loss * ops.convert_to_tensor(self._scale))

    def apply(self, grads, trainable_variables=None):
        variables = trainable_variables
        if variables is None:
            variables = self._trainable_variables
        networks = [self._network[self._get_variable_index(v)] for v in variables]
        finite = [
            ops.all(
                ops.stack(
                    [
                        ops.all(ops.isfinite(gradient))
                        for gradient, network in zip(grads, networks, strict=True)
                        if network == number
                    ]
                )
            )
            for number in range(self._size)
        ]
        # Where one gradient is not finite none is, for `update_step` to see: it is
        # there that the replicas of a distributed training have been added up.
        grads = [
            ops.where(finite[network], gradient / self._scale[network], np.nan)
            for gradient, network in zip(grads, networks, strict=True)
        ]
        super().apply(grads, trainable_variables)

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        network = self._network[index]
        scale = self._scale[network]
        finite = ops.isfinite(ops.reshape(gradient, (-1,))[0])
        taken = ops.logical_or(finite, scale <= LOWEST_SCALE)
        velocity = self._velocities[index]
        moved = self.next_velocity(index, gradient, variable, learning_rate)
        for changing, new in ((velocity, moved), (variable, variable - moved)):
            # JAX's `where` takes no Keras variable.
            old = ops.convert_to_tensor(changing)
            self.assign(changing, ops.where(taken, new, old))
        if index in self._last:
            self._adjust(network, finite)

    def _adjust(self, network: int, finite) -> None:
        """Lowers or raises the scale of one network, after all of it was updated."""
        here = np.arange(self._size) == network
        scale, before = map(ops.convert_to_tensor, (self._scale, self._good))
        good = ops.where(finite, before + 1, 0)
        grows = good >= STEPS_TO_GROW
        higher = ops.where(grows, ops.minimum(2 * scale, HIGHEST_SCALE), scale)
        lower = ops.maximum(scale / 2, LOWEST_SCALE)
        changed = ops.where(finite, higher, lower)
        self.assign(self._scale, ops.where(here, changed, scale))
        self.assign(self._good, ops.where(here, ops.where(grows, 0, good), before))


def optimizer_for(recipe: Recipe, networks: Sequence[Sequence[Any]]) -> CaffeSGD:
    """The optimizer of a recipe; it scales losses where the precision is float16.

    Args:
      recipe: The recipe.
      networks: The variables of each network that are trained.
    """
    if recipe.precision == "float16":
        return ScaledSGD(networks, **arguments(recipe))
    return make_optimizer(recipe)
