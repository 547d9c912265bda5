"""What a cohort starts from: its images, its networks, their first weights."""

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence

import keras
import numpy as np

from yosinski_tf.data.batches import pipeline
from yosinski_tf.data.sources import study_copy
from yosinski_tf.data.sources.image_set import ImageSet, half_view
from yosinski_tf.experiment.runs import Run
from yosinski_tf.machine.hardware import available_memory
from yosinski_tf.models import calibration, cohort, onednn, surgery
from yosinski_tf.models.cohort_graph import Member
from yosinski_tf.models.feature_rule import KeptFeatures, choose_all
from yosinski_tf.models.fresh_weights import fresh_weights, run_identity
from yosinski_tf.models.place_in_batch import place_matters
from yosinski_tf.study import divergence, given_source
from yosinski_tf.study.finished_run import read_run_weights
from yosinski_tf.study.records import RECORD_NAME, find_record, read_record
from yosinski_tf.system import files
from yosinski_tf.system.errors import UserError
from yosinski_tf.training.job import Job
from yosinski_tf.training.provenance import accelerators

# Most batches whose statistics are taken for random stages.
_CALIBRATING = 100


@dataclasses.dataclass(frozen=True)
class CohortSetup:
    """A cohort before its first step.

    Attributes:
      images: The whole data set.
      train_images: Training images of the target half.
      validation_images: Validation images of the target half.
      mean_pixel: Mean of each channel over the training images, 0..255.
      mean_image: Mean of the training images, float32 [size, size, 3], for a recipe
        that subtracts it; else None.
      model: The networks, with the weights they start from; not yet compiled.
      kept_features: Which outputs of frozen stages are kept for training, by source.
      source_sha256: Digest of the network that was given; None without one.
    """

    images: ImageSet
    train_images: pipeline.HalfImages
    validation_images: pipeline.HalfImages
    mean_pixel: tuple[float, float, float]
    mean_image: np.ndarray | None
    model: cohort.CohortModel
    kept_features: Mapping[str, KeptFeatures]
    source_sha256: str | None


def set_up(job: Job) -> CohortSetup:
    """Reads the data set and the base networks of a job and builds its model.

    Raises:
      UserError: If the data set or a base network is missing, or is not what its
        record says, or TensorFlow cannot train the network here.
    """
    images = study_copy.load(job.images)
    if images is None:
        raise UserError(f"no data set at {job.images}: start the study again")
    train_images = _half_images(job, images, "train")
    validation_images = _half_images(job, images, "validation")
    source = given_source.read(job.runs) if job.source else None
    mean_pixel, mean_image = _mean(job, source, train_images)
    mean = mean_pixel if mean_image is None else mean_image
    kept = _kept_features(job, train_images, len(validation_images.indices))
    model = _model(job, mean, *kept)
    _assign_weights(job, model, source, lambda: _sample(job, train_images))
    return CohortSetup(
        images=images,
        train_images=train_images,
        validation_images=validation_images,
        mean_pixel=mean_pixel,
        mean_image=mean_image,
        model=model,
        kept_features=kept[0],
        source_sha256=source and source.sha256,
    )


def frozen_digests(job: Job, model: cohort.CohortModel) -> list[str | None]:
    """Digest of each network's frozen layers as they are now, None without any."""
    below = job.network.layers_below
    return [
        surgery.digest(model.weights(str(t)), below(t.frozen_layers))
        if t.frozen_layers
        else None
        for t in job.cohort.treatments
    ]


def base_digests(job: Job) -> list[str | None]:
    """Digest of the weights that each network's base has, None without one."""
    return [
        read_record(job.runs / run.base.run_id / RECORD_NAME).weights_sha256
        if run.base
        else None
        for run in job.cohort.runs
    ]


def settings_digest(job: Job, images: ImageSet) -> str:
    """Digest of what a training has in common with one that it continues."""
    values = {
        "network": job.network.settings(),
        "recipe": job.recipe.settings(),
        "split": job.cohort.split.digest,
        "images": images.fingerprint,
        "backend": keras.backend.backend(),
    }
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _classes(job: Job) -> tuple[int, ...]:
    return job.cohort.split.classes(job.cohort.target)


def _half_images(job: Job, images: ImageSet, name: str) -> pipeline.HalfImages:
    labels = np.asarray(getattr(images, f"{name}_labels"))
    limit = job.cohort.split.examples_per_class if name == "train" else None
    indices, new_labels = half_view(labels, _classes(job), limit)
    return pipeline.HalfImages(getattr(images, f"{name}_images"), indices, new_labels)


