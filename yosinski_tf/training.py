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
from yosinski_tf.data import cache, pipeline, stored_batches
from yosinski_tf.data.image_set import half_view
from yosinski_tf.errors import UserError
from yosinski_tf.jobs import Job, Progress, Stopped
from yosinski_tf.models import Cohort as CohortModel
from yosinski_tf.models import Member
from yosinski_tf.optimizers import make_optimizer
from yosinski_tf.outcome import Outcome, make_record
from yosinski_tf.plan import Run, multiply_accumulates
from yosinski_tf.records import (
    MEAN_NAME,
    RECORD_NAME,
    WEIGHTS_NAME,
    Record,
    read_record,
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
      UserError: If a base network or the data set is not there, or its store
        cannot be read.
    """
    training = _Training(job, report, should_stop)
    try:
        return training.run()
    except tf.errors.OpError as error:
        raise stored_batches.reading_error(error) or error from None


class _Training:
    def __init__(self, job, report, should_stop):
        self.job, self.report, self.should_stop = job, report, should_stop
        self.started = time.monotonic()
        self.recipe, self.cohort = job.recipe, job.cohort
        images = cache.load(job.images)
        if images is None:
            raise UserError(f"no data set at {job.images}: start the study again")
        self.images = images
        self.classes = self.cohort.split.classes(self.cohort.target)
        self.train_part = self._part("train")
        self.validation_part = self._part("validation")
        self.mean = pipeline.mean_pixel(self.train_part)
        self.mean_image = (
            pipeline.mean_image(self.train_part)
            if self.recipe.mean == "image"
            else None
        )
        self.names = [str(run.treatment) for run in self.cohort.runs]
        self.model = self._build()
        self.frozen_before = self._frozen_digests()
        self.history: list[list[dict]] = [[] for _ in self.names]
        self.step = 0
        self.train_seconds = 0.0
        self.state_path = job.runs / "cohorts" / f"{self.cohort.cohort_id}.npz"

    def _part(self, name):
        labels = np.asarray(getattr(self.images, f"{name}_labels"))
        limit = self.cohort.split.examples_per_class if name == "train" else None
        indices, new_labels = half_view(labels, self.classes, limit)
        return pipeline.Part(
            getattr(self.images, f"{name}_images"), indices, new_labels
        )

    def _build(self) -> CohortModel:
        network, recipe = self.job.network, self.recipe
        members = []
        for run, name in zip(self.cohort.runs, self.names, strict=True):
            frozen = run.treatment.frozen_layers
            source, identity = run.treatment.source, self._identity(run)
            # Nothing of the network itself, so that company changes nothing.
            half = f"{source}{self.cohort.target}"
            trunk = f"{run.split.digest} {half} {run.seed}" if frozen else None
            members.append(Member(name, trunk, frozen, identity))
        model = CohortModel(
            network,
            members,
            input_size=recipe.crop_size,
            num_classes=len(self.classes),
            mean=self.mean if self.mean_image is None else self.mean_image,
            precision=recipe.precision,
        )
        sources = {}
        for run, name in zip(self.cohort.runs, self.names, strict=True):
            source = run.treatment.source
            if source and source not in sources:
                sources[source] = self._source_weights(run)
            weights = surgery.starting_weights(
                run.treatment,
                network,
                self._random_weights(self._identity(run)),
                sources.get(source),
            )
            model.assign(name, weights)
        model.training.compile(
            optimizer=make_optimizer(recipe),
            jit_compile=False,
            steps_per_execution=self._steps_per_call(),
        )
        model.validation.compile(jit_compile=False)
        return model

    def _identity(self, run: Run) -> str:
        return f"{run.split.digest} {run.treatment} {run.seed}"

    def _random_weights(self, identity: str) -> surgery.Weights:
        return surgery.initial_weights(
            self.job.network, self.recipe.crop_size, len(self.classes), identity
        )

    def _source_weights(self, run: Run) -> surgery.Weights:
        base = run.base
        if base is None:
            # All R treatments of a cohort share one random network.
            return self._random_weights(f"{run.split.digest} random {run.seed}")
        folder = self.job.runs / base.run_id
        if not (folder / RECORD_NAME).is_file():
            raise UserError(
                f"the base network {base.run_id} is missing in {self.job.runs}:"
                " train it first"
            )
        record = read_record(folder / RECORD_NAME)
        weights = surgery.read_weights(folder / WEIGHTS_NAME)
        found = surgery.digest(weights, self.job.network.layer_names)
        if record.status != "finished" or record.weights_sha256 != found:
            reason = (
                f"its status is {record.status}"
                if record.status != "finished"
                else "its weights are not those of its record"
            )
            raise UserError(
                f"cannot copy layers from {base.run_id}, {reason}: delete the folder"
                f" {folder} to train it again"
            )
        # The classifiers of halves of unequal size differ; it is never copied.
        return {k: v for k, v in weights.items() if not k.startswith("fc8/")}

    def _steps_per_call(self) -> int:
        work = self.recipe.batch_size * multiply_accumulates(
            self.cohort.runs,
            self.job.network,
            self.recipe.crop_size,
            len(self.classes),
        )
        return max(1, min(64, round(_SECONDS_PER_CALL * _ASSUMED_RATE / work)))

    def _frozen_layers(self, run: Run) -> tuple[str, ...]:
        return self.job.network.layer_names[: run.treatment.frozen_layers]

    def _frozen_digests(self) -> list[str | None]:
        return [
            surgery.digest(self.model.weights(name), self._frozen_layers(run))
            if run.treatment.frozen_layers
            else None
            for run, name in zip(self.cohort.runs, self.names, strict=True)
        ]

    def run(self) -> list[Record]:
        self._restore()
        self.reported = (self.step, time.monotonic())
        seed = surgery.derive_seed(
            "batches", self.cohort.split.digest, self.cohort.target, self.cohort.seed
        )
        train_part = pipeline.on_host(self.train_part)
        places = self.mean_image is not None
        large = self.recipe.crop_size > 64
        validation = pipeline.validation_batches(
            pipeline.on_host(self.validation_part),
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
        expected = len(self.validation_part.indices)
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
        frozen_after = self._frozen_digests()
        layers = self.job.network.layer_names
        records = []
        for index, (run, name) in enumerate(
            zip(self.cohort.runs, self.names, strict=True)
        ):
            weights = self.model.weights(name)
            record = make_record(
                self.job,
                run,
                self.images,
                Outcome(
                    history=self.history[index],
                    weights_sha256=surgery.digest(weights, layers),
                    frozen_sha256_before=self.frozen_before[index],
                    frozen_sha256_after=frozen_after[index],
                    mean_pixel=self.mean,
                    num_train_images=len(self.train_part.indices),
                    num_validation_images=len(self.validation_part.indices),
                    train_seconds=self.train_seconds,
                    total_seconds=time.monotonic() - self.started,
                ),
            )
            folder = self.job.runs / run.run_id
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / WEIGHTS_NAME, train_state.to_bytes(weights))
            if self.mean_image is not None:
                buffer = io.BytesIO()
                np.save(buffer, self.mean_image, allow_pickle=False)
                write_atomically(folder / MEAN_NAME, buffer.getvalue())
            # The record comes last: it says that the run is done.
            write_record(self.job.runs, record)
            records.append(record)
        return records


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
