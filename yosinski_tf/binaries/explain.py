"""Measures what the layers of a study's finished networks hold."""

# ruff: noqa: E402
import os

# Read when NumPy is loaded. For such small matrices, threads of linear algebra only
# wait for each other: on a busy machine ten times as long as the work takes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pathlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import flags, logging

from yosinski_tf.binaries.job import command_line, messages, shared_flags
from yosinski_tf.explain import rows, summary, units
from yosinski_tf.machine import keras_settings, keras_start
from yosinski_tf.report import write_layers, write_report
from yosinski_tf.scheduling.progress import duration
from yosinski_tf.scheduling.status_lines import StatusLines
from yosinski_tf.study import image_source, records
from yosinski_tf.system import errors, files, streams

if TYPE_CHECKING:
    from yosinski_tf.explain.study import Explained

FLAGS = flags.FLAGS
_SUMMARY = """yosinski-explain: what the layers of finished networks hold.

Filters of the first layer, linear probes and nearest neighbours, similarity of layers,
weight travel of fine-tuned layers, criticality, and scores that promise to predict
transfer: all from networks that a study has anyway. It goes on where it was stopped,
and writes the study's report again with what it found.
Example: yosinski-explain --runs=runs/quickstart
         yosinski-explain --runs=runs/quickstart --probes_only"""


def _main() -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.set_verbosity(logging.ERROR)
    keras_settings.check()
    runs = pathlib.Path(FLAGS.runs)
    # Refuses a folder without networks or images before TensorFlow is loaded.
    records.check_study_folder(runs)
    found = units.find_units(runs)
    image_source.check_there(runs)
    count = sum(len(unit.networks) for unit in found)
    several = "1 network" if count == 1 else f"{count:,} networks"
    # Loading TensorFlow, and the first measure, take a while.
    print(f"Explaining the layers of {several} ...", flush=True)
    files.make_folder(runs / "logs")
    try:
        with (
            streams.native_errors_to(runs / "logs" / "explain.log"),
            messages.explaining(runs),
        ):
            explained = _measured(runs)
        measures = explained.rows
        if not measures:
            raise errors.UserError(explained.problems[0])
        with messages.reporting(runs):
            paths, page = _report(runs, measures, found)
    except KeyboardInterrupt as stop:
        print("Stopped; the same command goes on from here.")
        return command_line.stop_code(stop)
    for kind, chosen in rows.by_kind(measures).items():
        print(f"\n{summary.title(kind, chosen)}")
        for heading, sentences in summary.sentences(chosen).items():
            print(f"\n{heading}:")
            print("\n".join(f"- {sentence}" for sentence in sentences))
        if FLAGS.probes_only:
            print("\n".join(["", *summary.probes_in_short(chosen)]))
    print(f"\nsummary  {paths.summary}\npage     {page}")
    for place, picture in enumerate(paths.pictures):
        print(f"{'         ' if place else 'figures  '}{picture}")
    print(f"table    {paths.table}")
    for problem in explained.problems:
        print(f"Not measured: {problem}", file=sys.stderr)
    return 1 if explained.problems else 0


def _report(
    runs: pathlib.Path, measures: Sequence[rows.Row], found: Sequence[units.Unit]
) -> tuple[write_layers.LayersPaths, pathlib.Path]:
    """Writes what was measured, and the report with it; returns their files."""
    # Imported late: TensorFlow.
    from yosinski_tf.explain import tensorboard_pictures

    paths = write_layers.write_layers(
        runs, runs / write_report.REPORT_FOLDER, measures, found
    )
    tensorboard_pictures.show_pictures(
        runs / "tensorboard" / "explain", {each.stem: each for each in paths.pictures}
    )
    return paths, write_report.write_report(runs, FLAGS.measure).page


def _measured(runs: pathlib.Path) -> "Explained":
    # Imported late: TensorFlow takes seconds, and reads the environment.
    keras_start.load()
    from yosinski_tf.explain import study

    keras_settings.set_up()
    steps = ("accuracy", "layers") if FLAGS.probes_only else ()

    def show(what: str, done: int, total: int, seconds: float | None) -> None:
        if not total:
            again = "Everything was measured before; the report is drawn again."
            print(again, flush=True)
            return
        left = "unknown yet" if seconds is None else duration(seconds)
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
    groups = [("What to explain", ("runs", *own, "measure"))]
    command_line.run(_main, _SUMMARY, groups)


if __name__ == "__main__":
    run()