def _kept_features(
    job: Job, train_images: pipeline.HalfImages, num_validation: int
) -> tuple[dict[str, KeptFeatures], dict[str, KeptFeatures]]:
    """Which outputs are kept for training and for validation, see `choose_all`."""
    recipe, mode = job.recipe, job.feature_cache
    files.make_folder(job.runs)
    # Where frozen stages are fast, reading their outputs is what takes time.
    fast = bool(accelerators())
    if mode == "auto" and (fast or job.distribution.kind != "none"):
        mode = "off"
    order = pipeline.order_of(
        train_images, crop_size=recipe.crop_size, mirror=recipe.mirror, seed=0
    )
    training, validation = choose_all(
        job.cohort.treatments,
        job.network,
        recipe,
        num_views=order.count * order.views,
        num_validation=num_validation,
        memory=available_memory(),
        disk=shutil.disk_usage(job.runs).free,
        mode=mode,
    )
    # In validation, every image has the same place each time.
    if mode == "auto":
        for source, kept in training.items():
            if kept.stages and place_matters(job.network, recipe, kept.stages):
                reason = "last bits depend on an image's place in its batch"
                training[source] = KeptFeatures((), reason)
    return training, validation


def _model(
    job: Job,
    mean: Sequence[float] | np.ndarray,
    in_training: Mapping[str, KeptFeatures],
    in_validation: Mapping[str, KeptFeatures],
) -> cohort.CohortModel:
    members, sources = [], {}
    for run in job.cohort.runs:
        trunk, frozen = None, run.treatment.frozen_layers
        if frozen:
            # Nothing of the run itself, so that results do not depend on the other
            # networks of the cohort.
            half = f"{run.treatment.source}{job.cohort.target}"
            trunk = f"{run.split.digest} {half} {run.seed}"
            sources[trunk] = run.treatment.source
        members.append(Member(str(run.treatment), trunk, frozen, _identity(run)))
    model = cohort.build_cohort(
        job.network,
        members,
        input_size=job.recipe.crop_size,
        num_classes=len(_classes(job)),
        mean=mean,
        precision=job.recipe.precision,
        kept={t: in_training[s] for t, s in sources.items()},
        kept_in_validation={t: in_validation[s] for t, s in sources.items()},
    )
    for head in model.graph.heads.values():
        for block in head.values():
            onednn.check_gradients(block.layers)
    return model


def _mean(
    job: Job, source: given_source.Source | None, train_images: pipeline.HalfImages
) -> tuple[tuple[float, float, float], np.ndarray | None]:
    """The mean pixel, and the mean image for a recipe that subtracts it.

    A source that this project trained keeps the mean that it was trained with.
    """
    if source is not None and source.mean is not None:
        image = source.mean if source.mean.ndim > 1 else None
        red, green, blue = source.mean.reshape(-1, 3).mean(0, np.float64)
        return (float(red), float(green), float(blue)), image
    image = None
    if job.recipe.mean == "image":
        image = pipeline.mean_image(train_images)
    return pipeline.mean_pixel(train_images), image


def _assign_weights(
    job: Job,
    model: cohort.CohortModel,
    given: given_source.Source | None,
    sample: Callable[[], Iterable[np.ndarray]],
) -> None:
    """Gives every network the weights that its treatment starts from."""
    sources: dict[str, Mapping[str, np.ndarray]] = {}
    for run in job.cohort.runs:
        source = run.treatment.source
        if source == "P":
            if given is None:
                raise UserError(f"{run.run_id} copies from a network that is not given")
            sources[source] = given.weights
        elif source and source not in sources:
            sources[source] = _source_weights(job, run)
            if source == "R" and job.recipe.calibrate_random:
                sources[source] = calibration.Calibrator(job.network).calibrated(
                    sources[source], sample(), model.mean
                )
        fresh = _random_weights(job, _identity(run))
        weights = surgery.starting_weights(
            run.treatment, job.network, fresh, sources.get(source)
        )
        model.assign(str(run.treatment), weights)


def _sample(job: Job, train_images: pipeline.HalfImages) -> Iterable[np.ndarray]:
    """Batches of training images, each image about once, but no more than 100."""
    images = pipeline.on_host(train_images)
    recipe, split = job.recipe, job.cohort.split
    seed = surgery.derive_seed("calibration", split.digest, job.cohort.target)
    order = pipeline.order_of(
        images, crop_size=recipe.crop_size, mirror=recipe.mirror, seed=seed
    )
    count = -(-order.count // recipe.batch_size)
    batches = pipeline.training_batches(
        images,
        order,
        batch_size=recipe.batch_size,
        first_step=0,
        last_step=min(count, _CALIBRATING),
    )
    return (pixels.numpy() for pixels, _ in pipeline.without_autotuning(batches))


def _identity(run: Run) -> str:
    return run_identity(run.split.digest, str(run.treatment), run.seed)


def _random_weights(job: Job, identity: str) -> surgery.Weights:
    classes = len(_classes(job))
    return fresh_weights(job.network, job.recipe.crop_size, classes, identity)


def _source_weights(job: Job, run: Run) -> surgery.Weights:
    base = run.base
    if base is None:
        # All R treatments of a cohort share one random network.
        return _random_weights(job, run_identity(run.split.digest, "random", run.seed))
    record = find_record(job.runs, base.run_id)
    if record is None:
        raise UserError(
            f"the base network {base.run_id} is missing in {job.runs}: train it first"
        )
    if record.status != "finished":
        raise UserError(
            f"cannot copy layers from {base.run_id}, its status is {record.status}:"
            f" {divergence.advice(record.recipe)}"
        )
    return read_run_weights(job.runs, record, job.network, job.recipe.crop_size)
