"""Trains a cohort, which is one network or dozens.

Everything random is a function of the seed and the step. So a cohort that was
stopped or killed ends with the same weights as one that was not.
"""

import contextlib
from collections.abc import Callable

import keras
import tensorflow as tf

from yosinski_tf.data.batches import stored_batches
from yosinski_tf.experiment.cohorts import multiply_accumulates
from yosinski_tf.machine import keras_settings
from yosinski_tf.models import cohort, feature_rule, optimizers
from yosinski_tf.study.records import Record, write_record
from yosinski_tf.training import (
    checkpoints,
    distribution,
    history,
    shared_batch,
    stopwatch,
)
from yosinski_tf.training.checkpointer import Checkpointer
from yosinski_tf.training.cohort_setup import set_up
from yosinski_tf.training.half_batches import HalfBatches
from yosinski_tf.training.job import Job, Progress, Stopped
from yosinski_tf.training.provenance import accelerators
from yosinski_tf.training.run_results import conclude
from yosinski_tf.training.tensorboard_log import CohortLog
from yosinski_tf.training.train_state import TrainingState

# Multiply-accumulates per second of a few cores, and of a GPU.
_ASSUMED_RATE, _ASSUMED_GPU_RATE = 2e10, 1e13


def train(
    job: Job,
    report: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Record]:
    """Trains a cohort and stores weights and a record for each of its runs.

    Continues from a checkpoint of the same runs, or of more, that an interrupted
    training left in the study folder. A network whose loss is not finite ends there,
    with the status `diverged`; this does not change the others.

    Args:
      job: What to train.
      report: Called about every second.
      should_stop: Called as often, and while outputs of frozen layers are computed
        once, not before; if it returns True, the training saves and stops.

    Raises:
      Stopped: If `should_stop` returned True.
      UserError: If a base network or the data set is missing, or a store of images
        cannot be read.
    """
    keras_settings.set_up()
    if keras.backend.backend() != "tensorflow":
        # TensorFlow would take the memory of GPUs on which JAX computes.
        tf.config.set_visible_devices([], "GPU")
    # Kernels of a processor are deterministic anyway; this would choose others.
    elif job.deterministic and accelerators():
        tf.config.experimental.enable_op_determinism()
    training = _Training(job, report, should_stop)
    try:
        return training.run()
    except tf.errors.OpError as error:
        raise stored_batches.reading_error(error) or error from None


class _AllDiverged(Exception):
    """All networks of the cohort have diverged."""


