"""Loss scaling for float16, with a scale for each network of a cohort.

In float16 small gradients become zero. So the loss is multiplied by a scale before
gradients are computed, and these are divided by it. A scale that is too high makes
them infinite: the optimizer then skips the step and halves the scale. After many
steps without this it doubles the scale (Micikevicius et al. 2018, Mixed Precision
Training, section 3.2; with the numbers of Keras' `LossScaleOptimizer`, which has one
scale for all networks). Not in the paper, which trains in float32.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from yosinski_tf.models.caffe_sgd import CaffeSGD

FIRST_SCALE = 2.0**15
# At the lowest scale no step is skipped: a gradient that float16 cannot hold unscaled
# makes the network diverge, as it would without scaling.
LOWEST_SCALE = 1.0
HIGHEST_SCALE = 2.0**24
STEPS_TO_GROW = 2000


class ScaledSGD(CaffeSGD):
    """`CaffeSGD` that scales the loss of each network of a cohort.

    `build` must be called first. `scale_loss` takes losses, float32 [networks]. If a
    gradient of a network is not finite, the weights and velocities of this network
    stay as they are, but the step counts, for the schedule of rates too. All state
    is kept per network, so that results do not depend on the other networks of the
    cohort.

    Args:
      networks: The trained variables of each network, at least one for each; no
        variable twice.
    """

    def __init__(self, networks: Sequence[Sequence[Any]], **kwargs):
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
            # The variable of each network that is updated last.
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
        """The variables with one number per network, once `build` was called."""
        return {"loss_scale": self._scale, "good_steps": self._good}

    def scale_loss(self, loss):
        return ops.sum(loss * ops.convert_to_tensor(self._scale))

    def apply(self, grads, trainable_variables=None):
        variables = trainable_variables or self._trainable_variables
        networks = [self._network[self._get_variable_index(v)] for v in variables]
        finite = []
        for number in range(self._size):
            own = [g for g, n in zip(grads, networks, strict=True) if n == number]
            finite.append(ops.all(ops.stack([ops.all(ops.isfinite(g)) for g in own])))
        # If one gradient is not finite, all of this network become NaN. `update_step`
        # looks at them, when the gradients of all replicas have been added.
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
        """Lowers or raises the scale of one network, after its last update."""
        here = np.arange(self._size) == network
        scale, before = map(ops.convert_to_tensor, (self._scale, self._good))
        good = ops.where(finite, before + 1, 0)
        grows = good >= STEPS_TO_GROW
        higher = ops.where(grows, ops.minimum(2 * scale, HIGHEST_SCALE), scale)
        lower = ops.maximum(scale / 2, LOWEST_SCALE)
        changed = ops.where(finite, higher, lower)
        self.assign(self._scale, ops.where(here, changed, scale))
        self.assign(self._good, ops.where(here, ops.where(grows, 0, good), before))
