"""The input pipeline against the bare decoder and the usual pipeline.

Also the time to the first batch, the memory of each pipeline, and the disk that a
store takes in place of copies.
"""

import dataclasses
import hashlib
import json
import pathlib
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from yosinski_tf.benchmarks import measuring, photographs
from yosinski_tf.benchmarks.measuring import Sample, in_new_process, measure, tell
from yosinski_tf.benchmarks.table import Tables
from yosinski_tf.data.batches import pipeline, stored_batches
from yosinski_tf.data.sources.image_set import half_view, stored_image_set
from yosinski_tf.data.store.format import Store, open_store
from yosinski_tf.experiment.paper_plans import REDUCED_COUNTS
from yosinski_tf.experiment.splits import make_split
from yosinski_tf.machine.hardware import cores

OURS, OURS_RAW = "ours", "ours, raw"
BARE = ("bare decoder", "bare decoder, our windows", "bare decoder, tf.data")
# The second looks at labels before it decodes.
USUAL = ("usual", "usual, labels first")
VARIANTS = (*BARE, OURS, OURS_RAW, *USUAL)
_BARE_IMAGES, _WARM_UP_IMAGES = 4096, 64
_FIRST_BATCHES, _FAR = 5, 1_000_000
_MEMORY_STEPS = 24
_SEED = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request(measuring.Request):
    """The flags of `yosinski-benchmark input`, sizes in pixels."""

    photographs: str
    records: int
    image_size: int
    crop_size: int
    batch_size: int

    @property
    def folder(self) -> pathlib.Path:
        """Folder for these images and their stores: one for each kind of images."""
        made_of = json.dumps([self.photographs, self.records, self.image_size])
        digest = hashlib.sha256(made_of.encode()).hexdigest()
        return self.work / f"images_{digest[:10]}"

    def make_stores(self, *encodings: str) -> list[Store]:
        """Makes the images and their stores, see `photographs.make_stores`."""
        made_of = self.photographs, self.records, self.image_size
        return photographs.make_stores(self.folder, *made_of, encodings)


def run(request: Request) -> Tables:
    """Makes the images and stores, and measures everything on them.

    Raises:
      UserError: See `photographs.make_stores`.
    """
    store, _ = request.make_stores("jpeg", "raw")
    samples = measure_rates(request)
    pairs = [*((OURS, other) for other in (*BARE, *USUAL)), (OURS_RAW, OURS)]
    return {
        "Input": measuring.rows(samples),
        "Times as fast, within a round": measuring.ratios(samples, pairs),
        "First batch of an open store": _first_batches(request),
        "Memory beyond TensorFlow's own": _memory(request, store),
        "Disk": _disk(request, store),
    }


def measure_rates(
    request: Request, variants: Sequence[str] = VARIANTS
) -> dict[str, list[Sample]]:
    """One sample of each variant a round, every round in a process of its own."""
    found = []
    for number in range(request.rounds):
        tell(f"input: round {number + 1} of {request.rounds}")
        # Where its memory happens to lie makes the decoder up to 15% faster or
        # slower for as long as a process lives.
        names = measuring.turns(variants, number)
        found.append(in_new_process(_measure_round, request, names))
    return {name: [samples[name] for samples in found] for name in variants}


