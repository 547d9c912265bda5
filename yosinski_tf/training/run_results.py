"""From the end of a training to the record of a run."""

import dataclasses
import datetime
import io
import pathlib
from collections.abc import Mapping, Sequence

import keras
import numpy as np

from yosinski_tf.data.sources.image_set import ImageSet
from yosinski_tf.experiment.runs import Run
from yosinski_tf.models import surgery
from yosinski_tf.models.feature_rule import layers_kept
from yosinski_tf.study.records import MEAN_NAME, WEIGHTS_NAME, Record, mean_of_best
from yosinski_tf.system.files import make_folder, write_atomically
from yosinski_tf.training.checkpoints import to_bytes
from yosinski_tf.training.cohort_setup import CohortSetup, frozen_digests
from yosinski_tf.training.history import diverged
from yosinski_tf.training.job import Job
from yosinski_tf.training.provenance import describe_device, versions
from yosinski_tf.training.train_state import TrainingState


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What only the training knows; see `Record` for the single values.

    Attributes:
      history: One entry per validation, at least one. That of a network whose
        loss was not finite ends there, with a `loss` of None.
      diverged: Whether a loss or, at the end, a weight was not finite.
      weights_sha256: Digest of all final weights; empty if it diverged.
      frozen_sha256_before: Digest of the frozen layers before training, or None.
      frozen_sha256_after: The same afterwards.
      mean_pixel: Mean of each channel, 0..255.
      num_train_images: Training images of the half.
      num_validation_images: Validation images of the half.
      cohort_runs: Ids of all runs that the training began with.
      cohort_steps: Steps that the cohort took.
      train_seconds: Wall time of the cohort's training steps.
      total_seconds: Wall time of the cohort, with start-up and validation.
      replicas: How many devices shared each batch.
      kept_layers: Names of frozen layers whose outputs were computed once, by
        half of the source.
    """

    history: list[dict]
    diverged: bool
    weights_sha256: str
    frozen_sha256_before: str | None
    frozen_sha256_after: str | None
    mean_pixel: tuple[float, float, float]
    num_train_images: int
    num_validation_images: int
    cohort_runs: tuple[str, ...]
    cohort_steps: int
    train_seconds: float
    total_seconds: float
    kept_layers: dict[str, list]
    replicas: int = 1


def make_record(job: Job, run: Run, images: ImageSet, outcome: Outcome) -> Record:
    """The record of one run of a cohort that has been trained.

    Args:
      job: What was trained.
      run: The run, one of the job's.
      images: The data set.
      outcome: How it ended.
    """
    last, treatment, recipe = outcome.history[-1], run.treatment, job.recipe
    classes = run.split.classes(treatment.target)
    now = datetime.datetime.now(datetime.UTC)
    device = describe_device()
    if job.deterministic and not device.startswith("CPU"):
        device += ", deterministic kernels"
    return Record(
        run_id=run.run_id,
        status="diverged" if outcome.diverged else "finished",
        treatment=str(treatment),
        kind=treatment.kind,
        n=treatment.n,
        source_half=treatment.source,
        target_half=treatment.target,
        fine_tuned=treatment.fine_tuned,
        preserved=treatment.preserved,
        split=run.split.name,
        split_digest=run.split.digest,
        dataset=images.name,
        dataset_fingerprint=images.fingerprint,
        network=job.network.name,
        network_settings=job.network.settings(),
        num_classes=len(classes),
        class_names=[images.class_names[index] for index in classes],
        mean_pixel=list(outcome.mean_pixel),
        recipe=recipe.settings(),
        seed=run.seed,
        steps=last["step"],
        top1=last["top1"],
        top5=last["top5"],
        loss=last["loss"],
        top1_mean_of_10_best=mean_of_best(e["top1"] for e in outcome.history),
        history=outcome.history,
        num_train_images=outcome.num_train_images,
        num_validation_images=outcome.num_validation_images,
        train_seconds=outcome.train_seconds,
        images_per_second=outcome.cohort_steps
        * recipe.batch_size
        / outcome.train_seconds,
        cohort={
            "id": job.cohort.cohort_id,
            "size": len(outcome.cohort_runs),
            "runs": list(outcome.cohort_runs),
            "total_seconds": outcome.total_seconds,
            "kept_layers": outcome.kept_layers,
        },
        weights_sha256=outcome.weights_sha256,
        frozen_sha256_before=outcome.frozen_sha256_before,
        frozen_sha256_after=outcome.frozen_sha256_after,
        versions=versions(),
        backend=keras.backend.backend(),
        device=device,
        distribution=job.distribution.kind,
        replicas=outcome.replicas,
        threads=job.threads.number,
        command=job.command,
        finished_at=now.isoformat(timespec="seconds"),
    )


def store_weights(
    folder: pathlib.Path,
    weights: Mapping[str, np.ndarray] | None,
    mean_image: np.ndarray | None,
) -> None:
    """Stores what belongs beside a record, which is to be written after it.

    Args:
      folder: The run's folder; it is made if it is not there.
      weights: Final weights; None if the network diverged and has none of use.
      mean_image: What was subtracted, if it was an image.
    """
    make_folder(folder)
    if weights is None:
        (folder / WEIGHTS_NAME).unlink(missing_ok=True)
        return
    write_atomically(folder / WEIGHTS_NAME, to_bytes(weights))
    if mean_image is not None:
        buffer = io.BytesIO()
        np.save(buffer, mean_image, allow_pickle=False)
        write_atomically(folder / MEAN_NAME, buffer.getvalue())


def conclude(
    job: Job,
    setup: CohortSetup,
    state: TrainingState,
    *,
    frozen_before: Sequence[str | None],
    replicas: int,
) -> tuple[list[Record], list[surgery.Weights]]:
    """Stores the weights of a cohort that has been trained.

    Args:
      job: What was trained.
      setup: Its networks, as they are now, and its images.
      state: How the training went.
      frozen_before: Digest of each network's frozen layers before training.
      replicas: How many devices shared each batch.

    Returns:
      The records, which are yet to be written, and the weights.
    """
    frozen_after = frozen_digests(job, setup.model)
    records, stored = [], []
    for index, run in enumerate(job.cohort.runs):
        history = state.histories[index]
        weights = setup.model.weights(str(run.treatment))
        finite = all(np.isfinite(values).all() for values in weights.values())
        useful = finite and not diverged(history)
        digest = surgery.digest(weights, job.network.layer_names) if useful else ""
        outcome = Outcome(
            history=history,
            diverged=not useful,
            weights_sha256=digest,
            frozen_sha256_before=frozen_before[index],
            frozen_sha256_after=frozen_after[index],
            mean_pixel=setup.mean_pixel,
            num_train_images=len(setup.train_images.indices),
            num_validation_images=len(setup.validation_images.indices),
            cohort_runs=state.cohort_runs,
            cohort_steps=state.step,
            train_seconds=state.train_seconds,
            total_seconds=state.total_seconds,
            kept_layers=layers_kept(setup.kept_features, job.network),
            replicas=replicas,
        )
        store_weights(
            job.runs / run.run_id, weights if useful else None, setup.mean_image
        )
        records.append(make_record(job, run, setup.images, outcome))
        stored.append(weights)
    return records, stored
