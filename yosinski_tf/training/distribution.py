"""Data parallel training: every device has the whole model and a part of each batch.

Batches, dropout masks (a function of each image's index) and sums over a batch are
those of one device; only the order of additions differs. TensorFlow distributes with
`tf.distribute`, JAX with Keras' `DataParallel`. (Not in the paper.)
"""

import contextlib
from collections.abc import Callable

import keras
import tensorflow as tf

from yosinski_tf.models.cohort import CohortModel
from yosinski_tf.models.training_model import Replicas
from yosinski_tf.system.errors import UserError
from yosinski_tf.training import provenance, shared_batch


class Devices:
    """The devices that train a cohort; here, the one that Keras uses by default.

    Attributes:
      replicas: Number of copies of the model that share a batch.
      note: A sentence on them for the user; mostly empty.
    """

    replicas = 1
    note = ""

    def scope(self) -> contextlib.AbstractContextManager:
        """The context in which models are built and compiled."""
        return contextlib.nullcontext()

    def adopt(self, cohort: CohortModel) -> None:
        """Takes over a cohort that was built and compiled in the scope."""

    def fit(
        self,
        model: keras.Model,
        batches: tf.data.Dataset,
        begin: int,
        end: int,
        after_steps: Callable[[int], None],
    ) -> None:
        """Trains a compiled model from one step to another, on batches of full size.

        Calls `after_steps` every few steps, with the number of steps taken.
        """

        def report(batch, logs):
            # Keras counts a last call of fewer steps as a full one.
            after_steps(min(begin + batch + 1, end))

        callback = keras.callbacks.LambdaCallback(on_train_batch_end=report)
        model.fit(batches, epochs=1, verbose=0, shuffle=False, callbacks=[callback])

    def evaluate(
        self,
        model: keras.Model,
        batches: tf.data.Dataset,
        after_batch: Callable[[], None],
    ) -> None:
        """Validates on batches, whose last may be short.

        Calls `after_batch` every few batches; it ends the validation by raising.
        """
        callback = keras.callbacks.LambdaCallback(
            on_test_batch_end=lambda batch, logs: after_batch()
        )
        model.evaluate(batches, verbose=0, callbacks=[callback])


class _KerasParallel(Devices):
    """Keras' `DataParallel` under JAX, whose compiler divides the batch."""

    def __init__(self, count: int | None):
        import jax

        if count:
            # With accelerators, the parts of the processor stay unused.
            jax.config.update("jax_num_cpu_devices", count)
        devices = keras.distribution.list_devices()
        devices = devices[: _checked(count, len(devices))]
        self.replicas = len(devices)
        self.note = _note(self.replicas)
        # Before anything is built, and to the end: a process trains one cohort.
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(devices=devices)
        )

    def evaluate(self, model, batches, after_batch):
        super().evaluate(model, _filled_up(batches, self.replicas), after_batch)


def _sum(values):
    """Sums a tensor over all replicas, inside a step of each replica."""
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, values)


class _Replicas(Replicas):
    def __init__(self, count: int):
        self.count = count

    @property
    def number(self):
        return tf.distribute.get_replica_context().replica_id_in_sync_group

    def totals(self, values, count):
        # One message, of a type that every device can add.
        names, sizes = list(values), [1]
        sizes += [int(value.shape[0]) for value in values.values()]
        count = tf.reshape(tf.cast(count, tf.float32), [1])
        count, *sums = tf.split(_sum(tf.concat([count, *values.values()], 0)), sizes)
        return dict(zip(names, sums, strict=True)), tf.cast(count[0], tf.int32)


class _Strategy(Devices):
    """A strategy of `tf.distribute`, with a loop that counts steps by itself."""

    def __init__(self, strategy: tf.distribute.Strategy):
        self._strategy = strategy
        self._functions: dict[keras.Model, Callable] = {}
        self.replicas = strategy.num_replicas_in_sync
        self.note = _note(self.replicas)

    def scope(self):
        return self._strategy.scope()

    def adopt(self, cohort):
        for model in (cohort.training, cohort.validation):
            model.replicas = _Replicas(self.replicas)

    def fit(self, model, batches, begin, end, after_steps):
        iterator = iter(self._divided(batches))
        take = self._function(model, model.train_step)
        step = begin
        while step < end:
            count = min(model.steps_per_execution, end - step)
            take(iterator, tf.constant(count))
            step += count
            after_steps(step)

    def evaluate(self, model, batches, after_batch):
        batches = _filled_up(batches, self.replicas)
        count = int(batches.cardinality())
        iterator = iter(self._divided(batches))
        take = self._function(model, model.test_step)
        model.reset_metrics()
        for _ in range(count):
            take(iterator, tf.constant(1))
            after_batch()

    def _divided(self, batches: tf.data.Dataset):
        """Divides each batch into parts, in the order of the replicas."""

        def parts(*batch):
            def cut(values):
                shape = tf.concat([[self.replicas, -1], tf.shape(values)[1:]], axis=0)
                cut = tf.reshape(values, shape)
                cut.set_shape([self.replicas, None, *values.shape[1:]])
                return cut

            return tf.data.Dataset.from_tensor_slices(tf.nest.map_structure(cut, batch))

        # Repeated without end, since steps are counted: so TensorFlow does not test
        # before each step whether every replica has a part.
        return self._strategy.distribute_datasets_from_function(
            lambda context: batches.flat_map(parts).repeat().prefetch(2 * self.replicas)
        )

    def _function(self, model: keras.Model, step: Callable) -> Callable:
        if model not in self._functions:
            strategy = self._strategy

            @tf.function
            def take(iterator, count):
                for _ in tf.range(count):
                    strategy.run(step, args=(next(iterator),))

            self._functions[model] = take
        return self._functions[model]


def _filled_up(batches: tf.data.Dataset, replicas: int) -> tf.data.Dataset:
    """Adds images that do not count, so that batches divide by `replicas`.

    Returns:
      Batches of (inputs, labels, weights), weights int32 [batch]: 0 for these images.
    """

    def fill(inputs, labels):
        size = tf.shape(labels)[0]
        short = -size % replicas

        def filled(values):
            padding = [[0, short]] + [[0, 0]] * (values.shape.rank - 1)
            return tf.pad(values, padding)

        inputs = tf.nest.map_structure(filled, inputs)
        return inputs, filled(labels), filled(tf.ones([size], tf.int32))

    return batches.map(fill)


def make_devices(distribution: shared_batch.Distribution) -> Devices:
    """Takes the devices of a distribution, before anything is built on them.

    Raises:
      UserError: If there are fewer devices.
    """
    wanted = distribution.devices
    if distribution.kind == "none":
        return Devices()
    if keras.backend.backend() == "jax":
        return _KerasParallel(wanted)
    gpus = provenance.accelerators()
    count = _checked(wanted, len(gpus)) if gpus else wanted or 1
    if not gpus:
        processor = tf.config.list_physical_devices("CPU")[0]
        parts = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
        tf.config.set_logical_device_configuration(processor, parts)
    names = [f"{'GPU' if gpus else 'CPU'}:{index}" for index in range(count)]
    return _Strategy(tf.distribute.MirroredStrategy(names))


def _note(replicas: int) -> str:
    return "there is one device, so one replica" if replicas == 1 else ""


def _checked(wanted: int | None, found: int) -> int:
    if wanted is not None and wanted > found:
        raise UserError(
            f"--devices={wanted} needs as many devices, found {found}: set --devices="
            f"{found}, or leave it out"
        )
    return wanted or found
