"""Training and validation batches of a half, as the models of a cohort take them."""

from collections.abc import Callable

import tensorflow as tf

from yosinski_tf.data.batches import pipeline
from yosinski_tf.models import surgery
from yosinski_tf.training.cohort_setup import CohortSetup
from yosinski_tf.training.feature_cache import FeatureCache
from yosinski_tf.training.job import Job


class HalfBatches:
    """Batches of the target half, with the kept outputs of frozen layers.

    Args:
      job: What is trained.
      setup: The cohort, with the weights it starts from.
      after_batch: Called after each batch of kept outputs that is computed; it may
        end all by raising.

    Attributes:
      validation: Every validation image once, as `CohortModel.validation` takes it.
    """

    def __init__(self, job: Job, setup: CohortSetup, after_batch: Callable[[], None]):
        self._job, self._recipe = job, job.recipe
        self._seed = surgery.derive_seed(
            "batches", job.cohort.split.digest, job.cohort.target, job.cohort.seed
        )
        self._places = setup.mean_image is not None
        self._train_images = pipeline.on_host(setup.train_images)
        validation_images = pipeline.on_host(setup.validation_images)
        self._features = FeatureCache(
            setup,
            job.recipe,
            train_images=self._train_images,
            validation_images=validation_images,
            validation_batch=job.recipe.validation_batch_size,
            seed=self._seed,
            after_batch=after_batch,
        )
        batches = pipeline.validation_batches(
            validation_images,
            batch_size=job.recipe.validation_batch_size,
            crop_size=job.recipe.crop_size,
            places=self._places,
        )
        self.validation = self._placed(self._features.validation(batches))

    def training(self, first_step: int, last_step: int) -> tf.data.Dataset:
        """Batches of the steps `first_step` to `last_step` - 1.

        They are those that `CohortModel.training` takes.
        """
        batches = pipeline.training_batches(
            self._train_images,
            batch_size=self._recipe.batch_size,
            crop_size=self._recipe.crop_size,
            mirror=self._recipe.mirror,
            seed=self._seed,
            first_step=first_step,
            last_step=last_step,
            places=self._places,
        )
        batches = self._features.training(batches, first_step, last_step)
        return self._placed(pipeline.with_indices(batches, first_step))

    def _placed(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Batches on the device that trains; replicas share those of the host."""
        if self._job.distribution.kind != "none":
            return pipeline.without_autotuning(batches)
        return pipeline.prefetched(batches)
