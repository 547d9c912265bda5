"""Measures how fast parts of the program are; the first word says which part."""

import datetime
import inspect
import json
import os
import pathlib
import sys
from typing import Any

from absl import flags, logging

from yosinski_tf.benchmarks import cohort_growth, measuring, target_half, training_step
from yosinski_tf.benchmarks.table import Tables, markdown
from yosinski_tf.binaries.job import command_line
from yosinski_tf.binaries.job.help_text import wrapped
from yosinski_tf.machine import keras_settings
from yosinski_tf.system import streams
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import write_atomically

FLAGS = flags.FLAGS
_PARTS = {
    "step": training_step.run,
    "growth": cohort_growth.run_growth,
    "input": cohort_growth.run_decoded,
}
# By first word, each flag as in `command_line.define`.
_FLAGS: dict[str, dict[str, tuple]] = {
    "input": {
        "photographs": ("", "Folder or tar file of images (default: drawn textures)."),
        "records": (20_000, "Full-size images to make.", 500),
        "image_size": (256, "Side of stored images.", 8),
        "crop_size": (227, "Side of the crop.", 8),
        "batch_size": (256, "Images per batch.", 1),
        "rounds": (7, "Measurements of each.", 1),
        "steps": (40, "Batches of a measurement.", 2),
    },
    "train": {
        "measure": (list(_PARTS), f"What to measure: some of {', '.join(_PARTS)}."),
        "rounds": (7, "Measurements of each.", 1),
        "steps": (
            150,
            "Steps of a measurement of mini; caffenet takes a fiftieth, cohorts a"
            " fifth.",
            2,
        ),
    },
    "study": {
        "treatments": (["all"], "What is trained on half B (all: 36 networks)."),
        "rounds": (3, "Measurements of each.", 1),
        "steps": (1500, "Steps of every network.", 1),
    },
}
_WORK_DIR = ("benchmark", "Folder for images, stores and studies (1 GB or more).")


def _input(work: pathlib.Path, settings: dict[str, Any]) -> Tables:
    """yosinski-benchmark input: our input pipeline against the bare decoder and
    against the pipeline that is written by hand today, in images per second; the first
    batch, memory, disk. Images are made from photographs, once, and kept in --work_dir.

    Example: yosinski-benchmark input --photographs=DIR --work_dir=benchmark
    """
    if FLAGS.crop_size > FLAGS.image_size:
        raise UserError(
            f"--crop_size needs at most the image size, {FLAGS.image_size}, found"
            f" {FLAGS.crop_size}: give a smaller one"
        )
    from yosinski_tf.benchmarks import input_pipeline

    if FLAGS.photographs:
        place = pathlib.Path(FLAGS.photographs).expanduser().absolute()
        settings["photographs"] = str(place)
    return input_pipeline.run(input_pipeline.Request(work=work, **settings))


def _train(work: pathlib.Path, settings: dict[str, Any]) -> Tables:
    """yosinski-benchmark train: training steps of one network, ours and plain
    Keras, with the share of the machine's ceiling; time and memory as a cohort grows;
    images decoded per step of a network, from a JPEG store. Tables, JSON and a plot.

    Example: yosinski-benchmark train --work_dir=benchmark
    """
    if not FLAGS.measure or set(FLAGS.measure) - set(_PARTS):
        raise UserError(
            f"--measure needs some of {', '.join(_PARTS)}, found"
            f" {','.join(FLAGS.measure)!r}: leave it out for all"
        )
    request = measuring.Request(work=work, rounds=FLAGS.rounds, steps=FLAGS.steps)
    tables: dict[str, list] = {}
    for part, measure in _PARTS.items():
        if part in FLAGS.measure:
            tables |= measure(request)
    return tables


def _study(work: pathlib.Path, settings: dict[str, Any]) -> Tables:
    """yosinski-benchmark study: the networks of one half trained as cohorts, each
    alone by the same trainer, and each alone by plain Keras, from end to end, on the
    embedded images.

    Example: yosinski-benchmark study --work_dir=benchmark
    """
    known = target_half.networks_of_half()
    treatments = tuple(dict.fromkeys(FLAGS.treatments))
    treatments = known if treatments == ("all",) else treatments
    strange = [name for name in treatments if name not in known]
    if strange or "baseB" not in treatments:
        wrong = ",".join(strange or treatments)
        raise UserError(
            "--treatments needs baseB and networks of half B, such as"
            f" baseB,R3B,A3B,B3B+, found {wrong!r}: leave it out for all"
        )
    settings["treatments"] = treatments
    return target_half.run(target_half.Request(work=work, **settings))


_WORDS = {"input": _input, "train": _train, "study": _study}


def _main(word: str) -> None:
    """Measures, writes JSON and the plot, prints the tables."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    logging.set_verbosity(logging.ERROR)
    keras_settings.check()
    work = pathlib.Path(FLAGS.work_dir).expanduser().absolute()
    settings = {name: FLAGS[name].value for name in _FLAGS[word]}
    tables = _WORDS[word](work, settings)
    from yosinski_tf.training.provenance import describe_device, versions

    found = {
        "command": command_line.command(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        # Not before measuring: describing an accelerator takes hold of it.
        "device": describe_device(),
        "versions": versions(),
        "settings": settings,
        "tables": tables,
    }
    out = work / f"{word}.json"
    write_atomically(out, json.dumps(found, indent=1).encode())
    print(
        f"{found['date'][:10]}, {found['device']}, TensorFlow"
        f" {found['versions']['tensorflow']}; rounds: {FLAGS.rounds}; median (least to"
        f" greatest)\n\n{markdown(tables)}\nJSON  {out}"
    )
    if growth := tables.get(cohort_growth.GROWTH):
        path = out.with_suffix(".png")
        print(f"plot  {cohort_growth.draw(growth, path, found['device'])}")


def run() -> None:
    """Entry point."""
    word = next(iter(sys.argv[1:]), "")
    with streams.lasting(command_line.program()):
        if word in ("--help", "-h"):
            for measure in _WORDS.values():
                print(f"{wrapped(inspect.getdoc(measure))}\n")
            words = ", ".join(_WORDS)
            print(wrapped(f"The first word says what to measure: {words}."))
            sys.exit(0)
        if word not in _WORDS:
            print(
                "yosinski-benchmark: needs what to measure as the first word, one of"
                f" {', '.join(_WORDS)}, found {word!r}: see --help",
                file=sys.stderr,
            )
            sys.exit(2)
    # The word becomes part of the name, in messages and in the command line.
    sys.argv[:2] = [f"yosinski-benchmark {word}"]
    table = {**_FLAGS[word], "work_dir": _WORK_DIR}
    command_line.define(table)
    groups = [("What to measure", table)]
    command_line.run(lambda: _main(word), inspect.getdoc(_WORDS[word]), groups)


if __name__ == "__main__":
    run()
