"""The same networks as a user of Keras would write them, for comparison.

Plain layers, `compile` and `fit`, default optimizer, images in memory as numbers:
none of this package's layers, optimizers or pipelines.
"""

import dataclasses
import pathlib
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from yosinski_tf.data.sources import study_copy
from yosinski_tf.data.sources.image_set import half_view
from yosinski_tf.experiment.networks import CaffeConv, Conv, Network
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.experiment.treatments import parse_treatment
from yosinski_tf.machine.threads import Threads, set_threads
from yosinski_tf.models import surgery

_SLOPE = 0.1


def build(network: Network, input_size: int, num_classes: int) -> keras.Model:
    """A network of plain Keras layers, its layers with weights named alike.

    Args:
      network: The description; initial values are Keras' own.
      input_size: Side of the square images, pixels.
      num_classes: Classes.

    Returns:
      A model, not compiled, from float32 images [batch, size, size, 3], the mean
      subtracted, to logits [batch, outputs].
    """
    model = keras.Sequential([keras.Input((input_size, input_size, 3))])
    last = network.layers[-1]
    for layer in network.layers:
        if isinstance(layer, Conv):
            model.add(_convolution(layer))
        else:
            if len(model.output_shape) > 2:
                model.add(keras.layers.Flatten())
            units = network.outputs(num_classes) if layer is last else layer.units
            model.add(keras.layers.Dense(units, name=layer.name))
        if layer is last:
            return model
        if network.activation == "leaky_relu":
            model.add(keras.layers.LeakyReLU(_SLOPE))
        else:
            model.add(keras.layers.ReLU())
        if isinstance(layer, Conv):
            if layer.pool:
                model.add(keras.layers.MaxPooling2D(layer.pool, 2, _padding(model)))
            if layer.lrn:
                model.add(_Normalization())
        elif layer.dropout:
            model.add(keras.layers.Dropout(layer.dropout))
    raise ValueError("wanted a network with layers")


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


def _padding(model: keras.Model) -> str:
    """What makes windows of 3 every 2 pixels cover an image's whole side."""
    return "valid" if model.output_shape[1] % 2 else "same"


class _Normalization(keras.layers.Layer):
    def call(self, values):
        # Caffe divides alpha by the five channels, TensorFlow does not.
        return tf.nn.local_response_normalization(
            values, depth_radius=2, bias=1.0, alpha=1e-4 / 5, beta=0.75
        )


def compile_plainly(model: keras.Model, recipe: Recipe) -> None:
    """Default SGD with the recipe's rates and momentum; the accuracy as metric.

    No weight decay and no rates of biases' own: that makes it faster, not slower.
    """
    rate = recipe.learning_rate
    if recipe.rate_drops:
        rate = keras.optimizers.schedules.PiecewiseConstantDecay(
            list(recipe.rate_drops),
            [rate * recipe.drop_factor**k for k in range(len(recipe.rate_drops) + 1)],
        )
    model.compile(
        optimizer=keras.optimizers.SGD(rate, momentum=recipe.momentum),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )


def as_numbers(
    images: np.ndarray, mean: Sequence[float], scale: float, crop_size: int
) -> np.ndarray:
    """Central crops as float32 numbers, less the mean pixel, scaled."""
    margin = (images.shape[1] - crop_size) // 2
    inside = slice(margin, margin + crop_size)
    pixels = np.asarray(images[:, inside, inside]).astype(np.float32)
    pixels -= np.asarray(mean, np.float32)
    pixels *= scale
    return pixels


def steps_of(
    model: keras.Model, x: np.ndarray, y: np.ndarray, batch_size: int, steps: int
) -> Iterator[int]:
    """Images of a `fit` of so many steps on images in memory, after a first of none.

    Args:
      model: Compiled.
      x: Images; used again if there are too few.
      y: Labels.
      batch_size: Images per step.
      steps: Steps.
    """
    yield 0
    left = steps
    while left:
        # Whole epochs of all images, then what is missing.
        now = min(left, len(x) // batch_size)
        count = now * batch_size
        model.fit(x[:count], y[:count], batch_size=batch_size, epochs=1, verbose=0)
        left -= now
    yield steps * batch_size


@dataclasses.dataclass(frozen=True)
class Task:
    """One network to train alone.

    Attributes:
      images: Folder of the data set's arrays, see `data.cache`.
      classes: Class indices of the half.
      network: The network.
      recipe: The recipe; `precision` counts for nothing, it is float32.
      treatment: Its name.
      source: Weights that its first layers are copied from; None for none.
      out: Where its weights go; None to drop them.
      threads: Threads that compute.
    """

    images: pathlib.Path
    classes: tuple[int, ...]
    network: Network
    recipe: Recipe
    treatment: str
    source: pathlib.Path | None
    out: pathlib.Path | None
    threads: Threads


def train_alone(task: Task) -> float:
    """Trains one network from reading its images to its last validation.

    As many steps and validations as in the recipe. To be called in a process of
    its own, before TensorFlow has computed anything.

    Returns:
      The share of validation images classified right at the end.
    """
    set_threads(task.threads)
    recipe, treatment = task.recipe, parse_treatment(task.treatment)
    images = study_copy.load(task.images)
    chosen, labels = half_view(np.asarray(images.train_labels), task.classes)
    pixels = images.train_images[chosen]
    mean = pixels.mean(axis=(0, 1, 2), dtype=np.float64)
    scaling = mean, task.network.pixel_scale, recipe.crop_size
    x = as_numbers(pixels, *scaling)
    held, held_labels = half_view(np.asarray(images.validation_labels), task.classes)
    held_x = as_numbers(images.validation_images[held], *scaling)

    model = build(task.network, recipe.crop_size, len(task.classes))
    if task.source:
        source = surgery.read_weights(task.source)
        for name in task.network.layer_names[: treatment.copied_layers]:
            model.get_layer(name).set_weights(
                [source[f"{name}/kernel"], source[f"{name}/bias"]]
            )
    for name in task.network.layer_names[: treatment.frozen_layers]:
        model.get_layer(name).trainable = False
    compile_plainly(model, recipe)

    random, done, history = np.random.default_rng(), 0, None
    for end in recipe.validation_steps():
        # As many images as make the steps up to the next validation.
        count = (end - done) * recipe.batch_size
        part = np.resize(random.permutation(len(x)), count)
        history = model.fit(
            x[part],
            labels[part],
            batch_size=recipe.batch_size,
            validation_data=(held_x, held_labels),
            validation_batch_size=250,
            verbose=0,
        )
        done = end
    if task.out:
        np.savez(task.out, **_weights(model, task.network))
    return history.history["val_accuracy"][-1]


def _weights(model: keras.Model, network: Network) -> surgery.Weights:
    values: surgery.Weights = {}
    for name in network.layer_names:
        kernel, bias = model.get_layer(name).get_weights()
        values[f"{name}/kernel"], values[f"{name}/bias"] = kernel, bias
    return values
