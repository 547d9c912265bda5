"""What a cohort starts from: its images, its networks, their first weights."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping

import keras
import numpy as np

from yosinski_tf.data.batches import pipeline
from yosinski_tf.data.sources import study_copy
from yosinski_tf.data.sources.image_set import ImageSet, half_view
from yosinski_tf.experiment.runs import Run
from yosinski_tf.machine.hardware import available_memory
from yosinski_tf.models import surgery
from yosinski_tf.models.cohort import CohortModel
from yosinski_tf.models.cohort_graph import Member
from yosinski_tf.models.feature_rule import KeptFeatures, choose_all
from yosinski_tf.study.finished_run import read_run_weights
from yosinski_tf.study.records import RECORD_NAME, find_record, read_record
from yosinski_tf.system.errors import UserError
from yosinski_tf.training.job import Job
from yosinski_tf.training.provenance import accelerators

Choices = Mapping[str, KeptFeatures]


@dataclasses.dataclass(frozen=True)
class CohortSetup:
    """A cohort before its first step.

    Attributes:
      images: The whole data set.
      train_part: The half's training images.
      validation_part: The half's validation images.
      mean_pixel: Mean of each channel over the training images, 0..255.
      mean_image: Their mean image, float32 [size, size, 3], for a recipe that
        subtracts it; else None.
      names: The networks' names in the model, in the order of the runs.
      model: The cohort's networks, with the weights they start from; not yet
        compiled.
      choices: What of frozen layers training is given, by half of the source.
    """

    images: ImageSet
    train_part: pipeline.HalfImages
    validation_part: pipeline.HalfImages
    mean_pixel: tuple[float, float, float]
    mean_image: np.ndarray | None
    names: tuple[str, ...]
    model: CohortModel
    choices: Choices


def set_up(job: Job) -> CohortSetup:
    """Reads the data set and the base networks of a job and builds its model.

    Raises:
      UserError: If the data set or a base network is not there, or is not what
        its record says.
    """
    images = study_copy.load(job.images)
    if images is None:
        raise UserError(f"no data set at {job.images}: start the study again")
    train_part, validation_part = (
        _part(job, images, name) for name in ("train", "validation")
    )
    mean_pixel = pipeline.mean_pixel(train_part)
    mean_image = pipeline.mean_image(train_part) if job.recipe.mean == "image" else None
    names = tuple(str(run.treatment) for run in job.cohort.runs)
    choices = _choices(job, train_part, validation_part)
    model = _model(
        job,
        names,
        mean_pixel if mean_image is None else mean_image,
        choices,
    )
    return CohortSetup(
        images,
        train_part,
        validation_part,
        mean_pixel,
        mean_image,
        names,
        model,
        choices[0],
    )


def frozen_digests(job: Job, prepared: CohortSetup) -> list[str | None]:
    """Digest of each network's frozen layers as they are now, None without any."""
    layers = job.network.layer_names
    return [
        surgery.digest(
            prepared.model.weights(name), layers[: run.treatment.frozen_layers]
        )
        if run.treatment.frozen_layers
        else None
        for run, name in zip(job.cohort.runs, prepared.names, strict=True)
    ]


def base_digests(job: Job) -> list[str | None]:
    """Digest of the weights that each network's base has, None without one."""
    return [
        read_record(job.runs / run.base.run_id / RECORD_NAME).weights_sha256
        if run.base
        else None
        for run in job.cohort.runs
    ]


def settings_digest(job: Job, prepared: CohortSetup) -> str:
    """What a training must have in common with one that goes on from it."""
    values = {
        "network": job.network.settings(),
        "recipe": job.recipe.settings(),
        "split": job.cohort.split.digest,
        "images": prepared.images.fingerprint,
        "backend": keras.backend.backend(),
    }
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _classes(job: Job) -> tuple[int, ...]:
    return job.cohort.split.classes(job.cohort.target)


def _part(job: Job, images: ImageSet, name: str) -> pipeline.HalfImages:
    labels = np.asarray(getattr(images, f"{name}_labels"))
    limit = job.cohort.split.examples_per_class if name == "train" else None
    indices, new_labels = half_view(labels, _classes(job), limit)
    return pipeline.HalfImages(getattr(images, f"{name}_images"), indices, new_labels)


def _choices(
    job: Job, train_part: pipeline.HalfImages, validation_part: pipeline.HalfImages
) -> tuple[Choices, Choices]:
    """What of frozen layers is computed once, for training and for validation."""
    recipe, mode = job.recipe, job.feature_cache
    # Where frozen layers are fast, fetching what they make is what takes time.
    fast = bool(accelerators())
    if mode == "auto" and (fast or job.distribution.kind != "none"):
        mode = "off"
    order = pipeline.order_of(
        train_part, crop_size=recipe.crop_size, mirror=recipe.mirror, seed=0
    )
    return choose_all(
        [run.treatment for run in job.cohort.runs],
        job.network,
        recipe,
        num_views=order.count * order.views,
        num_validation=len(validation_part.indices),
        available_bytes=available_memory(),
        mode=mode,
    )


def _model(
    job: Job, names: tuple[str, ...], mean, choices: tuple[Choices, Choices]
) -> CohortModel:
    members, trunks = [], {}
    for run, name in zip(job.cohort.runs, names, strict=True):
        frozen = run.treatment.frozen_layers
        # Nothing of the network itself, so that company changes nothing.
        half = f"{run.treatment.source}{job.cohort.target}"
        trunk = f"{run.split.digest} {half} {run.seed}" if frozen else None
        members.append(Member(name, trunk, frozen, _identity(run)))
        if frozen:
            trunks[trunk] = run.treatment.source
    model = CohortModel(
        job.network,
        members,
        input_size=job.recipe.crop_size,
        num_classes=len(_classes(job)),
        mean=mean,
        precision=job.recipe.precision,
        kept={trunk: choices[0][source].kept for trunk, source in trunks.items()},
        kept_in_validation={
            trunk: choices[1][source].kept for trunk, source in trunks.items()
        },
    )
    sources = {}
    for run, name in zip(job.cohort.runs, names, strict=True):
        source = run.treatment.source
        if source and source not in sources:
            sources[source] = _source_weights(job, run)
        weights = surgery.starting_weights(
            run.treatment,
            job.network,
            _random_weights(job, _identity(run)),
            sources.get(source),
        )
        model.assign(name, weights)
    return model


def _identity(run: Run) -> str:
    return f"{run.split.digest} {run.treatment} {run.seed}"


def _random_weights(job: Job, identity: str) -> surgery.Weights:
    return surgery.initial_weights(
        job.network, job.recipe.crop_size, len(_classes(job)), identity
    )


def _source_weights(job: Job, run: Run) -> surgery.Weights:
    base = run.base
    if base is None:
        # All R treatments of a cohort share one random network.
        return _random_weights(job, f"{run.split.digest} random {run.seed}")
    folder = job.runs / base.run_id
    record = find_record(job.runs, base.run_id)
    if record is None:
        raise UserError(
            f"the base network {base.run_id} is missing in {job.runs}: train it first"
        )
    if record.status != "finished":
        raise UserError(
            f"cannot copy layers from {base.run_id}, its status is {record.status}:"
            f" delete the folder {folder} to train it again"
        )
    weights = read_run_weights(job.runs, record, job.network, job.recipe.crop_size)
    # The classifiers of halves of unequal size differ; it is never copied.
    return {k: v for k, v in weights.items() if not k.startswith("fc8/")}
