"""Exports a finished run as a TensorFlow SavedModel.

The model contains the preprocessing: the pixels that `decoding` and `pipeline` make.
"""

import functools
import json
import os
import pathlib
import shutil

import keras
import tensorflow as tf

from yosinski_tf.data.decoding import DRAFT_FACTOR
from yosinski_tf.export import description
from yosinski_tf.models.cohort import build_network
from yosinski_tf.study import finished_run, records
from yosinski_tf.system import errors, files


def export(runs: pathlib.Path, run_id: str, out: pathlib.Path) -> pathlib.Path:
    """Writes a run's network as a SavedModel, all of it or nothing.

    It has two signatures:

    * `serving_default` takes `images`, uint8 [batch, height, width, 3], RGB, of any
      height and width.
    * `jpeg_bytes` takes `jpeg`, string [batch], the contents of JPEG, PNG, GIF or
      BMP files of any sizes.

    Both return `probabilities` and `logits`, float32 [batch, classes],
    `predicted_class`, string [batch], and `class_names`, string [classes]. Outputs
    beyond the classes of the half are left out, and the probabilities of the others
    sum to 1.

    The model computes in float32. The results of a run trained in bfloat16 or
    float16 agree with it only to that precision. Beside it lie `labels.txt`, one
    class name per line in the order of the outputs, and `export.json`, which
    identifies the run. If the folder `out`, which is returned, is already an export of
    the same weights, nothing is done.

    Raises:
      UserError: If the run cannot be used (see `read_finished_run`), `out` holds
        something else or cannot be written to, or Keras runs on another backend
        than TensorFlow.
    """
    run = finished_run.read_finished_run(runs, run_id)
    record = run.record
    if description.is_export_of(out, record):
        return out
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise errors.UserError(
            f"{out} holds something else than an export of {run_id}: move it away,"
            " or export to another folder"
        )
    if keras.backend.backend() != "tensorflow":
        raise errors.UserError(
            "a SavedModel needs Keras on TensorFlow, found"
            f" {keras.backend.backend()}: set KERAS_BACKEND=tensorflow (weights"
            " trained on any backend will do)"
        )
    size = record.recipe["crop_size"]
    model = build_network(run.network, run.weights, input_size=size, mean=run.mean)
    module = _Classifier(model, record)
    signatures = {"serving_default": module.images, "jpeg_bytes": module.files}
    temporary = files.temporary_beside(out)
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        with files.room_for(out):
            temporary.mkdir(parents=True)
            tf.saved_model.save(module, str(temporary), signatures=signatures)
            _describe(temporary, record)
            os.replace(temporary, out)
    except (OSError, tf.errors.OpError) as error:
        # Another process may have written the same export meanwhile.
        if not description.is_export_of(out, record):
            reason = getattr(error, "strerror", None) or getattr(error, "message", "")
            raise errors.UserError(
                f"cannot write the export to {out} ({reason or type(error).__name__}):"
                " name a writable folder on a disk with room"
            ) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return out


def warp(images: tf.Tensor, image_size: int) -> tf.Tensor:
    """Resizes images to a square, ignoring their aspect ratio.

    This is `decoding.warp` in TensorFlow: Lanczos with antialiasing, first along
    the rows, then along the columns, rounded to whole numbers after each. On
    ImageNet photographs (to 32 and 64 pixels) it differs from Pillow by at most 1
    of 255, on average by at most 0.001. Pillow from version 13 resizes some tall
    images along the columns first: there the average is up to 0.15 (64 pixels) or
    0.3 (256 pixels).

    Args:
      images: uint8 [height, width, 3] or [batch, height, width, 3].
      image_size: Height and width of the result.

    Returns:
      uint8, as `images` of the new size; the same pixels if that was their size.
    """

    def resize(pixels, height, width):
        resized = tf.image.resize(
            pixels, [height, width], tf.image.ResizeMethod.LANCZOS3, antialias=True
        )
        return tf.clip_by_value(tf.round(resized), 0, 255)

    def resized():
        rows = resize(images, tf.shape(images)[-3], image_size)
        return tf.cast(resize(rows, image_size, image_size), tf.uint8)

    same = tf.reduce_all(tf.shape(images)[-3:-1] == image_size)
    result = tf.cond(same, lambda: images, resized)
    return tf.ensure_shape(result, [*images.shape[:-3], image_size, image_size, 3])


