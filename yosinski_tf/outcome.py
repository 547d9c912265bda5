"""From the end of a training to the record of a run."""

import dataclasses
import datetime

import keras

from yosinski_tf.data.image_set import ImageSet
from yosinski_tf.jobs import Job
from yosinski_tf.plan import Run
from yosinski_tf.provenance import describe_device, versions
from yosinski_tf.records import Record, mean_of_best


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What only the training knows; see `Record` for the single values.

    Attributes:
      history: One entry per validation, at least one.
      weights_sha256: Digest of all final weights.
      frozen_sha256_before: Digest of the frozen layers before training, or None.
      frozen_sha256_after: The same afterwards.
      mean_pixel: Mean of each channel, 0..255.
      num_train_images: Training images of the half.
      num_validation_images: Validation images of the half.
      train_seconds: Wall time of the cohort's training steps.
      total_seconds: Wall time of the cohort, with start-up and validation.
    """

    history: list[dict]
    weights_sha256: str
    frozen_sha256_before: str | None
    frozen_sha256_after: str | None
    mean_pixel: tuple[float, float, float]
    num_train_images: int
    num_validation_images: int
    train_seconds: float
    total_seconds: float


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
    finite = last["loss"] is not None and last["train_loss"] is not None
    return Record(
        run_id=run.run_id,
        status="finished" if finite else "diverged",
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
        images_per_second=recipe.steps * recipe.batch_size / outcome.train_seconds,
        cohort={
            "id": job.cohort.cohort_id,
            "size": len(job.cohort.runs),
            "runs": [member.run_id for member in job.cohort.runs],
            "total_seconds": outcome.total_seconds,
        },
        weights_sha256=outcome.weights_sha256,
        frozen_sha256_before=outcome.frozen_sha256_before,
        frozen_sha256_after=outcome.frozen_sha256_after,
        versions=versions(),
        backend=keras.backend.backend(),
        device=describe_device(),
        threads=job.threads,
        command=job.command,
        finished_at=now.isoformat(timespec="seconds"),
    )
