"""Stochastic gradient descent as Caffe, the authors' software, computes it."""

import keras
from keras import ops


def decays(variable: keras.Variable) -> bool:
    """Whether weight decay is for this variable: a kernel, of whatever layer.

    Not for biases, scales and offsets of a normalisation, embeddings.
    """
    return variable.name.endswith("kernel")


@keras.saving.register_keras_serializable("yosinski_tf")
class CaffeSGD(keras.optimizers.Optimizer):
    """Momentum, with weight decay for kernels only and another rate for biases.

    g <- gradient + weight_decay * w for kernels, the gradient for all others;
    v <- momentum * v + rate * g, with rate times `bias_rate` for biases;
    w <- w - v. (Released solver and network files of the paper.)

    Args:
      learning_rate: A float or a Keras schedule.
      momentum: Share of the velocity that a step keeps.
      weight_decay: L2 factor for kernels, see `decays`.
      bias_rate: Factor of the rate for biases, the variables named `bias`.
    """

    def __init__(
        self,
        learning_rate=0.01,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
        bias_rate: float = 2.0,
        name: str = "caffe_sgd",
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum
        self.l2 = weight_decay
        self.bias_rate = bias_rate
        self._velocities: list = []
        self._is_bias: list[bool] = []
        self._decays: list[bool] = []

    def build(self, variables):
        if not self.built:
            super().build(variables)
            self._velocities = self.add_optimizer_variables(variables, "velocity")
            # TensorFlow passes `update_step` its own variables, named by path.
            self._is_bias = [variable.name == "bias" for variable in variables]
            self._decays = [decays(variable) for variable in variables]

    def moments(self, variable) -> dict[str, keras.Variable]:
        """What is kept for a variable, by name, once `build` was called."""
        return {"velocity": self._velocities[self._get_variable_index(variable)]}

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        moved = self.next_velocity(index, gradient, variable, learning_rate)
        self.assign(self._velocities[index], moved)
        self.assign_sub(variable, moved)

    def next_velocity(self, index: int, gradient, variable, learning_rate):
        """The velocity, after this step, of the variable with this number."""
        rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        if self._is_bias[index]:
            rate = rate * self.bias_rate
        if self._decays[index] and self.l2:
            gradient = gradient + self.l2 * variable
        return self.momentum * self._velocities[index] + rate * gradient

    def get_config(self):
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "weight_decay": self.l2,
            "bias_rate": self.bias_rate,
        }
