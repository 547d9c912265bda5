"""The same networks as a user of Keras would write them, for comparison.

Plain layers, `compile` and `fit`, default optimizer, images in memory as numbers:
none of this package's layers, optimizers or pipelines.
"""

import pathlib
import time
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from yosinski_tf.data.sources import study_copy
from yosinski_tf.data.sources.image_set import half_view
from yosinski_tf.experiment.networks import CaffeConv, Conv, EightLayers
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.machine.threads import set_threads
from yosinski_tf.models import surgery
from yosinski_tf.training.job import Job


def build(network: EightLayers, input_size: int, num_classes: int) -> keras.Model:
    """A network of plain Keras layers; those with weights have the usual names.

    Returns:
      A model, not compiled, from float32 images [batch, size, size, 3], the mean
      subtracted, to logits [batch, outputs]; initial values are Keras's own.
    """
    layers = keras.layers
    model = keras.Sequential([keras.Input((input_size, input_size, 3))])
    *hidden, classifier = network.layers
    for layer in hidden:
        convolution = isinstance(layer, Conv)
        if convolution:
            model.add(_convolution(layer))
        else:
            if len(model.output_shape) > 2:
                model.add(layers.Flatten())
            model.add(layers.Dense(layer.units, name=layer.name))
        model.add(layers.ReLU(negative_slope=network.negative_slope))
        if convolution and layer.pool:
            # Windows of 3 every 2 pixels are to cover the whole side.
            padding = "valid" if model.output_shape[1] % 2 else "same"
            model.add(layers.MaxPooling2D(layer.pool, 2, padding))
        if convolution and layer.lrn:
            model.add(_Normalization())
        if not convolution and layer.dropout:
            model.add(layers.Dropout(layer.dropout))
    model.add(layers.Dense(network.outputs(num_classes), name=classifier.name))
    return model


def _convolution(layer: Conv) -> keras.layers.Layer:
    caffe = isinstance(layer, CaffeConv)
    return keras.layers.Conv2D(
        layer.filters,
        layer.kernel,
        layer.stride,
        padding="valid" if caffe and not layer.padding else "same",
        groups=layer.groups if caffe else 1,
        name=layer.name,
    )


class _Normalization(keras.layers.Layer):
    def call(self, values):
        # Caffe divides alpha by the five channels, TensorFlow does not.
        return tf.nn.local_response_normalization(
            values, depth_radius=2, bias=1.0, alpha=1e-4 / 5, beta=0.75
        )


def compile_plainly(model: keras.Model, recipe: Recipe) -> None:
    """Default SGD with the recipe's rates and momentum; the accuracy as metric.

    It has no weight decay and one rate for kernels and biases, which makes it
    faster, not slower.
    """
    rate = recipe.learning_rate
    if recipe.rate_drops:
        drops, rates = list(recipe.rate_drops), list(recipe.rates)
        rate = keras.optimizers.schedules.PiecewiseConstantDecay(drops, rates)
    model.compile(
        optimizer=keras.optimizers.SGD(rate, momentum=recipe.momentum),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )


def as_numbers(
    images: np.ndarray, mean: Sequence[float], scale: float, crop_size: int
) -> np.ndarray:
    """Central crops as float32, minus the mean pixel, scaled."""
    margin = (images.shape[1] - crop_size) // 2
    inside = slice(margin, margin + crop_size)
    pixels = np.asarray(images[:, inside, inside]).astype(np.float32)
    pixels -= np.asarray(mean, np.float32)
    pixels *= scale
    return pixels


def train(
    job: Job, source: pathlib.Path | None = None, out: pathlib.Path | None = None
) -> list[float]:
    """Trains one network, from reading its images to its last validation.

    It takes as many steps and validations as the recipe says, and computes in float32
    on images minus the mean pixel. To be called in a new process, before TensorFlow
    has computed anything. Its first layers are copied from the weights file `source`;
    `out` is one to write.

    Returns:
      Training images per second in each period between two validations, without the
      first period, in which the model is compiled.
    """
    set_threads(job.threads)
    recipe, treatment = job.recipe, job.cohort.runs[0].treatment
    images = study_copy.load(job.images)
    classes = job.cohort.split.classes(treatment.target)
    chosen, labels = half_view(np.asarray(images.train_labels), classes)
    pixels = images.train_images[chosen]
    mean = pixels.mean(axis=(0, 1, 2), dtype=np.float64)
    scaling = mean, job.network.pixel_scale, recipe.crop_size
    x = as_numbers(pixels, *scaling)
    held, held_labels = half_view(np.asarray(images.validation_labels), classes)
    held_x = as_numbers(images.validation_images[held], *scaling)

    model = build(job.network, recipe.crop_size, len(classes))
    names = job.network.stage_names
    if source:
        weights = surgery.read_weights(source)
        for name in names[: treatment.copied_layers]:
            values = [weights[f"{name}/kernel"], weights[f"{name}/bias"]]
            model.get_layer(name).set_weights(values)
    for name in names[: treatment.frozen_layers]:
        model.get_layer(name).trainable = False
    compile_plainly(model, recipe)

    random, done, rates = np.random.default_rng(), 0, []
    for end in recipe.validation_steps():
        # As many images as the steps up to the next validation take.
        count = (end - done) * recipe.batch_size
        part = np.resize(random.permutation(len(x)), count)
        batches, part_labels = x[part], labels[part]
        started = time.perf_counter()
        model.fit(batches, part_labels, batch_size=recipe.batch_size, verbose=0)
        rates.append(count / (time.perf_counter() - started))
        model.evaluate(held_x, held_labels, batch_size=250, verbose=0)
        done = end
    if out:
        kept = [(layer, value) for layer in model.layers for value in layer.weights]
        np.savez(out, **{f"{layer.name}/{v.name}": v.numpy() for layer, v in kept})
    return rates[1:]