def decode(data: tf.Tensor, image_size: int) -> tf.Tensor:
    """Decodes one image file and warps it, as `decoding.decode_image` does.

    JPEG files are decoded to the same pixels as by Pillow, at reduced size if they
    are large; only `warp` differs.

    Args:
      data: string [], the content of a JPEG, PNG, GIF (first frame) or BMP file.
      image_size: Height and width of the result.

    Returns:
      uint8 [image_size, image_size, 3], RGB.
    """

    def decode_jpeg(ratio):
        return tf.io.decode_jpeg(
            data, channels=3, ratio=ratio, dct_method="INTEGER_ACCURATE"
        )

    def jpeg():
        smaller = tf.reduce_min(tf.io.extract_jpeg_shape(data)[:2])
        scale = smaller // (image_size * DRAFT_FACTOR)
        ratios = [
            (scale >= ratio, functools.partial(decode_jpeg, ratio))
            for ratio in (8, 4, 2)
        ]
        return tf.case(ratios, default=functools.partial(decode_jpeg, 1))

    def other():
        return tf.io.decode_image(data, channels=3, expand_animations=False)

    pixels = tf.cond(tf.io.is_jpeg(data), jpeg, other)
    return warp(tf.ensure_shape(pixels, [None, None, 3]), image_size)


class _Classifier(tf.Module):
    """The object to save: variables by layer name, and two functions.

    The Keras model is not an attribute, so that only what it computes is saved.
    """

    def __init__(self, model: keras.Model, record: records.Record):
        super().__init__(name=record.network)
        recipe = record.recipe
        image_size, crop_size = recipe["image_size"], recipe["crop_size"]
        margin = (image_size - crop_size) // 2
        inside = slice(margin, margin + crop_size)
        self.weights = {
            f"{layer.name}/{variable.name}": variable.value
            for layer in model.layers
            for variable in layer.weights
            if variable.name in ("kernel", "bias")
        }

        def answers(pixels):
            logits = model(pixels[:, inside, inside], training=False)
            logits = logits[:, : len(record.class_names)]
            class_names = tf.constant(record.class_names)
            return {
                "probabilities": tf.nn.softmax(logits),
                "logits": tf.identity(logits),
                "predicted_class": tf.gather(class_names, tf.argmax(logits, axis=1)),
                "class_names": class_names,
            }

        @tf.function(
            input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "images")]
        )
        def images(images):
            return answers(warp(images, image_size))

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "jpeg")])
        def files(jpeg):
            pixels = tf.map_fn(
                lambda data: decode(data, image_size),
                jpeg,
                fn_output_signature=tf.TensorSpec(
                    [image_size, image_size, 3], tf.uint8
                ),
            )
            return answers(pixels)

        self.images, self.files = images, files


def _describe(folder: pathlib.Path, record: records.Record) -> None:
    fields = {
        **description.identity(record),
        "treatment": record.treatment,
        "split": record.split,
        "dataset": record.dataset,
        "network": record.network,
        "top1": record.top1,
        "precision_in_training": record.recipe.get("precision", "float32"),
        "image_size": record.recipe["image_size"],
        "crop_size": record.recipe["crop_size"],
        "signatures": {"serving_default": "images", "jpeg_bytes": "jpeg"},
        "tensorflow": tf.__version__,
    }
    text = json.dumps(fields, indent=1)
    (folder / description.DESCRIPTION_NAME).write_text(text)
    labels = "".join(f"{name}\n" for name in record.class_names)
    (folder / description.LABELS_NAME).write_text(labels, "utf-8")
