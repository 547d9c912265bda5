"""Training of a cohort: the one trainer, for one network or for dozens.

Everything random is a function of the seed and the step, so that a cohort that
was stopped goes on as if it had not been.
"""

import io
import math
import os
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from yosinski_tf import surgery, train_state
from yosinski_tf.data import pipeline
from yosinski_tf.jobs import Job, Progress, Stopped
from yosinski_tf.optimizers import make_optimizer
from yosinski_tf.outcome import Outcome, make_record
from yosinski_tf.plan import multiply_accumulates
from yosinski_tf.preparation import frozen_digests, prepare
from yosinski_tf.records import (
    MEAN_NAME,
    WEIGHTS_NAME,
    Record,
    write_atomically,
    write_record,
)
from yosinski_tf.tensorboard_log import CohortLog

_VALIDATION_BATCH = 250
# Of crops over 64 pixels, whose activations would fill the memory.
_LARGE_VALIDATION_BATCH = 50
# Between two looks at the clock; also the longest wait after Ctrl-C.
_SECONDS_PER_CALL = 1.0
_ASSUMED_RATE = 2e10


def train(
    job: Job,
    report: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Record]:
    """Trains a cohort and stores weights and a record for each of its runs.

    A checkpoint in the study folder, left by an interrupted training of the
    same runs, is continued.

    Args:
      job: What to train.
      report: Called about every second.
      should_stop: Asked as often; True ends the training with a checkpoint.

    Raises:
      Stopped: If `should_stop` said so.
      UserError: If a base network or the data set is not there.
    """
    return _Training(job, report, should_stop).run()


