"""Training and validation batches of a half, as the models of a cohort take them.

Outputs of frozen stages may be computed once and kept for every epoch, in memory or on
the disk of the study folder. Then batches contain them beside the images or, if no
network of the cohort needs images, in their place. (Not in the paper.)
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from yosinski_tf.data.batches import pipeline
from yosinski_tf.data.batches.feature_batches import (
    Features,
    batches_of_features,
    unnamed_file,
    with_features,
)
from yosinski_tf.data.batches.order import EveryView
from yosinski_tf.models import surgery
from yosinski_tf.models.cohort_graph import Extractor
from yosinski_tf.training.cohort_setup import CohortSetup
from yosinski_tf.training.job import Job


class HalfBatches:
    """Batches of the target half, with the kept outputs of frozen stages.

    `after_batch` is called after each batch of kept outputs that is computed; it may
    end all by raising.

    Attributes:
      validation: Every validation image once, as `CohortModel.validation` takes it.
    """

    def __init__(
        self,
        job: Job,
        setup: CohortSetup,
        after_batch: Callable[[], None],
    ):
        self._job, recipe = job, job.recipe
        self._places = setup.mean_image is not None
        self._extractor, in_validation = setup.model.extractors
        self._images = images = pipeline.on_host(setup.train_images)
        validation_images = pipeline.on_host(setup.validation_images)
        seed = surgery.derive_seed(
            "batches", job.cohort.split.digest, job.cohort.target, job.cohort.seed
        )
        self._order = order = pipeline.order_of(
            images, crop_size=recipe.crop_size, mirror=recipe.mirror, seed=seed
        )
        if self._extractor.points:
            number = order.count * order.views
            every = pipeline.training_batches(
                images,
                EveryView(**dataclasses.asdict(order)),
                # That of the training: rounding may depend on it.
                batch_size=recipe.batch_size,
                first_step=0,
                last_step=-(-number // recipe.batch_size),
                places=self._places,
            )
            self._features = self._outputs(self._extractor, every, number, after_batch)
        size = recipe.validation_batch_size
        batches = pipeline.validation_batches(
            validation_images,
            batch_size=size,
            crop_size=recipe.crop_size,
            places=self._places,
        )
        if in_validation.points:
            count = len(validation_images.indices)
            features = batches_of_features(
                self._outputs(in_validation, batches, count, after_batch),
                validation_images.labels,
                EveryView(count, free=1, mirror=False, seed=0),
                tf.data.Dataset.range(count).batch(size),
            )
            needed = in_validation.needs_images
            batches = with_features(batches, features) if needed else features
        self.validation = self._placed(batches)

    def training(self, first_step: int, last_step: int) -> tf.data.Dataset:
        """Batches of the steps `first_step` to `last_step` - 1.

        They are those that `CohortModel.training` takes.
        """
        size = self._job.recipe.batch_size
        batches = pipeline.training_batches(
            self._images,
            self._order,
            batch_size=size,
            first_step=first_step,
            last_step=last_step,
            places=self._places,
        )
        if self._extractor.points:
            numbers = pipeline.numbers_of_steps(size, first_step, last_step)
            features = batches_of_features(
                self._features, self._images.labels, self._order, numbers
            )
            needed = self._extractor.needs_images
            batches = with_features(batches, features) if needed else features
        return self._placed(pipeline.with_indices(batches, first_step))

    def _placed(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Batches on the device that trains; replicas share those of the host."""
        if self._job.distribution.kind != "none":
            return pipeline.without_autotuning(batches)
        return pipeline.prefetched(batches)

    def _outputs(
        self,
        extractor: Extractor,
        batches: tf.data.Dataset,
        count: int,
        after_batch: Callable[[], None],
    ) -> tuple[Features, ...]:
        """The outputs of frozen stages, [count, ...] for each point of the extractor.

        The batches are those of `training_batches`; images after the first `count` are
        left out.
        """
        arrays: list[np.ndarray] = []
        done = 0
        for inputs, _ in pipeline.without_autotuning(batches):
            found = extractor.outputs([v.numpy() for v in tf.nest.flatten(inputs)])
            taken = min(len(found[0]), count - done)
            if not arrays:
                for on_disk, values in zip(extractor.on_disk, found, strict=True):
                    make = self._on_disk if on_disk else np.empty
                    arrays.append(make((count, *values.shape[1:]), values.dtype))
            for array, values in zip(arrays, found, strict=True):
                array[done : done + taken] = values[:taken]
            done += taken
            after_batch()
        features: list[Features] = []
        with tf.device("CPU:0"):
            # One after the other: only one of them is in memory twice.
            while arrays:
                array = arrays.pop(0)
                on_disk = isinstance(array, np.memmap)
                features.append(array if on_disk else tf.constant(array))
        return tuple(features)

    def _on_disk(self, shape: tuple[int, ...], dtype: np.dtype) -> np.memmap:
        self._job.runs.mkdir(parents=True, exist_ok=True)
        return unnamed_file(self._job.runs, shape, dtype)
