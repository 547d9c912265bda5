"""Measures how fast parts of the program are; one word says which."""

import json
import os
import pathlib
import shutil
import sys
from collections.abc import Callable
from typing import Any

from absl import flags, logging

from yosinski_tf.binaries import benchmark_study, benchmark_train
from yosinski_tf.binaries.benchmark_train import described, say
from yosinski_tf.binaries.job import command_line
from yosinski_tf.study.forecast import gigabytes
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import write_atomically

FLAGS = flags.FLAGS
_SUMMARY = """yosinski-benchmark input: the input pipeline against the bare decoder and
against what is written by hand today, in images per second; first batch, memory,
disk. Images are made from photographs, once, and kept in --work_dir.

Example: yosinski-benchmark input --photographs=DIR --work_dir=benchmark"""
_INPUT = (
    *("photographs", "records", "work_dir", "image_size", "crop_size"),
    *("batch_size", "rounds", "steps", "out"),
)


def _define_input() -> None:
    flags.DEFINE_string(
        "photographs", "", "Folder or tar file of images (default: drawn textures)."
    )
    flags.DEFINE_integer(
        "records", 20_000, "Full-size images to make.", lower_bound=500
    )
    flags.DEFINE_string("work_dir", "benchmark", "Folder for images and stores.")
    flags.DEFINE_integer("image_size", 256, "Side of stored images.", lower_bound=8)
    flags.DEFINE_integer("crop_size", 227, "Side of the crop.", lower_bound=8)
    flags.DEFINE_integer("batch_size", 256, "Images of a batch.", lower_bound=1)
    flags.DEFINE_integer("rounds", 7, "Measurements of each.", lower_bound=1)
    flags.DEFINE_integer("steps", 40, "Batches of a measurement.", lower_bound=2)
    flags.DEFINE_string("out", "", "JSON file (default: WORK_DIR/input.json).")


def _input() -> None:
    if FLAGS.crop_size > FLAGS.image_size:
        raise UserError(
            f"--crop_size is {FLAGS.crop_size}: wanted at most the image size,"
            f" {FLAGS.image_size}"
        )
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    logging.set_verbosity(logging.ERROR)
    from yosinski_tf.benchmarks import input_benchmark
    from yosinski_tf.benchmarks.input_table import table

    work = pathlib.Path(FLAGS.work_dir).expanduser().absolute()
    place = FLAGS.photographs and str(pathlib.Path(FLAGS.photographs).absolute())
    request = input_benchmark.Request(
        work,
        place,
        FLAGS.records,
        FLAGS.image_size,
        FLAGS.crop_size,
        FLAGS.batch_size,
        FLAGS.rounds,
        FLAGS.steps,
    )
    _check_room(request)
    stores = input_benchmark.make_stores(request, say)
    say(f"{work} holds {gigabytes(_size(work))}; delete it when you are done")
    settings = {
        name: FLAGS[name].value
        for name in _INPUT
        if name not in ("photographs", "work_dir", "out")
    }
    measured = input_benchmark.run(request, stores, say)
    found = {
        **described(settings),
        "photographs": place or "drawn textures",
        "full_size_bytes": _size(request.full) / FLAGS.records,
        **measured,
    }
    out = pathlib.Path(FLAGS.out) if FLAGS.out else work / "input.json"
    write_atomically(out, json.dumps(found, indent=1).encode())
    print(table(found))
    print(f"\nJSON  {out}")


def _check_room(request: Any) -> None:
    home = next(p for p in (request.work, *request.work.parents) if p.exists())
    needed = request.needed_bytes() - _size(request.work)
    free = shutil.disk_usage(home).free
    if needed > free:
        raise UserError(
            f"--work_dir needs about {gigabytes(needed)} more for {request.records:,}"
            f" images, {home} has {gigabytes(free)} free: give another folder or fewer"
            " --records"
        )


def _size(folder: pathlib.Path) -> int:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in files)


# Flags, job, names of the flags and summary.
_Part = tuple[Callable[[], None], Callable[[], None], tuple[str, ...], str]
_PARTS: dict[str, _Part] = {
    "input": (_define_input, _input, _INPUT, _SUMMARY),
    "train": (
        benchmark_train.define,
        benchmark_train.main,
        benchmark_train.NAMES,
        benchmark_train.SUMMARY,
    ),
    "study": (
        benchmark_study.define,
        benchmark_study.main,
        benchmark_study.NAMES,
        benchmark_study.SUMMARY,
    ),
}


def run() -> None:
    """Entry point."""
    word = next(iter(sys.argv[1:]), "")
    if word not in _PARTS:
        wanted = ", ".join(_PARTS)
        if word in ("--help", "-h"):
            summaries = "\n\n".join(part[-1] for part in _PARTS.values())
            print(f"{summaries}\n\nWhat to measure comes first: {wanted}.")
            sys.exit(0)
        print(
            f"yosinski-benchmark: wanted what to measure as the first word, one of"
            f" {wanted}, got {word!r}: see --help",
            file=sys.stderr,
        )
        sys.exit(2)
    define, main, names, summary = _PARTS[word]
    # The word becomes part of the name, in messages and in the command line.
    sys.argv[:2] = [f"yosinski-benchmark {word}"]
    define()
    command_line.run(main, summary, [("What to measure", names)])


if __name__ == "__main__":
    run()
