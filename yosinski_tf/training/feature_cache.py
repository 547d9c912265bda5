"""Outputs of frozen layers, computed once and kept in memory for every epoch.

Batches contain them beside the images or, if no network of the cohort needs images,
in their place. (Not in the paper.)
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from yosinski_tf.data.batches import feature_batches, pipeline
from yosinski_tf.data.batches.order import EveryView
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.models.cohort_graph import Extractor
from yosinski_tf.training.cohort_setup import CohortSetup


class FeatureCache:
    """The outputs of a cohort's frozen trunks for the images of its half."""

    def __init__(
        self,
        setup: CohortSetup,
        recipe: Recipe,
        *,
        train_images: pipeline.HalfImages,
        validation_images: pipeline.HalfImages,
        validation_batch: int,
        seed: int,
        after_batch: Callable[[], None] = lambda: None,
    ):
        """Computes the outputs that the cohort's model takes.

        Args:
          setup: The cohort, with the weights it starts from.
          recipe: How it is trained.
          train_images: The training images.
          validation_images: The validation images.
          validation_batch: Validation images per batch.
          seed: Seed of the order of the training images.
          after_batch: Called after each batch; it stops the computation by raising.
        """
        self._recipe = recipe
        self._labels = train_images.labels
        self._order = order = pipeline.order_of(
            train_images, crop_size=recipe.crop_size, mirror=recipe.mirror, seed=seed
        )
        self._train, self._validation = setup.model.extractors
        self._validation_batch = validation_batch
        self._validation_labels = validation_images.labels
        places = setup.mean_image is not None
        self._features = self._validation_features = ()
        if self._train.points:
            number = order.count * order.views
            every = pipeline.ordered_batches(
                train_images,
                EveryView(**dataclasses.asdict(order)),
                # That of the training: rounding may depend on it.
                batch_size=recipe.batch_size,
                crop_size=recipe.crop_size,
                first_step=0,
                last_step=-(-number // recipe.batch_size),
                places=places,
            )
            self._features = compute(self._train, every, number, after_batch)
        if self._validation.points:
            central = pipeline.validation_batches(
                validation_images,
                batch_size=validation_batch,
                crop_size=recipe.crop_size,
                places=places,
            )
            number = len(validation_images.indices)
            self._validation_features = compute(
                self._validation, central, number, after_batch
            )

    def training(
        self, images: tf.data.Dataset, first_step: int, last_step: int
    ) -> tf.data.Dataset:
        """Batches of the steps `first_step` to `last_step` - 1, without indices.

        The training model takes them so. `images` are those of these steps, not read
        if no network needs them.
        """
        if not self._train.points:
            return images
        features = feature_batches.training_features(
            self._features,
            self._labels,
            self._order,
            batch_size=self._recipe.batch_size,
            first_step=first_step,
            last_step=last_step,
        )
        if not self._train.needs_images:
            return features
        return feature_batches.with_features(images, features)

    def validation(self, images: tf.data.Dataset) -> tf.data.Dataset:
        """Batches for the validation model; reads `images` if a network needs them."""
        if not self._validation.points:
            return images
        features = feature_batches.validation_features(
            self._validation_features,
            self._validation_labels,
            batch_size=self._validation_batch,
        )
        if not self._validation.needs_images:
            return features
        return feature_batches.with_features(images, features)


def compute(
    extractor: Extractor,
    batches: tf.data.Dataset,
    count: int,
    after_batch: Callable[[], None] = lambda: None,
) -> tuple[tf.Tensor, ...]:
    """The outputs of frozen layers, in the CPU's memory.

    Args:
      extractor: The frozen layers.
      batches: Batches of (images, labels) or ((images, places), labels).
      count: Number of images; those after it are left out.
      after_batch: Called after each batch; it stops the computation by raising.

    Returns:
      A tensor [count, ...] for each point of the extractor.
    """
    arrays: list[np.ndarray] = []
    done = 0
    for inputs, _ in pipeline.without_autotuning(batches):
        inputs = inputs if isinstance(inputs, tuple) else (inputs,)
        found = extractor.outputs([value.numpy() for value in inputs])
        taken = min(len(found[0]), count - done)
        if not arrays:
            arrays = [np.empty((count, *a.shape[1:]), a.dtype) for a in found]
        for array, values in zip(arrays, found, strict=True):
            array[done : done + taken] = values[:taken]
        done += taken
        after_batch()
    tensors = []
    with tf.device("CPU:0"):
        # One after the other: only one of them is in memory twice.
        while arrays:
            tensors.append(tf.constant(arrays.pop(0)))
    return tuple(tensors)
