"""Exports a finished run as a TensorFlow SavedModel.

The model contains the preprocessing: the pixels that `decoding` and `pipeline` make.
"""

import os
import pathlib
import shutil

import keras
import tensorflow as tf

from yosinski_tf.data.decoding import UPRIGHT_SINCE
from yosinski_tf.export import decoding, description, pixel_checks, refusals
from yosinski_tf.machine import keras_settings
from yosinski_tf.models import stage_models
from yosinski_tf.models.cohort import build_network
from yosinski_tf.study import finished_run, image_source, records
from yosinski_tf.system import errors, files


def export(runs: pathlib.Path, run_id: str, out: pathlib.Path) -> pathlib.Path:
    """Writes a run's network as a SavedModel, all of it or nothing.

    It has three signatures:

    * `serving_default` takes `images`, uint8 [batch, height, width, 3], RGB, 0..255,
      of any height and width. `pixel_checks.check_uint8` refuses what it can.
    * `float_pixels` takes `pixels`, float32 of that shape, 0..255. Others are
      refused; fractions are rounded.
    * `jpeg_bytes` takes `jpeg`, string [batch], the contents of JPEG, PNG, GIF,
      BMP or WebP files of any sizes. It decodes them to the pixels of the training,
      or refuses them, see `decoding`.

    All return `probabilities` and `logits`, float32 [batch, classes],
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
        raise refusals.something_else(out, run_id)
    if keras.backend.backend() != "tensorflow":
        raise errors.UserError(
            "a SavedModel needs Keras on TensorFlow, found"
            f" {keras.backend.backend()}: set KERAS_BACKEND=tensorflow (weights"
            " trained on any backend will do)"
        )
    keras_settings.set_up()
    size = record.recipe["crop_size"]
    model = build_network(run.network, run.weights, input_size=size, mean=run.mean)
    # Images read by an earlier version are as the camera stored them.
    turned = image_source.decoding_version(runs) >= UPRIGHT_SINCE
    module = _Classifier(model, record, turned)
    signatures = {
        "serving_default": module.images,
        "float_pixels": module.floats,
        "jpeg_bytes": module.files,
    }
    temporary = files.temporary_beside(out)
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        with files.room_for(out):
            temporary.mkdir(parents=True)
            tf.saved_model.save(module, str(temporary), signatures=signatures)
            _describe(temporary, record, turned)
            os.replace(temporary, out)
    except (OSError, tf.errors.OpError) as error:
        # Another process may have written the same export meanwhile.
        if not description.is_export_of(out, record):
            raise refusals.cannot_write(out, error) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return out


class _Classifier(tf.Module):
    """The object to save: variables by layer name, and three functions.

    The Keras model is not an attribute, so that only what it computes is saved.
    """

    def __init__(self, model: keras.Model, record: records.Record, turned: bool):
        super().__init__(name=model.name)
        recipe = record.recipe
        image_size, crop_size = recipe["image_size"], recipe["crop_size"]
        margin = (image_size - crop_size) // 2
        inside = slice(margin, margin + crop_size)
        variables = stage_models.variables(model)
        self.weights = {name: each.value for name, each in variables.items()}
        # States of random generators, too, for dropout that is never turned off.
        self.values = [each.value for each in model.variables]

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
            with tf.control_dependencies([pixel_checks.check_uint8(images)]):
                return answers(decoding.warp(images, image_size))

        @tf.function(
            input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, "pixels")]
        )
        def floats(pixels):
            with tf.control_dependencies([pixel_checks.check_float(pixels)]):
                whole = tf.cast(tf.round(pixels), tf.uint8)
            return answers(decoding.warp(whole, image_size))

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "jpeg")])
        def files(jpeg):
            return answers(decoding.decode_files(jpeg, image_size, turned))

        self.images, self.floats, self.files = images, floats, files


def _describe(folder: pathlib.Path, record: records.Record, turned: bool) -> None:
    text = description.describe(
        record,
        signatures={
            "serving_default": "images",
            "float_pixels": "pixels",
            "jpeg_bytes": "jpeg",
        },
        photographs_turned_upright=turned,
        tensorflow=tf.__version__,
    )
    (folder / description.DESCRIPTION_NAME).write_text(text)
    labels = "".join(f"{name}\n" for name in record.class_names)
    (folder / description.LABELS_NAME).write_text(labels, "utf-8")
