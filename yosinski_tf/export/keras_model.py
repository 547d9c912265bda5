"""Exports a finished run as a `.keras` file, which needs nothing but Keras."""

import json
import os
import pathlib
import shutil

import keras

from yosinski_tf.experiment.treatments import parse_treatment
from yosinski_tf.export import description, refusals
from yosinski_tf.machine import keras_settings
from yosinski_tf.models import keras_archive
from yosinski_tf.models.plain_network import plain_network
from yosinski_tf.study.finished_run import read_finished_run
from yosinski_tf.system import errors, files


def export(runs: pathlib.Path, run_id: str, out: pathlib.Path) -> pathlib.Path:
    """Writes a run's network as a `.keras` file, all of it or nothing.

    `keras.models.load_model` makes of it a functional model of Keras' own layers and
    operations, named as in the network. It takes `images`, float32 or uint8 [batch,
    crop, crop, 3], RGB, 0..255, and returns `probabilities`, float32 [batch, classes],
    whose sum is 1. It scales the pixels itself, but it takes central crops: images are
    resized to the image size of the run and cropped before. Layers that the run kept
    frozen have `trainable` False.

    Beside `out`, which ends in `.keras` and is returned, lies a description that ends
    in `.export.json`: the run, the sizes, and the class names in the order of the
    outputs. If `out` is already an export of the same weights, nothing is done.

    Raises:
      UserError: If the run cannot be used (see `read_finished_run`), it cannot be
        written in Keras' own layers, or `out` or its description is something else or
        cannot be written to.
    """
    run = read_finished_run(runs, run_id)
    record, about = run.record, description.beside(out)
    ours = description.describes(about, record)
    if ours and out.is_file():
        return out
    for path in (out, about):
        if path.exists() and not (ours and path == about):
            raise refusals.something_else(path, run_id)
    keras_settings.set_up()
    model = plain_network(
        run.network,
        run.weights,
        input_size=record.recipe["crop_size"],
        num_classes=record.num_classes,
        mean=run.mean,
        frozen=parse_treatment(record.treatment).frozen_layers,
    )
    _check_classes(model, record.network)
    temporary = files.temporary_beside(out)
    try:
        with files.room_for(out):
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            model.save(temporary / out.name)
            text = description.describe(record, keras=keras.__version__)
            files.write_atomically(about, text.encode())
            # Last, so that there is no model without a description.
            os.replace(temporary / out.name, out)
    except OSError as error:
        raise refusals.cannot_write(out, error) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return out


def _check_classes(model: keras.Model, name: str) -> None:
    """Refuses a network with classes or functions that Keras does not have."""
    for each in keras_archive.described_objects(json.loads(model.to_json())):
        home, kind = each.get("module"), each["class_name"]
        # Without a module, it is Keras' mark for a value, such as a slice.
        if kind == "function" or (home and home.split(".")[0] != "keras"):
            found = each["config"] if kind == "function" else f"{kind} of {home}"
            raise errors.UserError(
                f"a .keras file needs a network of Keras' own layers, found {found} in"
                f" {name}: export a SavedModel, which needs no classes"
            )
