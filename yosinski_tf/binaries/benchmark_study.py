"""`yosinski-benchmark study`: flags, and from them to a table."""

import json
import os
import pathlib

from absl import flags, logging

from yosinski_tf.benchmarks import study_benchmark
from yosinski_tf.benchmarks.study_table import table
from yosinski_tf.binaries.benchmark_train import described, say
from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.recipes import PRECISIONS, Recipe
from yosinski_tf.machine import threads
from yosinski_tf.machine.hardware import cores
from yosinski_tf.machine.threads import default_processes
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import write_atomically

FLAGS = flags.FLAGS
NAMES = (
    *("precisions", "processes", "cohort_size", "rounds"),
    *("steps", "treatments", "work_dir", "out"),
)
SUMMARY = """yosinski-benchmark study: the networks of one half trained as cohorts, each
alone by the same trainer, and each alone with plain Keras, from end to end; the
embedded images. Stopped, the same command goes on.

Example: yosinski-benchmark study --work_dir=benchmark"""


def define() -> None:
    """Defines the flags."""
    flags.DEFINE_list(
        "precisions",
        ["float32", "bfloat16"],
        "Number formats that ours are measured at; plain Keras at float32.",
    )
    flags.DEFINE_integer(
        "processes",
        None,
        "Trainings side by side (default: one per core, up to four).",
        lower_bound=1,
    )
    flags.DEFINE_integer(
        "cohort_size",
        18,
        "Networks trained together at most (18: as yosinski-study decides for two"
        " processes).",
        lower_bound=1,
    )
    flags.DEFINE_integer("rounds", 3, "Measurements of each.", lower_bound=1)
    flags.DEFINE_integer("steps", 1500, "Steps of every network.", lower_bound=1)
    flags.DEFINE_list(
        "treatments", ["all"], "What is trained on half B (all: 36 networks)."
    )
    flags.DEFINE_string("work_dir", "benchmark", "Folder for studies (1 GB).")
    flags.DEFINE_string("out", "", "JSON file (default: WORK_DIR/study.json).")


def main() -> None:
    """Measures, writes JSON, prints the table."""
    request = _request()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    logging.set_verbosity(logging.ERROR)
    found = study_benchmark.run(request, say)
    settings = request.settings() | {"rounds": request.rounds}
    found = described(settings) | found
    out = pathlib.Path(FLAGS.out) if FLAGS.out else request.work / "study.json"
    write_atomically(out, json.dumps(found, indent=1).encode())
    print(table(found))
    print(f"\nJSON  {out}")


def _request() -> study_benchmark.Request:
    precisions = tuple(dict.fromkeys(FLAGS.precisions))
    if (
        not precisions
        or precisions[0] != "float32"
        or set(precisions) - set(PRECISIONS)
    ):
        raise UserError(
            f"--precisions wants float32 and then some of {', '.join(PRECISIONS)}, got"
            f" {','.join(FLAGS.precisions)!r}: give such as float32,bfloat16"
        )
    treatments = tuple(dict.fromkeys(FLAGS.treatments))
    known = study_benchmark.target_half()
    if treatments == ("all",):
        treatments = known
    strange = [name for name in treatments if name not in known]
    if strange or "baseB" not in treatments:
        wrong = strange[0] if strange else ",".join(treatments)
        raise UserError(
            "--treatments wants baseB and what is trained on half B, such as"
            f" baseB,R3B,A3B,B3B+, got {wrong!r}: leave it out for all"
        )
    processes = FLAGS.processes or default_processes()
    return study_benchmark.Request(
        pathlib.Path(FLAGS.work_dir).expanduser().absolute(),
        FLAGS.rounds,
        FLAGS.steps,
        precisions,
        processes,
        threads.choose(get_network("mini"), Recipe(), 20, processes).number or cores(),
        FLAGS.cohort_size,
        treatments,
    )
