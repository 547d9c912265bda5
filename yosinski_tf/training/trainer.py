"""Training of a cohort: the one trainer, for one network or for dozens.

Everything random is a function of the seed and the step, so that a cohort that
was stopped, or killed, goes on as if it had not been.
"""

import contextlib
import time
from collections.abc import Callable

import keras
import tensorflow as tf

from yosinski_tf.data.batches import pipeline, stored_batches
from yosinski_tf.experiment.cohorts import multiply_accumulates
from yosinski_tf.models import surgery
from yosinski_tf.models.cohort import CohortModel
from yosinski_tf.models.feature_rule import explain
from yosinski_tf.models.loss_scaling import optimizer_for
from yosinski_tf.study.records import Record, write_record
from yosinski_tf.training import checkpoints, distribution
from yosinski_tf.training.cohort_setup import (
    base_digests,
    frozen_digests,
    set_up,
    settings_digest,
)
from yosinski_tf.training.feature_cache import FeatureCache
from yosinski_tf.training.history import History, add_validation, diverged, end_diverged
from yosinski_tf.training.job import Job, Progress, Stopped
from yosinski_tf.training.run_results import conclude
from yosinski_tf.training.save_clock import SaveClock
from yosinski_tf.training.tensorboard_log import CohortLog
from yosinski_tf.training.train_state import Keeper, TrainingState

# Between two looks at the clock; also the longest wait after Ctrl-C.
_SECONDS_PER_CALL = 1.0
# Multiply-accumulates a second: of a few cores, and of a GPU.
_ASSUMED_RATE, _ASSUMED_GPU_RATE = 2e10, 1e13


def train(
    job: Job,
    report: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Record]:
    """Trains a cohort and stores weights and a record for each of its runs.

    A checkpoint in the study folder, left by an interrupted training of the
    same runs or of more, is continued. A network whose loss is not finite ends
    there, with the status `diverged`; the others go on undisturbed.

    Args:
      job: What to train.
      report: Called about every second.
      should_stop: Asked as often, and while outputs of frozen layers are computed
        once, not before; True ends the training with a checkpoint.

    Raises:
      Stopped: If `should_stop` said so.
      UserError: If a base network or the data set is not there, or its store
        cannot be read.
    """
    if keras.backend.backend() != "tensorflow":
        # It would take the memory of devices on which another library computes.
        tf.config.set_visible_devices([], "GPU")
    # A processor gives the same bits anyway, and would with this give others.
    if job.deterministic and tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()
    training = _Training(job, report, should_stop)
    try:
        return training.run()
    except tf.errors.OpError as error:
        raise stored_batches.reading_error(error) or error from None


class _AllDiverged(Exception):
    """No network of the cohort is worth another step."""


