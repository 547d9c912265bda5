"""Measures what the layers of a study's finished networks hold."""

import os
import pathlib

from absl import flags, logging

from yosinski_tf.binaries.job import command_line, messages, shared_flags
from yosinski_tf.machine import keras_settings
from yosinski_tf.scheduling.status_lines import StatusLines
from yosinski_tf.system import files

FLAGS = flags.FLAGS
_SUMMARY = """yosinski-explain: what the layers of finished networks hold.

Filters of the first layer, linear probes and nearest neighbours, similarity of layers,
weight travel of fine-tuned layers, criticality, and scores that promise to predict
transfer: all from networks that a study has anyway. It goes on where it was stopped.
Example: yosinski-explain --runs=runs/quickstart
         yosinski-explain --runs=runs/quickstart --probes_only"""


def _main() -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # For so small matrices, threads of linear algebra only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    logging.set_verbosity(logging.ERROR)
    keras_settings.check()
    # Imported late: TensorFlow takes seconds, and reads the environment.
    from yosinski_tf.explain import rows, study, summary

    keras_settings.set_up()
    runs = pathlib.Path(FLAGS.runs)
    steps = ("accuracy", "layers") if FLAGS.probes_only else ()
    try:
        with StatusLines() as lines:
            found = study.explain(
                runs,
                steps,
                lambda what, done, total: lines.show([f"{what}, {done}/{total}"]),
            )
    except KeyboardInterrupt as stop:
        print("Stopped; the same command goes on from here.")
        return command_line.stop_code(stop)
    text = summary.summary(found)
    folder = runs / "report"
    with messages.reporting(runs):
        files.make_folder(folder)
        rows.write_table(folder / rows.TABLE, found)
        files.write_atomically(folder / "layers.md", text.encode())
    print(text)
    print(f"table    {folder / rows.TABLE}")
    print(f"summary  {folder / 'layers.md'}")
    return 0


def run() -> None:
    """Entry point."""
    shared_flags.define_all()
    own = {
        "probes_only": (False, "Only probes and scores: the cheapest first answer."),
    }
    command_line.define(own)
    command_line.run(_main, _SUMMARY, [("What to explain", ("runs", *own))])


if __name__ == "__main__":
    run()
