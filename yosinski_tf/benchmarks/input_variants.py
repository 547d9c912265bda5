"""The pipelines that are compared: ours, the bare decoder, and the usual one."""

import dataclasses
import pathlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from yosinski_tf.benchmarks import photographs
from yosinski_tf.data.batches import pipeline
from yosinski_tf.data.batches.batch_map import map_batch
from yosinski_tf.data.batches.stored_batches import decoded_windows, keep_freed_memory
from yosinski_tf.data.sources import by_name
from yosinski_tf.data.sources.image_set import ImageSet, half_view
from yosinski_tf.machine.hardware import cores

_SEED = 1


@dataclasses.dataclass(frozen=True)
class Setting:
    """What all variants have in common.

    Attributes:
      image_size: Side of stored images, pixels.
      crop_size: Side of the crop, pixels.
      batch_size: Images of a batch.
      classes: Class indices of the half.
    """

    image_size: int
    crop_size: int
    batch_size: int
    classes: tuple[int, ...]


def part_of(images: ImageSet, setting: Setting) -> pipeline.HalfImages:
    """The training images of the half."""
    labels = np.asarray(images.train_labels)
    return pipeline.HalfImages(images.train_images, *half_view(labels, setting.classes))


def open_images(store: pathlib.Path, setting: Setting) -> ImageSet:
    """A store as a data set."""
    return by_name.load(f"store:{store}", image_size=setting.image_size)


def our_batches(
    part: pipeline.HalfImages, setting: Setting, first: int, steps: int
) -> tf.data.Dataset:
    """The program's own training batches."""
    batches = pipeline.training_batches(
        part,
        batch_size=setting.batch_size,
        crop_size=setting.crop_size,
        mirror=True,
        seed=_SEED,
        first_step=first,
        last_step=first + steps,
        places=True,
    )
    return pipeline.without_autotuning(batches)


def ours(
    part: pipeline.HalfImages, setting: Setting, first: int, steps: int
) -> Iterator[int]:
    """Sizes of the program's own batches as they come.

    The pipeline goes on, so that at the end as much is in hand as after the first
    batch: what was done before the measurement is made up for after it.
    """
    for _, labels in our_batches(part, setting, first, 2 * steps).take(steps):
        yield len(labels)


def encoded(part: pipeline.HalfImages, count: int) -> tf.Tensor:
    """JPEG files of some images of the part, in memory."""
    chosen = np.random.default_rng(_SEED).permutation(part.indices)[:count]
    with tf.device("CPU:0"):
        return tf.constant(part.images.read(chosen), tf.string)


def bare_decoder(
    files: tf.Tensor, setting: Setting, rounds: int, as_ours: bool = False
) -> Iterator[int]:
    """Random crops of files in memory, decoded on all cores and thrown away.

    Nothing is read, parsed, mirrored or put into a batch. Of the same windows, loops
    in Python or in TensorFlow, and tf.data, were not faster.

    Args:
      files: JPEG files.
      setting: What is common.
      rounds: How often to decode them all.
      as_ours: Whether to decode of each file what the program does, from which it
        cuts the crop afterwards, instead of the crop alone.
    """
    keep_freed_memory()
    window = _windows(setting, len(files))

    def values(data, window):
        # What nothing is made of is not decoded.
        return tf.size(tf.io.decode_and_crop_jpeg(data, window, channels=3))

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string),
            tf.TensorSpec([None, 4], tf.int32),
        ],
        autograph=False,
    )
    def decode(files, windows):
        found = map_batch(values, [files, windows], tf.TensorSpec([], tf.int32))
        return tf.math.count_nonzero(found)

    with tf.device("CPU:0"):
        windows = tf.constant(window, tf.int32)
        if as_ours:
            windows = decoded_windows(windows, setting.crop_size, setting.image_size)
        # The first few are the warming up of `measure`.
        first = int(decode(files[:64], windows[:64]))
    yield first
    with tf.device("CPU:0"):
        rest = sum(int(decode(files, windows)) for _ in range(rounds))
    yield rest


def bare_map(files: tf.Tensor, setting: Setting, rounds: int) -> Iterator[int]:
    """The crops alone as tf.data maps them, as many at a time as there are cores."""
    keep_freed_memory()
    count = len(files)
    windows = _windows(setting, count).astype(np.int32)
    examples = tf.data.Dataset.from_tensor_slices((files, windows))
    # Its tuner would have the end be waited for, see the function.
    examples = pipeline.without_autotuning(examples)

    def decode(data, window):
        return tf.io.decode_and_crop_jpeg(data, window, channels=3)

    # The first few are the warming up of `measure`.
    started = iter(examples.take(64).map(decode, cores()).skip(64))
    next(started, None)
    yield 64
    crops = examples.repeat(rounds).map(decode, cores(), deterministic=True)
    # Skipped within TensorFlow: Python would cost more than the decoding.
    for _ in crops.skip(rounds * count):
        pass
    yield rounds * count


def _windows(setting: Setting, count: int) -> np.ndarray:
    """Random places of crops, with their height and width, [count, 4]."""
    size = setting.crop_size
    free = setting.image_size - size + 1
    places = np.random.default_rng(_SEED).integers(0, free, (count, 2))
    return np.concatenate([places, np.full((count, 2), size)], axis=1)


def usual(
    folder: pathlib.Path, setting: Setting, steps: int, careful: bool = False
) -> Iterator[int]:
    """What is written by hand today, from full-size images.

    Args:
      folder: Where TensorFlow Datasets keeps them.
      setting: What is common.
      steps: Batches.
      careful: Whether only images of the half are decoded, by looking at labels
        first; the usual filter comes after `tfds.load`, which decodes.
    """
    half = tf.constant(setting.classes, tf.int64)
    decoders = {"image": tfds.decode.SkipDecoding()} if careful else None
    images = tfds.load(
        photographs.NAME,
        split="train",
        data_dir=str(folder),
        shuffle_files=True,
        decoders=decoders,
    )
    images = images.filter(lambda example: tf.reduce_any(example["label"] == half))

    def prepare(example):
        pixels = example["image"]
        if careful:
            pixels = tf.io.decode_jpeg(pixels, channels=3)
        pixels = tf.image.resize(pixels, [setting.image_size] * 2)
        pixels = tf.image.random_crop(pixels, [setting.crop_size] * 2 + [3])
        return tf.image.random_flip_left_right(pixels), example["label"]

    batches = (
        images.repeat()
        .map(prepare, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(setting.batch_size)
        .prefetch(tf.data.AUTOTUNE)
        .take(steps)
    )
    for _, labels in batches:
        yield len(labels)
