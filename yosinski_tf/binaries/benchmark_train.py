"""`yosinski-benchmark train`: flags, and from them to a table."""

import datetime
import json
import os
import pathlib
import sys

from absl import flags, logging

from yosinski_tf.benchmarks.train_benchmark import PARTS
from yosinski_tf.binaries.job import command_line
from yosinski_tf.machine.hardware import cores
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import write_atomically

FLAGS = flags.FLAGS
NAMES = ("measure", "rounds", "steps", "work_dir", "out")
SUMMARY = """yosinski-benchmark train: the steps of one network, ours and plain Keras,
with the share of the machine's ceiling; time and memory as a cohort grows; images
decoded per step of a network, from a store of JPEG files. A table, JSON and a plot.

Example: yosinski-benchmark train --work_dir=benchmark"""


def define() -> None:
    """Defines the flags."""
    flags.DEFINE_list(
        "measure", list(PARTS), f"What to measure: some of {', '.join(PARTS)}."
    )
    flags.DEFINE_integer("rounds", 7, "Measurements of each.", lower_bound=1)
    flags.DEFINE_integer(
        "steps",
        150,
        "Steps of a measurement of mini; caffenet takes a fiftieth, cohorts a fifth.",
        lower_bound=2,
    )
    flags.DEFINE_string("work_dir", "benchmark", "Folder for images (1 GB).")
    flags.DEFINE_string("out", "", "JSON file (default: WORK_DIR/train.json).")


def main() -> None:
    """Measures, writes JSON and plot, prints the table."""
    parts = tuple(dict.fromkeys(FLAGS.measure))
    if not parts or set(parts) - set(PARTS):
        raise UserError(
            f"--measure wants some of {', '.join(PARTS)}, got"
            f" {','.join(FLAGS.measure)!r}: leave it out for all"
        )
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    logging.set_verbosity(logging.ERROR)
    from yosinski_tf.benchmarks import growth_plot, train_benchmark
    from yosinski_tf.benchmarks.train_table import table

    work = pathlib.Path(FLAGS.work_dir).expanduser().absolute()
    request = train_benchmark.Request(work, FLAGS.rounds, FLAGS.steps, cores(), parts)
    measured = train_benchmark.run(request, say)
    # Not before: to describe an accelerator is to take it.
    found = described(
        {"rounds": request.rounds, "steps": request.steps, "threads": request.threads}
    )
    found |= measured
    out = pathlib.Path(FLAGS.out) if FLAGS.out else work / "train.json"
    write_atomically(out, json.dumps(found, indent=1).encode())
    print(table(found))
    print(f"\nJSON  {out}")
    if "growth" in found:
        title = f"Growing cohorts of mini, {found['device']}"
        plot = growth_plot.draw(found["growth"], out.with_suffix(".png"), title)
        print(f"plot  {plot}")


def described(settings: dict) -> dict:
    """Command, date, device, versions and settings, as JSON takes them."""
    from yosinski_tf.training.provenance import describe_device, versions

    return {
        "command": command_line.command(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "device": describe_device(),
        "versions": versions(),
        "settings": settings,
    }


def say(text: str) -> None:
    """Tells of progress."""
    print(text, file=sys.stderr, flush=True)