class _Training:
    def __init__(self, job, report, should_stop):
        self.job, self.recipe = job, job.recipe
        self.report, self.should_stop = report, should_stop
        self.stopwatch = stopwatch.Stopwatch(job.recipe.batch_size)
        self.devices = distribution.make_devices(job.distribution)
        shared_batch.check_batch(job.recipe.batch_size, self.devices.replicas)
        with self.devices.scope():
            self.setup = set_up(job)
            self.model = self.setup.model
            compile_models(job, self.model)
        self.devices.adopt(self.model)
        self.checkpointer = Checkpointer(job, self.setup, self.devices, self.stopwatch)

    @property
    def state(self) -> TrainingState:
        return self.checkpointer.state

    def run(self) -> list[Record]:
        if note := self.checkpointer.restore():
            self.report(Progress(self.state.step, 0.0, note))
        # To the cohort's log.
        if line := feature_rule.explain(self.setup.kept_features, self.job.network):
            print(line, flush=True)
        home = self.job.runs / "tensorboard"
        with CohortLog(home, self.job.cohort.runs) as log:
            batches = HalfBatches(self.job, self.setup, self.stop_if_asked)
            for end in self.recipe.validation_steps():
                if end <= self.state.validated or self.state.all_diverged:
                    continue
                rate = self.fit(batches, end)
                self.end_diverged_histories()
                if self.state.all_diverged:
                    break
                self.validate(batches, rate)
                log.scalars(end, self.state.histories)
                self.checkpointer.save_if_due()
            if len(self.job.cohort.runs) > 1:
                # A cohort killed between two records goes on from its last step.
                self.checkpointer.save_unless_saved()
            records, weights = conclude(
                self.job,
                self.setup,
                self.checkpointer.timed_state(),
                frozen_before=self.checkpointer.frozen,
                replicas=self.devices.replicas,
            )
            log.finished(records, weights)
        for record in records:
            # The record comes last: it says that the run is done.
            write_record(self.job.runs, record)
        checkpoints.discard(self.job.runs)
        return records

    def fit(self, batches: HalfBatches, end: int) -> float:
        """Trains up to a step; returns images per second."""
        begin = self.state.step
        training = batches.training(begin, end)
        with self.stopwatch.stepping(), contextlib.suppress(_AllDiverged):
            # A restored training may have taken these steps already.
            if begin < end:
                self.devices.fit(
                    self.model.training, training, begin, end, self.after_steps
                )
        return self.stopwatch.images_per_second(begin, self.state.step)

    def after_steps(self, step: int) -> None:
        """Called by Keras after each call of the training function."""
        self.state.step = step
        # Before the report, which fails when the parent process is gone.
        self.stop_if_asked()
        if progress := self.stopwatch.progress(step):
            self.end_diverged_histories()
            if self.state.all_diverged:
                raise _AllDiverged
            self.report(progress)
        self.checkpointer.save_if_due()

    def stop_if_asked(self) -> None:
        """Saves and raises `Stopped` if the training is to end."""
        if self.should_stop():
            self.checkpointer.save()
            raise Stopped

    def end_diverged_histories(self) -> None:
        self.model.settle()
        history.end_diverged(
            self.state.histories,
            keras.ops.convert_to_numpy(self.model.training.totals.finite),
            since=self.state.validated,
            step=self.state.step,
            learning_rate_at=self.recipe.learning_rate_at,
        )

    def validate(self, batches: HalfBatches, rate: float) -> None:
        """Validates all networks; adds the results to their histories."""
        self.devices.evaluate(
            self.model.validation, batches.validation, self.stop_if_asked
        )
        totals, training = self.model.validation.totals, self.model.training.totals
        images = int(keras.ops.convert_to_numpy(totals.images))
        expected = len(self.setup.validation_images.indices)
        if images != expected:
            raise RuntimeError(f"validated {images} of {expected} images")
        losses = keras.ops.convert_to_numpy(training.sums["loss"])
        history.add_validation(
            self.state.histories,
            step=self.state.step,
            train_loss=losses / int(keras.ops.convert_to_numpy(training.images)),
            learning_rate=self.recipe.learning_rate_at(self.state.step - 1),
            sums={
                name: keras.ops.convert_to_numpy(variable)
                for name, variable in totals.sums.items()
            },
            images=images,
            images_per_second=rate,
        )
        training.reset_state()
        self.state.validated = self.state.step


def compile_models(job: Job, model: cohort.CohortModel) -> None:
    """Compiles a cohort's models, for training and for validation."""
    # XLA makes TensorFlow slower on a processor; JAX always compiles.
    compiled = keras.backend.backend() == "jax"
    model.training.compile(
        optimizer=optimizers.optimizer_for(job.recipe, model.trained),
        jit_compile=compiled,
        steps_per_execution=_steps_per_call(job),
    )
    model.validation.compile(jit_compile=compiled)
    # If the first step made these variables, Keras would trace it twice, and each
    # replica would make its own.
    model.training.optimizer.build(model.training.trainable_variables)


def _steps_per_call(job: Job) -> int:
    classes = job.cohort.split.classes(job.cohort.target)
    work = job.recipe.batch_size * multiply_accumulates(
        job.cohort.treatments, job.network, job.recipe.crop_size, len(classes)
    )
    most = min(64, job.checkpoint_every.steps or 64)
    rate = _ASSUMED_GPU_RATE if accelerators() else _ASSUMED_RATE
    return max(1, min(most, round(stopwatch.SECONDS_PER_REPORT * rate / work)))