class _Training:
    def __init__(self, job, report, should_stop):
        self.job, self.report, self.should_stop = job, report, should_stop
        self.started = time.monotonic()
        self.recipe, self.cohort = job.recipe, job.cohort
        self.run_ids = tuple(run.run_id for run in self.cohort.runs)
        self.devices = distribution.make_devices(job.distribution)
        distribution.check_batch(self.recipe.batch_size, self.devices.replicas)
        with self.devices.scope():
            self.prepared = set_up(job)
            self.model = self.prepared.model
            compile_models(job, self.model)
        self.devices.adopt(self.model)
        self.frozen_before = frozen_digests(job, self.prepared)
        self.histories: list[History] = [[] for _ in self.run_ids]
        self.step = self.validated = 0
        self.train_seconds = 0.0
        # While steps are taken: since when they are not in `train_seconds`.
        self.stepping: float | None = None
        self.cohort_runs = self.run_ids
        self.keeper = Keeper(
            folder=job.runs / checkpoints.FOLDER,
            cohort_id=self.cohort.cohort_id,
            runs=self.run_ids,
            cohort=self.model,
            settings=settings_digest(job, self.prepared),
            frozen=self.frozen_before,
            bases=base_digests(job),
        )

    def run(self) -> list[Record]:
        self._restore()
        self.reported = (self.step, time.monotonic())
        seed = surgery.derive_seed(
            "batches", self.cohort.split.digest, self.cohort.target, self.cohort.seed
        )
        train_part = pipeline.on_host(self.prepared.train_part)
        places = self.prepared.mean_image is not None
        validation_part = pipeline.on_host(self.prepared.validation_part)
        validation_batch = self.recipe.validation_batch_size
        validation = pipeline.validation_batches(
            validation_part,
            batch_size=validation_batch,
            crop_size=self.recipe.crop_size,
            places=places,
        )
        # To the cohort's log.
        if line := explain(self.prepared.choices, self.job.network):
            print(line, flush=True)
        features = FeatureCache(
            self.prepared,
            self.recipe,
            train_part,
            validation_part,
            validation_batch,
            seed,
            self.stop_if_asked,
        )
        validation = self._placed(features.validation(validation))
        with self._log() as log:
            for end in self.recipe.validation_steps():
                if end <= self.validated or self._all_diverged():
                    continue
                batches = pipeline.training_batches(
                    train_part,
                    batch_size=self.recipe.batch_size,
                    crop_size=self.recipe.crop_size,
                    mirror=self.recipe.mirror,
                    seed=seed,
                    first_step=self.step,
                    last_step=end,
                    places=places,
                )
                batches = features.training(batches, self.step, end)
                batches = self._placed(pipeline.with_indices(batches, self.step))
                rate = self._fit(batches, end)
                self.look_for_divergence()
                if self._all_diverged():
                    break
                self._validate(validation, rate)
                if log is not None:
                    log.scalars(
                        end,
                        [
                            e[-1] if e[-1]["step"] == end else None
                            for e in self.histories
                        ],
                    )
                self.save_if_due()
            if log is None:
                return []
            if len(self.run_ids) > 1 and not self.saves.holds(self.step):
                # What is killed between two records goes on as part of the whole.
                self._save()
            records, weights = conclude(
                self.job,
                self.prepared,
                self._progress(),
                self.frozen_before,
                self.devices.replicas,
            )
            log.finished(records, weights)
        for record in records:
            # The record comes last: it says that the run is done.
            write_record(self.job.runs, record)
        checkpoints.discard(self.job.runs)
        return records

    def _placed(self, batches):
        """Batches where the training wants them; replicas share out the host's."""
        if self.job.distribution.kind != "none":
            return pipeline.without_autotuning(batches)
        return pipeline.prefetched(batches)

    def _fit(self, batches, end: int) -> float:
        """Trains up to a step, unless it is there; images per second."""
        begin, self.stepping = self.step, time.monotonic()
        try:
            if self.step < end:
                self.devices.fit(
                    self.model.training, batches, self.step, end, self.after_steps
                )
        except _AllDiverged:
            pass
        seconds = time.monotonic() - self.stepping
        self.train_seconds += seconds
        self.stepping = None
        if self.step > begin:
            return (self.step - begin) * self.recipe.batch_size / seconds
        return self.step * self.recipe.batch_size / self.train_seconds

    def after_steps(self, step: int) -> None:
        """What is done after each call of the training function."""
        self.step = step
        # Asked before the report, which fails when the parent is gone.
        self.stop_if_asked()
        then, clock = self.reported
        now = time.monotonic()
        if now - clock >= _SECONDS_PER_CALL:
            self.look_for_divergence()
            # Workers that are in step look at clocks of their own.
            if self._all_diverged() and not self.devices.in_step:
                raise _AllDiverged
            rate = (step - then) * self.recipe.batch_size / (now - clock)
            self.report(Progress(step, rate))
            self.reported = (step, now)
        self.save_if_due()

    def stop_if_asked(self) -> None:
        """Saves and raises `Stopped` if the training is to end."""
        if self.should_stop():
            self._save()
            raise Stopped

    def save_if_due(self) -> None:
        """Saves if the last time was long enough ago."""
        if self.saves.due(self.step):
            self._save()

    def look_for_divergence(self) -> None:
        """Ends the histories of networks that had a loss that was not finite."""
        self.model.settle()
        finite = self.model.training.totals.finite
        end_diverged(
            self.histories,
            keras.ops.convert_to_numpy(finite),
            since=self.validated,
            step=self.step,
            learning_rate_at=self.recipe.learning_rate_at,
        )

    def _all_diverged(self) -> bool:
        return all(diverged(history) for history in self.histories)

    def _validate(self, batches, rate: float) -> None:
        self.devices.evaluate(self.model.validation, batches, self.stop_if_asked)
        totals, training = self.model.validation.totals, self.model.training.totals
        images = int(keras.ops.convert_to_numpy(totals.images))
        expected = len(self.prepared.validation_part.indices)
        if images != expected:
            raise RuntimeError(f"validated {images} of {expected} images")
        losses = keras.ops.convert_to_numpy(training.sums["loss"])
        add_validation(
            self.histories,
            step=self.step,
            train_loss=losses / int(keras.ops.convert_to_numpy(training.images)),
            learning_rate=self.recipe.learning_rate_at(self.step - 1),
            sums={
                name: keras.ops.convert_to_numpy(variable)
                for name, variable in totals.sums.items()
            },
            images=images,
            images_per_second=rate,
        )
        training.reset_state()
        self.validated = self.step

    def _log(self) -> contextlib.AbstractContextManager[CohortLog | None]:
        if not self.devices.chief:
            return contextlib.nullcontext()
        return CohortLog(self.job.runs / "tensorboard", self.cohort.runs)

    def _save(self) -> None:
        if not self.devices.chief:
            return
        with self.saves.saving(self.step):
            self.keeper.save(self._progress())

    def _progress(self) -> TrainingState:
        now = time.monotonic()
        stepping = 0.0 if self.stepping is None else now - self.stepping
        return TrainingState(
            step=self.step,
            validated=self.validated,
            histories=self.histories,
            cohort_runs=self.cohort_runs,
            train_seconds=self.train_seconds + stepping,
            total_seconds=now - self.started,
        )

    def _restore(self) -> None:
        progress, note = self.keeper.restore() if self.devices.chief else (None, "")
        if self.devices.in_step:
            progress = self.keeper.agree(progress, self.devices.from_chief)
        if progress is not None:
            self.step, self.validated = progress.step, progress.validated
            self.histories = progress.histories
            self.cohort_runs = progress.cohort_runs
            self.train_seconds = progress.train_seconds
            self.started -= progress.total_seconds
        self.saves = SaveClock(
            self.job.checkpoint_every, self.step, saved=progress is not None
        )
        if note := "; ".join(filter(None, (self.devices.note, note))):
            self.report(Progress(self.step, 0.0, note))


def compile_models(job: Job, model: CohortModel) -> None:
    """Compiles a cohort's models, for training and for validation."""
    # XLA makes TensorFlow slower on a processor; JAX has nothing else.
    compiled = keras.backend.backend() == "jax"
    model.training.compile(
        optimizer=optimizer_for(job.recipe, model.trained),
        jit_compile=compiled,
        steps_per_execution=_steps_per_call(job),
    )
    model.validation.compile(jit_compile=compiled)
    # Variables that the first step made would have it traced twice, and each
    # replica would make its own.
    model.training.optimizer.build(model.training.trainable_variables)


def _steps_per_call(job: Job) -> int:
    classes = job.cohort.split.classes(job.cohort.target)
    work = job.recipe.batch_size * multiply_accumulates(
        job.cohort.runs, job.network, job.recipe.crop_size, len(classes)
    )
    most = min(64, job.checkpoint_every.steps or 64)
    fast = bool(tf.config.list_physical_devices("GPU"))
    rate = _ASSUMED_GPU_RATE if fast else _ASSUMED_RATE
    return max(1, min(most, round(_SECONDS_PER_CALL * rate / work)))
