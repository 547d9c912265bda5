"""The Keras models that train and validate a cohort: loss and counts.

Losses and counts are summed per network on the device, and read at a validation.
"""

from collections.abc import Mapping, Sequence

import keras

from yosinski_tf.models.loss_scaling import ScaledSGD

# More than a generator draws in a step.
_CALLS_PER_STEP = 64


class Replicas:
    """The `count` copies of a model that share a batch; here one, with all of it."""

    count = 1

    @property
    def number(self):
        """Which copy computes this part of the batch, from 0; int or a scalar."""
        return 0

    def totals(self, values: Mapping[str, object], count):
        """Adds the sums of all copies, float32 [networks] by name, and their counts."""
        return values, count


class _Accumulator(keras.metrics.Metric):
    """Sums per network over batches, kept on the device."""

    def __init__(self, size: int, names: Sequence[str]):
        super().__init__(name="cohort", dtype="float32")
        self.sums = {name: self._zeros((size,), "float32", name) for name in names}
        self.images = self._zeros((), "int32", "images")

    def _zeros(self, shape: tuple[int, ...], dtype: str, name: str):
        # Every copy of a model adds the same sums, those of the whole batch.
        return self.add_variable(
            shape, "zeros", dtype, aggregation="only_first_replica", name=name
        )

    def update_state(self, values: Mapping[str, object], count):
        for name, variable in self.sums.items():
            variable.assign_add(values[name])
        self.images.assign_add(count)

    def result(self):
        return keras.ops.cast(self.images, "float32")


class _TrainingTotals(_Accumulator):
    """Summed losses, and the number of steps for which they were finite.

    A sum that is not finite stays so until the reset. So the number tells the step
    of the first such loss, even if it is read only before the reset.
    """

    def __init__(self, size: int):
        super().__init__(size, ("loss",))
        self.finite = self._zeros((size,), "int32", "finite")

    @property
    def per_network(self) -> dict:
        """The variables with one number per network, by name."""
        return {**self.sums, "finite": self.finite}

    def update_state(self, values: Mapping[str, object], count):
        super().update_state(values, count)
        finite = keras.ops.isfinite(self.sums["loss"])
        self.finite.assign_add(keras.ops.cast(finite, "int32"))


def _per_network(function, outputs: Mapping[str, object]):
    return keras.ops.stack([function(logits) for logits in outputs.values()])


class _CohortModel(keras.Model):
    """What training and validation share.

    Attributes:
      totals: Sums per network since the last reset.
      replicas: How many copies of the model share a batch.
    """

    def make_totals(self, networks: int) -> None:
        """Makes the sums for so many networks."""
        self.totals = self._new_totals(networks)
        self.replicas = Replicas()

    @property
    def metrics(self):
        return [self.totals]


class TrainingModel(_CohortModel):
    """A cohort in training: the loss is the sum of the networks' losses.

    The networks share no trained weight. So the gradient of the sum is, for each
    network, the gradient of its own loss. Gradients of all replicas are added.
    """

    # A function keeps Keras from counting these variables as this model's weights.
    _random_states = staticmethod(list)

    def set_seeds(self, seeds: Sequence[tuple[keras.Variable, int]]) -> None:
        """Takes the states of random generators, and the seed of each.

        Before every step, a state becomes a function of its seed and the step: masks do
        not depend on other networks or on earlier steps, and need not be saved. Each
        replica has masks of its own for its part of the batch.
        """
        self._random_states = lambda: seeds

    def call(self, inputs, training=None, mask=None):
        if training:
            step = keras.tree.flatten(inputs)[-1][0, 0]
            for state, seed in self._random_states():
                # A generator adds 1 for each of its calls in this step.
                values = (seed, self.replicas.number, step * _CALLS_PER_STEP)
                key, number, calls = (keras.ops.cast(v, state.dtype) for v in values)
                state.assign(keras.ops.stack([key + number, calls]))
        return super().call(inputs, training=training, mask=mask)

    def _new_totals(self, networks: int):
        return _TrainingTotals(networks)

    def reset_metrics(self):
        """Does nothing: `fit` would reset the totals too often, the trainer does."""

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        losses = [keras.ops.mean(_cross_entropy(y, z)) for z in y_pred.values()]
        if isinstance(self.optimizer, ScaledSGD):
            loss = keras.ops.stack(losses)  # The optimizer scales and adds them.
        else:
            loss = sum(losses[1:], losses[0])
        # Replicas add gradients: each counts for its part of the batch.
        return loss if self.replicas.count == 1 else loss / self.replicas.count

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        count = keras.ops.shape(y)[0]
        loss = _per_network(lambda z: keras.ops.sum(_cross_entropy(y, z)), y_pred)
        self.totals.update_state(*self.replicas.totals({"loss": loss}, count))
        return {"images": self.totals.result()}


class ValidationModel(_CohortModel):
    """A cohort being validated: counts and summed losses per network.

    Batches may carry weights, int32 [batch]: 0 for an image that does not count.
    """

    def _new_totals(self, networks: int):
        return _Accumulator(networks, ("loss", "top1", "top5"))

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=False
    ):
        return keras.ops.zeros(())

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        ranks = {name: label_ranks(y, z) for name, z in y_pred.items()}

        def summed(values):
            if sample_weight is not None:
                # Not a product: a value that does not count may be NaN.
                nothing = keras.ops.zeros_like(values)
                values = keras.ops.where(sample_weight > 0, values, nothing)
            return keras.ops.sum(values)

        def hits(k):
            return _per_network(
                lambda rank: summed(keras.ops.cast(rank < k, "float32")), ranks
            )

        values = {
            "loss": _per_network(lambda z: summed(_cross_entropy(y, z)), y_pred),
            "top1": hits(1),
            "top5": hits(5),
        }
        count = keras.ops.shape(y)[0]
        if sample_weight is not None:
            count = keras.ops.sum(keras.ops.cast(sample_weight, "int32"))
        self.totals.update_state(*self.replicas.totals(values, count))
        return {"images": self.totals.result()}


def _cross_entropy(labels, logits):
    return keras.ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)


def label_ranks(labels, logits):
    """Number of classes that a network ranks above the right one.

    Equal logits rank in the order of the classes. So a network with the same logits
    for all classes is not right every time (for `in_top_k` it is). A network with a
    logit that is NaN is never right.

    Args:
      labels: int [batch].
      logits: float32 [batch, classes].

    Returns:
      int32 [batch], 0 for a right answer.
    """
    ops = keras.ops
    label = ops.cast(ops.expand_dims(labels, 1), "int32")
    right = ops.take_along_axis(logits, label, axis=1)
    before = ops.arange(logits.shape[1], dtype="int32") < label
    ahead = ops.logical_or(
        logits > right, ops.logical_and(ops.equal(logits, right), before)
    )
    broken = ops.any(ops.isnan(logits), axis=1)
    rank = ops.sum(ops.cast(ahead, "int32"), axis=1)
    return ops.where(broken, logits.shape[1] + 5, rank)