def _measure_round(request: Request, names: Sequence[str]) -> dict[str, Sample]:
    jpeg, steps = _half(request, "jpeg"), request.steps
    few = max(3, steps // 3)
    chosen = np.random.default_rng(_SEED).permutation(jpeg.indices)[:_BARE_IMAGES]
    repeats = max(1, round(steps * request.batch_size / len(chosen)))
    with tf.device("CPU:0"):
        files = tf.constant(jpeg.images.read(chosen), tf.string)
        windows = tf.constant(_windows(request, len(chosen)))
        ours = stored_batches.decoded_windows(
            windows, request.crop_size, request.image_size
        )
        start = {
            BARE[0]: partial(bare_decoder, files, windows, repeats),
            BARE[1]: partial(bare_decoder, files, ours, repeats),
            BARE[2]: partial(bare_map, files, windows, repeats),
            OURS: partial(_ours, jpeg, request, steps),
            # Only when it is asked for: there may be no such store.
            OURS_RAW: lambda: _ours(_half(request, "raw"), request, steps),
            USUAL[0]: partial(_usual, request, few),
            USUAL[1]: partial(_usual, request, few, labels_first=True),
        }
        for name in reversed(names):  # Warms up.
            measure(start[name]())
        return {name: measure(start[name]()) for name in names}


def _half(request: Request, encoding: str) -> pipeline.HalfImages:
    """The training images of half A of a store."""
    images = stored_image_set(open_store(request.folder / encoding))
    classes = make_split("random:0", images.class_names).classes("A")
    view = half_view(np.asarray(images.train_labels), classes)
    return pipeline.HalfImages(images.train_images, *view)


def _windows(request: Request, count: int) -> np.ndarray:
    """Random crops: top, left, height and width, int32 [count, 4]."""
    size = request.crop_size
    free = request.image_size - size + 1
    places = np.random.default_rng(_SEED).integers(0, free, (count, 2), np.int32)
    return np.pad(places, ((0, 0), (0, 2)), constant_values=size)


def _ours(
    part: pipeline.HalfImages, request: Request, steps: int, first: int = 0
) -> Iterator[int]:
    """The program's own training batches.

    The pipeline goes on after the last batch, so that it has as many batches ready
    at the end of the measurement as at its beginning.
    """
    batches = pipeline.training_batches(
        part,
        pipeline.order_of(part, crop_size=request.crop_size, mirror=True, seed=_SEED),
        batch_size=request.batch_size,
        first_step=first,
        last_step=first + 2 * steps,
        places=True,
    )
    for _, labels in pipeline.without_autotuning(batches).take(steps):
        yield len(labels)


def bare_decoder(files: tf.Tensor, windows: tf.Tensor, repeats: int) -> Iterator[int]:
    """Windows of JPEG files in memory, decoded on all cores and thrown away.

    Nothing is read, parsed, mirrored or put into a batch. Loops in Python or in
    TensorFlow were not faster on the same windows, int32 [count, 4].
    """
    stored_batches.keep_freed_memory()

    def values(data, window):
        # TensorFlow would not decode what is not used.
        return tf.size(tf.io.decode_and_crop_jpeg(data, window, channels=3))

    signature = [tf.TensorSpec([None], tf.string), tf.TensorSpec([None, 4], tf.int32)]

    @tf.function(input_signature=signature, autograph=False)
    def decode(files, windows):
        found = stored_batches.map_batch(
            values, [files, windows], tf.TensorSpec([], tf.int32)
        )
        return tf.math.count_nonzero(found)

    yield int(decode(files[:_WARM_UP_IMAGES], windows[:_WARM_UP_IMAGES]))
    yield sum(int(decode(files, windows)) for _ in range(repeats))


def bare_map(files: tf.Tensor, windows: tf.Tensor, repeats: int) -> Iterator[int]:
    """As `bare_decoder`, but mapped by tf.data on all cores."""
    stored_batches.keep_freed_memory()
    examples = tf.data.Dataset.from_tensor_slices((files, windows)).repeat()
    examples = pipeline.without_autotuning(examples)

    def decode(data, window):
        return tf.io.decode_and_crop_jpeg(data, window, channels=3)

    for count in (_WARM_UP_IMAGES, repeats * len(files)):
        crops = examples.take(count).map(decode, cores(), deterministic=True)
        # Skipped within TensorFlow: a loop in Python would take longer than decoding.
        for _ in crops.skip(count):
            pass
        yield count


def _usual(request: Request, steps: int, labels_first: bool = False) -> Iterator[int]:
    """The pipeline that is written by hand today, from full-size images.

    The usual filter comes after `tfds.load`, which decodes all images; with
    `labels_first` only those of the half are decoded.
    """
    images = tfds.load(
        photographs.NAME,
        split="train",
        data_dir=str(request.folder / "full"),
        shuffle_files=True,
        decoders={"image": tfds.decode.SkipDecoding()} if labels_first else None,
    )
    names = open_store(request.folder / "jpeg").class_names
    half = tf.constant(make_split("random:0", names).classes("A"), tf.int64)
    images = images.filter(lambda example: tf.reduce_any(example["label"] == half))

    def prepare(example):
        pixels = example["image"]
        if labels_first:
            pixels = tf.io.decode_jpeg(pixels, channels=3)
        pixels = tf.image.resize(pixels, [request.image_size] * 2)
        pixels = tf.image.random_crop(pixels, [request.crop_size] * 2 + [3])
        return tf.image.random_flip_left_right(pixels), example["label"]

    batches = images.repeat().map(prepare, num_parallel_calls=tf.data.AUTOTUNE)
    batches = batches.batch(request.batch_size).prefetch(tf.data.AUTOTUNE)
    for _, labels in batches.take(steps):
        yield len(labels)


def _first_batches(request: Request) -> list[dict[str, Any]]:
    part = _half(request, "jpeg")

    def first_batch(step: int) -> Sample:
        started = time.perf_counter()
        next(_ours(part, request, request.steps, step))
        return {"seconds": time.perf_counter() - started}

    first_batch(0)  # TensorFlow's own start is not counted.
    steps = {f"step {step:,}": partial(first_batch, step) for step in (0, _FAR)}
    return measuring.rows(measuring.rounds("first batch", _FIRST_BATCHES, steps))


def _memory(request: Request, store: Store) -> list[dict[str, Any]]:
    added = {}
    for name in (OURS, OURS_RAW, USUAL[0]):
        tell(f"input: memory, {name}")
        added[name] = in_new_process(_added_memory, request, name)
    added["an array of all images"] = store.num_images * request.image_size**2 * 3
    return [{"variant": name, "MB": size / 1e6} for name, size in added.items()]


def _added_memory(request: Request, name: str) -> int:
    """Bytes that a pipeline adds to the peak of a process of its own."""
    part = _half(request, "raw" if name == OURS_RAW else "jpeg")
    # TensorFlow's own memory is there after a first small batch.
    list(_ours(part, dataclasses.replace(request, batch_size=1), 1))
    before = measuring.peak_memory()
    if name == USUAL[0]:
        list(_usual(request, _MEMORY_STEPS // 3))
    else:
        list(_ours(part, request, _MEMORY_STEPS))
    return measuring.peak_memory() - before


def _disk(request: Request, store: Store) -> list[dict[str, Any]]:
    """One store, against copies for the halves of five splits and the reduced sets."""
    labels = np.asarray(store.labels("train"))
    splits = [make_split(f"random:{seed}", store.class_names) for seed in range(5)]
    lists = [half_view(labels, s.classes(half)) for s in splits for half in "AB"]
    everything = range(len(store.class_names))
    lists += [half_view(labels, everything, count) for count in REDUCED_COUNTS]
    copied = sum(len(indices) for indices, _ in lists) / len(labels)
    copies = copied * store.parts["train"].num_bytes
    sizes = {
        "the full-size images": photographs.size_on_disk(request.folder / "full"),
        "one store, JPEG": photographs.size_on_disk(store.folder),
        "copies for ten halves and twelve reduced sets": copies,
    }
    return [{"kept": what, "MB": size / 1e6} for what, size in sizes.items()]