class _Training:
    def __init__(self, job, report, should_stop):
        self.job, self.report, self.should_stop = job, report, should_stop
        self.started = time.monotonic()
        self.recipe, self.cohort = job.recipe, job.cohort
        self.prepared = prepare(job)
        self.names, self.model = self.prepared.names, self.prepared.model
        self.model.training.compile(
            optimizer=make_optimizer(self.recipe),
            jit_compile=False,
            steps_per_execution=_steps_per_call(job),
        )
        self.model.validation.compile(jit_compile=False)
        self.frozen_before = frozen_digests(job, self.prepared)
        self.history: list[list[dict]] = [[] for _ in self.names]
        self.step = 0
        self.train_seconds = 0.0
        self.state_path = job.runs / "cohorts" / f"{self.cohort.cohort_id}.npz"

    def run(self) -> list[Record]:
        self._restore()
        self.reported = (self.step, time.monotonic())
        seed = surgery.derive_seed(
            "batches", self.cohort.split.digest, self.cohort.target, self.cohort.seed
        )
        train_part = pipeline.on_host(self.prepared.train_part)
        places = self.prepared.mean_image is not None
        large = self.recipe.crop_size > 64
        validation = pipeline.validation_batches(
            pipeline.on_host(self.prepared.validation_part),
            batch_size=_LARGE_VALIDATION_BATCH if large else _VALIDATION_BATCH,
            crop_size=self.recipe.crop_size,
            places=places,
        )
        checkpointed = time.monotonic()
        with CohortLog(self.job.runs / "tensorboard", self.cohort.runs) as log:
            for end in self.recipe.validation_steps():
                if end <= self.step:
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
                train_loss, rate = self._fit(batches, end)
                self._validate(validation, train_loss, rate)
                log.scalars(self.step, [entries[-1] for entries in self.history])
                now = time.monotonic()
                stop = self.step < self.recipe.steps and self.should_stop()
                if stop or now - checkpointed > self.job.checkpoint_seconds:
                    self._save()
                    checkpointed = now
                if stop:
                    raise Stopped
            records = self._finish()
            log.finished(records, [self.model.weights(name) for name in self.names])
        self.state_path.unlink(missing_ok=True)
        return records

    def _fit(self, batches, end: int) -> tuple[np.ndarray, float]:
        """Trains up to a step; mean loss per network and images per second."""
        begin, started = self.step, time.monotonic()
        watch = _Watch(self, end)
        try:
            self.model.training.fit(
                batches, epochs=1, verbose=0, shuffle=False, callbacks=[watch]
            )
        except Stopped:
            self.train_seconds += time.monotonic() - started
            self._save()
            raise
        seconds = time.monotonic() - started
        self.train_seconds += seconds
        self.step = end
        totals = self.model.training.totals
        losses = keras.ops.convert_to_numpy(totals.sums["loss"])
        images = int(keras.ops.convert_to_numpy(totals.images))
        totals.reset_state()
        return losses / images, (end - begin) * self.recipe.batch_size / seconds

    def _validate(self, batches, train_loss, rate) -> None:
        self.model.validation.evaluate(batches, verbose=0)
        totals = self.model.validation.totals
        images = int(keras.ops.convert_to_numpy(totals.images))
        expected = len(self.prepared.validation_part.indices)
        if images != expected:
            raise RuntimeError(f"validated {images} of {expected} images")
        sums = {
            name: keras.ops.convert_to_numpy(variable)
            for name, variable in totals.sums.items()
        }
        for index, entries in enumerate(self.history):
            entries.append(
                {
                    "step": self.step,
                    "train_loss": _finite(train_loss[index]),
                    "learning_rate": self.recipe.learning_rate_at(self.step - 1),
                    "top1": float(sums["top1"][index]) / images,
                    "top5": float(sums["top5"][index]) / images,
                    "loss": _finite(sums["loss"][index] / images),
                    "images_per_second": rate,
                }
            )

    def _save(self) -> None:
        self.state_path.parent.mkdir(parents=True, exist_ok=True)
        train_state.save(
            self.state_path,
            self.model,
            identity=self._state_identity(),
            step=self.step,
            history=self.history,
            train_seconds=self.train_seconds,
            total_seconds=time.monotonic() - self.started,
        )

    def _restore(self) -> None:
        restored = train_state.restore(
            self.state_path, self.model, identity=self._state_identity()
        )
        if restored is not None:
            self.step, self.history = restored["step"], restored["history"]
            self.train_seconds = restored["train_seconds"]
            self.started -= restored["total_seconds"]

    def _state_identity(self) -> list[str]:
        return [run.run_id for run in self.cohort.runs]

    def _finish(self) -> list[Record]:
        frozen_after = frozen_digests(self.job, self.prepared)
        layers = self.job.network.layer_names
        records = []
        for index, (run, name) in enumerate(
            zip(self.cohort.runs, self.names, strict=True)
        ):
            weights = self.model.weights(name)
            record = make_record(
                self.job,
                run,
                self.prepared.images,
                Outcome(
                    history=self.history[index],
                    weights_sha256=surgery.digest(weights, layers),
                    frozen_sha256_before=self.frozen_before[index],
                    frozen_sha256_after=frozen_after[index],
                    mean_pixel=self.prepared.mean_pixel,
                    num_train_images=len(self.prepared.train_part.indices),
                    num_validation_images=len(self.prepared.validation_part.indices),
                    train_seconds=self.train_seconds,
                    total_seconds=time.monotonic() - self.started,
                ),
            )
            folder = self.job.runs / run.run_id
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / WEIGHTS_NAME, train_state.to_bytes(weights))
            if self.prepared.mean_image is not None:
                buffer = io.BytesIO()
                np.save(buffer, self.prepared.mean_image, allow_pickle=False)
                write_atomically(folder / MEAN_NAME, buffer.getvalue())
            # The record comes last: it says that the run is done.
            write_record(self.job.runs, record)
            records.append(record)
        return records


def _steps_per_call(job: Job) -> int:
    classes = job.cohort.split.classes(job.cohort.target)
    work = job.recipe.batch_size * multiply_accumulates(
        job.cohort.runs, job.network, job.recipe.crop_size, len(classes)
    )
    return max(1, min(64, round(_SECONDS_PER_CALL * _ASSUMED_RATE / work)))


class _Watch(keras.callbacks.Callback):
    """Reports after every call of the training function, and stops."""

    def __init__(self, training: _Training, end: int):
        super().__init__()
        self._training = training
        self._begin, self._end = training.step, end

    def on_train_batch_end(self, batch, logs=None):
        training = self._training
        # Keras counts a last call of fewer steps as a whole one.
        training.step = min(self._begin + batch + 1, self._end)
        # Asked before the report, which fails when the parent is gone.
        if training.should_stop():
            if training.step < self._end:
                raise Stopped
            # A period's last step is validated before anything is stored.
            return
        then, clock = training.reported
        now = time.monotonic()
        if now - clock >= _SECONDS_PER_CALL:
            rate = (training.step - then) * training.recipe.batch_size / (now - clock)
            training.report(Progress(training.step, rate))
            training.reported = (training.step, now)


def _finite(value) -> float | None:
    value = float(value)
    return value if math.isfinite(value) else None


def set_threads(threads: int | None) -> None:
    """Limits TensorFlow's threads; to be called before it computes anything."""
    if threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        os.environ["OMP_NUM_THREADS"] = str(threads)
