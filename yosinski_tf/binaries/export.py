"""Exports a finished run as a TensorFlow SavedModel or a `.keras` file."""

import os
import pathlib

from absl import flags, logging

from yosinski_tf.binaries.job import best_run, command_line, shared_flags
from yosinski_tf.export import description
from yosinski_tf.machine import keras_settings, keras_start
from yosinski_tf.results.network_result import finished_networks
from yosinski_tf.study.finished_run import read_finished_run
from yosinski_tf.study.records import read_records
from yosinski_tf.system.errors import UserError

FLAGS = flags.FLAGS
_SUMMARY = """yosinski-export: a finished run as a SavedModel or a .keras file.

A SavedModel takes images of any size, or JPEG files, and returns probabilities and
class names. It needs only TensorFlow.
A .keras file takes pixels of the size of the crop, 0..255, and returns probabilities.
It needs only Keras.
Example: yosinski-export --runs=runs/mine --run=random-0_A3B+_seed0"""


def _main() -> None:
    if not FLAGS.run:
        raise UserError(
            "--run names nothing to export: give best, or the id of a run, a folder in"
            f" {FLAGS.runs}"
        )
    runs = pathlib.Path(FLAGS.runs)
    as_keras = FLAGS.format == "keras"
    out = pathlib.Path(FLAGS.out or "")
    if FLAGS.out and as_keras and out.suffix != ".keras":
        raise UserError(
            f"--format=keras needs a file that ends in .keras, found --out={FLAGS.out}:"
            " name one"
        )
    run_id = _run_id(runs)
    # Refuses a run before TensorFlow is loaded, which takes seconds.
    read_finished_run(runs, run_id)
    if not FLAGS.out:
        out = runs / "export" / f"{run_id}{'.keras' if as_keras else ''}"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.set_verbosity(logging.WARNING)
    if not as_keras:
        # Only TensorFlow can write a SavedModel, whichever backend trained the network.
        os.environ["KERAS_BACKEND"] = "tensorflow"
    keras_settings.check()
    keras_start.load()
    if as_keras:
        _keras_file(runs, run_id, out)
    else:
        _saved_model(runs, run_id, out)


def _run_id(runs: pathlib.Path) -> str:
    """The id of the run that `--run` names or that the study recommends."""
    if FLAGS.run in best_run.NAMES:
        networks = finished_networks(read_records(runs)).networks
        return best_run.find("run", FLAGS.run, networks, FLAGS.measure)
    if FLAGS.run.startswith("best"):
        raise UserError(
            f"--run needs {', '.join(best_run.NAMES)} or the id of a run, found"
            f" {FLAGS.run!r}: give one"
        )
    return FLAGS.run


def _keras_file(runs: pathlib.Path, run_id: str, out: pathlib.Path) -> None:
    from yosinski_tf.export import keras_model

    file = keras_model.export(runs, run_id, out)
    print(f"Keras model  {file}")
    print(f"Classes      {description.beside(file)}\n")
    print("import json, keras")
    print(f"model = keras.models.load_model({str(file)!r})")
    print(f"names = json.load(open({str(description.beside(file))!r}))['class_names']")
    print("probabilities = model.predict(pixels)  # 0..255, [batch, height, width, 3]")


def _saved_model(runs: pathlib.Path, run_id: str, out: pathlib.Path) -> None:
    from yosinski_tf.export import saved_model

    folder = saved_model.export(runs, run_id, out)
    print(f"SavedModel  {folder}")
    print(f"Classes     {folder / description.LABELS_NAME}\n")
    print("import pathlib, tensorflow as tf")
    print(f"classify = tf.saved_model.load({str(folder)!r}).signatures['jpeg_bytes']")
    print(
        "print(classify(jpeg=tf.constant([pathlib.Path('photo.jpg').read_bytes()]))"
        "['predicted_class'])"
    )


def run() -> None:
    """Entry point."""
    shared_flags.define_all()
    own = {
        "run": (
            None,
            "Id of the run, the name of its folder; or best, the one that the report"
            " recommends (best:A for the classes of half A).",
            str,
        ),
        "format": (
            "saved_model",
            "saved_model, or keras for a file that Keras alone can load.",
            ["saved_model", "keras"],
        ),
        "out": (
            None,
            "Folder, or file ending in .keras, to make (default: RUNS/export/RUN, with"
            " .keras).",
            str,
        ),
    }
    command_line.define(own)
    command_line.run(_main, _SUMMARY, [("What to export", ("runs", *own, "measure"))])


if __name__ == "__main__":
    run()
