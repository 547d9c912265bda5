"""Exports a finished run as a TensorFlow SavedModel."""

import os
import pathlib

from absl import flags, logging

from yosinski_tf.binaries.job import command_line, shared_flags
from yosinski_tf.export.description import LABELS_NAME
from yosinski_tf.study.finished_run import read_finished_run
from yosinski_tf.system.errors import UserError

FLAGS = flags.FLAGS
_SUMMARY = """yosinski-export: a finished run as a TensorFlow SavedModel.

It takes images of any size, or JPEG files, and returns probabilities and class
names. It needs only TensorFlow.
Example: yosinski-export --runs=runs/mine --run=random-0_A3B+_seed0"""


def _main() -> None:
    if not FLAGS.run:
        raise UserError(
            "--run names nothing to export: give the id of a run, a folder in"
            f" {FLAGS.runs}"
        )
    runs = pathlib.Path(FLAGS.runs)
    out = pathlib.Path(FLAGS.out) if FLAGS.out else runs / "export" / FLAGS.run
    # Refuses a run before TensorFlow is loaded, which takes seconds.
    read_finished_run(runs, FLAGS.run)
    # Only TensorFlow can write a SavedModel, whichever backend trained the network.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.set_verbosity(logging.WARNING)
    from yosinski_tf.export import saved_model

    folder = saved_model.export(runs, FLAGS.run, out)
    print(f"SavedModel  {folder}")
    print(f"Classes     {folder / LABELS_NAME}\n")
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
        "run": (None, "Id of the run, the name of its folder.", str),
        "out": (None, "Folder to make (default: RUNS/export/RUN).", str),
    }
    command_line.define(own)
    command_line.run(_main, _SUMMARY, [("What to export", ("runs", *own))])


if __name__ == "__main__":
    run()
