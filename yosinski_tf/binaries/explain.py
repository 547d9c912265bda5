"""Measures what the layers of a study's finished networks hold."""

import os
import pathlib
import time

from absl import flags, logging

from yosinski_tf.binaries.job import command_line, messages, shared_flags
from yosinski_tf.explain import gabor, rows, summary, units
from yosinski_tf.figures import filter_fits
from yosinski_tf.machine import keras_settings
from yosinski_tf.scheduling.progress import duration
from yosinski_tf.scheduling.status_lines import StatusLines
from yosinski_tf.study.finished_run import read_finished_run
from yosinski_tf.system import files, streams

FLAGS = flags.FLAGS
_SUMMARY = """yosinski-explain: what the layers of finished networks hold.

Filters of the first layer, linear probes and nearest neighbours, similarity of layers,
weight travel of fine-tuned layers, criticality, and scores that promise to predict
transfer: all from networks that a study has anyway. It goes on where it was stopped.
Example: yosinski-explain --runs=runs/quickstart
         yosinski-explain --runs=runs/quickstart --probes_only"""


def _main() -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # For such small matrices, threads of linear algebra only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    logging.set_verbosity(logging.ERROR)
    keras_settings.check()
    runs = pathlib.Path(FLAGS.runs)
    # Refuses a folder without networks before TensorFlow is loaded.
    units.find_units(runs)
    files.make_folder(runs / "logs")
    try:
        with streams.native_errors_to(runs / "logs" / "explain.log"):
            found = _measured(runs)
    except KeyboardInterrupt as stop:
        print("Stopped; the same command goes on from here.")
        return command_line.stop_code(stop)
    text = summary.summary(found)
    folder = runs / "report"
    with messages.reporting(runs):
        files.make_folder(folder)
        rows.write_table(folder / rows.TABLE, found)
        files.write_atomically(folder / "layers.md", text.encode())
        figures = [] if FLAGS.probes_only else _draw_filters(runs, folder)
    print(text)
    print(f"table    {folder / rows.TABLE}")
    print(f"summary  {folder / 'layers.md'}")
    for figure in figures:
        print(f"filters  {figure}")
    return 0


def _draw_filters(runs: pathlib.Path, folder: pathlib.Path) -> list[pathlib.Path]:
    """Draws the first layers of the bases of the first split, with their fits."""
    first = units.find_units(runs)[0]
    drawn = []
    for record in (first.base, first.other):
        if record is not None:
            kernel = gabor.first_kernel(read_finished_run(runs, record.run_id).weights)
            if kernel is not None:
                path = folder / f"filters_{record.run_id}.png"
                filter_fits.filter_fits(kernel, gabor.fit_filters(kernel), path)
                drawn.append(path)
    return drawn


def _measured(runs: pathlib.Path) -> list[rows.Row]:
    # Imported late: TensorFlow takes seconds, and reads the environment.
    from yosinski_tf.explain import study

    keras_settings.set_up()
    steps = ("accuracy", "layers") if FLAGS.probes_only else ()
    started = time.monotonic()

    def show(what: str, done: int, total: int) -> None:
        seconds = time.monotonic() - started
        left = duration(seconds * (total - done) / done) if done else "unknown yet"
        lines.show([f"{what}, {done} of {total} done, time left {left}"])

    with StatusLines() as lines:
        return study.explain(runs, steps, show)


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
