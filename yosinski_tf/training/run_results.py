"""From the end of a training to the records and the weights of its runs."""

import datetime
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from yosinski_tf.models import feature_rule, surgery
from yosinski_tf.study.records import MEAN_NAME, WEIGHTS_NAME, Record, mean_of_best
from yosinski_tf.system import files
from yosinski_tf.training import cohort_setup, train_state
from yosinski_tf.training.history import diverged
from yosinski_tf.training.job import Job
from yosinski_tf.training.provenance import accelerators, describe_device, versions


def conclude(
    job: Job,
    setup: cohort_setup.CohortSetup,
    state: train_state.TrainingState,
    *,
    frozen_before: Sequence[str | None],
    replicas: int,
) -> tuple[list[Record], list[surgery.Weights]]:
    """Stores the weights of a cohort that has been trained.

    Args:
      setup: The images and the networks of the job, with their final weights.
      state: How the training went; every history has an entry.
      frozen_before: Digest of each network's frozen layers before training.
      replicas: How many devices shared each batch.

    Returns:
      The records, which the caller writes last, and the weights.
    """
    shared = _shared_fields(job, setup, state) | {"replicas": replicas}
    frozen_after = cohort_setup.frozen_digests(job, setup.model)
    records, stored = [], []
    for run, history, before, after in zip(
        job.cohort.runs, state.histories, frozen_before, frozen_after, strict=True
    ):
        treatment, last = run.treatment, history[-1]
        weights = setup.model.weights(str(treatment))
        finite = all(np.isfinite(values).all() for values in weights.values())
        useful = finite and not diverged(history)
        _store_weights(
            job.runs / run.run_id, weights if useful else None, setup.mean_image
        )
        stored.append(weights)
        digest = surgery.digest(weights) if useful else ""
        records.append(
            Record(
                run_id=run.run_id,
                status="finished" if useful else "diverged",
                treatment=str(treatment),
                kind=treatment.kind,
                n=treatment.n,
                source_half=treatment.source,
                target_half=treatment.target,
                fine_tuned=treatment.fine_tuned,
                preserved=treatment.preserved,
                split=run.split.name,
                split_digest=run.split.digest,
                seed=run.seed,
                steps=last["step"],
                top1=last["top1"],
                top5=last["top5"],
                loss=last["loss"],
                top1_mean_of_10_best=mean_of_best(entry["top1"] for entry in history),
                history=history,
                weights_sha256=digest,
                frozen_sha256_before=before,
                frozen_sha256_after=after,
                source_sha256=setup.source_sha256 if treatment.source == "P" else None,
                **shared,
            )
        )
    return records, stored


def _shared_fields(
    job: Job, setup: cohort_setup.CohortSetup, state: train_state.TrainingState
) -> dict[str, Any]:
    """What the records of a cohort have in common."""
    images = setup.images
    classes = job.cohort.split.classes(job.cohort.target)
    seen = state.step * job.recipe.batch_size
    now = datetime.datetime.now(datetime.UTC)
    device = describe_device()
    if job.deterministic and accelerators():
        device += ", deterministic kernels"
    return {
        "dataset": images.name,
        "dataset_fingerprint": images.fingerprint,
        "network": job.network.name,
        "network_settings": job.network.settings(),
        "num_classes": len(classes),
        "class_names": [images.class_names[index] for index in classes],
        "mean_pixel": list(setup.mean_pixel),
        "recipe": job.recipe.settings(),
        "num_train_images": len(setup.train_images.indices),
        "num_validation_images": len(setup.validation_images.indices),
        "train_seconds": state.train_seconds,
        "images_per_second": seen / state.train_seconds,
        "cohort": {
            "id": job.cohort.cohort_id,
            "size": len(state.cohort_runs),
            "runs": list(state.cohort_runs),
            "total_seconds": state.total_seconds,
            "kept_layers": feature_rule.stages_kept(setup.kept_features, job.network),
        },
        "versions": versions(),
        "backend": keras.backend.backend(),
        "device": device,
        "distribution": job.distribution.kind,
        "threads": job.threads.number,
        "command": job.command,
        "finished_at": now.isoformat(timespec="seconds"),
    }


def _store_weights(
    folder: pathlib.Path,
    weights: Mapping[str, np.ndarray] | None,
    mean_image: np.ndarray | None,
) -> None:
    """Stores final weights, None for a network that diverged, and the mean image."""
    files.make_folder(folder)
    if weights is None:
        (folder / WEIGHTS_NAME).unlink(missing_ok=True)
        return
    files.write_atomically(
        folder / WEIGHTS_NAME, lambda file: np.savez(file, **weights)
    )
    if mean_image is not None:
        files.write_array(folder / MEAN_NAME, mean_image)
