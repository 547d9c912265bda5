"""The Keras models that train and validate a cohort: what is minimised, counted.

Losses and counts are kept for each network, on the device, and read once a
period.
"""

from collections.abc import Mapping, Sequence

import keras

from yosinski_tf.models.loss_scaling import ScaledSGD


class Replicas:
    """How many copies of a model share a batch: here one, which sees all of it.

    Attributes:
      count: How many.
    """

    count = 1

    def totals(self, values: Mapping[str, object], count):
        """What was summed over a copy's images, summed over all copies.

        Args:
          values: float32 [networks] by name.
          count: How many images.
        """
        return values, count


class _Accumulator(keras.metrics.Metric):
    """Sums per network over batches, kept on the device."""

    def __init__(self, size: int, names: Sequence[str]):
        super().__init__(name="cohort", dtype="float32")
        self.sums = {name: self._zeros((size,), "float32", name) for name in names}
        self.images = self._zeros((), "int32", "images")

    def _zeros(self, shape: tuple[int, ...], dtype: str, name: str):
        # Every copy of a model adds the same sums over the whole batch.
        return self.add_variable(
            shape, "zeros", dtype, aggregation="only_first_replica", name=name
        )

    @property
    def per_network(self) -> dict:
        """The variables that have one number for each network, by name."""
        return dict(self.sums)

    def update_state(self, values: Mapping[str, object], count):
        for name, variable in self.sums.items():
            variable.assign_add(values[name])
        self.images.assign_add(count)

    def result(self):
        return keras.ops.cast(self.images, "float32")


class _TrainingTotals(_Accumulator):
    """Summed losses, and for how many steps they have been finite.

    A sum that is not finite stays so until the reset: the count tells the very
    step of the first such loss, and nobody has to look before the reset.
    """

    def __init__(self, size: int):
        super().__init__(size, ("loss",))
        self.finite = self._zeros((size,), "int32", "finite")

    @property
    def per_network(self) -> dict:
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

    def _new_totals(self, networks: int):
        return _TrainingTotals(networks)

    def reset_metrics(self):
        """Nothing: the trainer resets totals, once a period, `fit` too often."""

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        losses = [keras.ops.mean(_cross_entropy(y, z)) for z in y_pred.values()]
        if isinstance(self.optimizer, ScaledSGD):
            loss = keras.ops.stack(losses)  # It adds them up, each times its scale.
        else:
            loss = sum(losses[1:], losses[0])
        # The mean over a part of the batch is that much of the mean over all.
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
                # Not a product: what does not count need not be a number.
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
    """How many classes a network holds likelier than the right one.

    Equal logits rank in the order of the classes, so that a network which
    answers the same for every class is not right every time (as it is for
    `in_top_k`). A network with a logit that is not a number is never right.

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
