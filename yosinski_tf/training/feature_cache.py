"""Outputs of frozen layers, computed once and kept in memory for every epoch.

They come to the networks in the batches, beside the images or, where no network
looks at images any more, in their place. (Not in the paper.)
"""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from yosinski_tf.data.batches import feature_batches, pipeline
from yosinski_tf.data.batches.order import EveryView
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.models.cohort_graph import Extractor
from yosinski_tf.training.cohort_setup import CohortSetup


class FeatureCache:
    """What a cohort's frozen trunks make of the images of its half."""

    def __init__(
        self,
        prepared: CohortSetup,
        recipe: Recipe,
        train_part: pipeline.HalfImages,
        validation_part: pipeline.HalfImages,
        validation_batch: int,
        seed: int,
        after_batch: Callable[[], None] = lambda: None,
    ):
        """Computes what the cohort's model wants.

        Args:
          prepared: The cohort, with the weights it starts from.
          recipe: How it is trained.
          train_part: The training images.
          validation_part: The validation images.
          validation_batch: How many of them are validated at a time.
          seed: Of the training's order.
          after_batch: Called after each batch; it may end all by raising.
        """
        self._recipe = recipe
        self._labels = train_part.labels
        self._order = order = pipeline.order_of(
            train_part, crop_size=recipe.crop_size, mirror=recipe.mirror, seed=seed
        )
        self._train, self._validation = prepared.model.extractors
        self._validation_batch = validation_batch
        self._validation_labels = validation_part.labels
        places = prepared.mean_image is not None
        self._features = self._validation_features = ()
        if self._train.points:
            number = order.count * order.views
            every = pipeline.ordered_batches(
                train_part,
                EveryView(**dataclasses.asdict(order)),
                # The training's own: rounding may depend on it.
                batch_size=recipe.batch_size,
                crop_size=recipe.crop_size,
                first_step=0,
                last_step=-(-number // recipe.batch_size),
                places=places,
            )
            self._features = compute(self._train, every, number, after_batch)
        if self._validation.points:
            central = pipeline.validation_batches(
                validation_part,
                batch_size=validation_batch,
                crop_size=recipe.crop_size,
                places=places,
            )
            number = len(validation_part.indices)
            self._validation_features = compute(
                self._validation, central, number, after_batch
            )

    def training(
        self, images: tf.data.Dataset, first_step: int, last_step: int
    ) -> tf.data.Dataset:
        """Batches as the training model wants them, but for their indices.

        Args:
          images: The images of these steps; not read if nobody looks at them.
          first_step: Number of the first batch.
          last_step: Number after the last batch.
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
        if not self._train.wants_images:
            return features
        return feature_batches.with_features(images, features)

    def validation(self, images: tf.data.Dataset) -> tf.data.Dataset:
        """Batches as the validation model wants them.

        Args:
          images: The images; not read if nobody looks at them.
        """
        if not self._validation.points:
            return images
        features = feature_batches.validation_features(
            self._validation_features,
            self._validation_labels,
            batch_size=self._validation_batch,
        )
        if not self._validation.wants_images:
            return features
        return feature_batches.with_features(images, features)


def compute(
    extractor: Extractor,
    batches: tf.data.Dataset,
    count: int,
    after_batch: Callable[[], None] = lambda: None,
) -> tuple[tf.Tensor, ...]:
    """What frozen layers make of images, in the CPU's memory.

    Args:
      extractor: The frozen layers.
      batches: Of (images, labels) or ((images, places), labels); what comes
        after the first `count` images is left out.
      count: Images.
      after_batch: Called after each batch; it may end all by raising.

    Returns:
      For each point of the extractor a tensor [count, ...].
    """
    model = extractor.model
    model.compile(jit_compile=keras.backend.backend() == "jax")
    arrays: list[np.ndarray] = []
    done = 0
    for inputs, _ in pipeline.without_autotuning(batches):
        inputs = inputs if isinstance(inputs, tuple) else (inputs,)
        found = model.predict_on_batch([value.numpy() for value in inputs])
        # Of one output Keras makes no list.
        found = found if isinstance(found, list) else [found]
        taken = min(len(found[0]), count - done)
        if not arrays:
            arrays = [np.empty((count, *a.shape[1:]), a.dtype) for a in found]
        for array, values in zip(arrays, found, strict=True):
            array[done : done + taken] = values[:taken]
        done += taken
        after_batch()
    tensors = []
    with tf.device("CPU:0"):
        # One after the other: no more than one of them is there twice.
        while arrays:
            tensors.append(tf.constant(arrays.pop(0)))
    return tuple(tensors)
