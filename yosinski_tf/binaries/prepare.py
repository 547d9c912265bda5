"""Makes a store of images, once, for every half and every study."""

import os
import pathlib
import sys

from absl import flags, logging

from yosinski_tf.binaries.job import command_line
from yosinski_tf.machine.hardware import cores
from yosinski_tf.scheduling.progress import ImageCount
from yosinski_tf.system.errors import UserError

FLAGS = flags.FLAGS
_SHOWN = 20
_QUALITY = 90
_SUMMARY = """yosinski-prepare: a store of images, prepared once for every study.

Images are warped to one size and stored by class; what cannot be read is named.
Stopped or killed, the same command goes on. Beside it stands DIR.partial until
the store is complete.
Example: yosinski-prepare --source=tfds:imagenet2012 --manual_dir=TARS --out=STORE
         yosinski-prepare --source=folder:IMAGES --out=STORE --image_size=128
         yosinski-prepare --verify=STORE"""
_GROUPS = [
    ("What to prepare", ("source", "data_dir", "manual_dir", "held_out", "out")),
    ("How images are stored", ("image_size", "encoding", "quality", "skip_corrupt")),
    (
        "How it is made",
        ("processes", "shard_records", "beam_runner", "beam_options"),
    ),
    ("A store that is there", ("verify",)),
]


def _define() -> None:
    flags.DEFINE_string(
        "source", "", "folder:DIR, tfds:NAME or filelist:TRAIN.txt,VAL.txt."
    )
    flags.DEFINE_string("data_dir", None, "Where TFDS keeps its data sets.")
    flags.DEFINE_string(
        "manual_dir",
        None,
        "Folder of ImageNet's tar files (default: DATA_DIR/downloads/manual).",
    )
    flags.DEFINE_float(
        "held_out", None, "Share of each class for validation, for folder:DIR/CLASS."
    )
    flags.DEFINE_string("out", "", "The store: a folder that is not there yet.")
    flags.DEFINE_integer("image_size", 256, "Side that images are warped to.")
    flags.DEFINE_enum("encoding", "jpeg", ["jpeg", "raw"], "How pixels are stored.")
    flags.DEFINE_integer("quality", None, f"Of JPEG, 1 to 100 (default: {_QUALITY}).")
    flags.DEFINE_bool(
        "skip_corrupt", False, "Leave out images that cannot be read, and record them."
    )
    flags.DEFINE_integer(
        "processes",
        None,
        "Processes side by side (default: one per core).",
        lower_bound=1,
    )
    flags.DEFINE_integer(
        "shard_records",
        None,
        "Most images in a file (default: 256 to 4096, by their number).",
        lower_bound=1,
    )
    flags.DEFINE_string(
        "beam_runner", "", "Make it by Apache Beam, for example DirectRunner."
    )
    flags.DEFINE_list(
        "beam_options", [], "Pipeline options for Beam: name=value,name=value."
    )
    flags.DEFINE_string("verify", "", "A store to read in full and to check.")


def _main() -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow, where it is needed at all, would take a graphics card's memory.
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    logging.set_verbosity(logging.ERROR)
    try:
        return _verify() if FLAGS.verify else _prepare()
    except KeyboardInterrupt as stop:
        print("\nStopped; the same command goes on from here.", file=sys.stderr)
        return command_line.stop_code(stop)


def _prepare() -> int:
    from yosinski_tf.data.prepare import make_store

    display = ImageCount()
    try:
        store = make_store.make_store(
            _request(), report=display.show, warn=_warn, runner=_runner()
        )
    except make_store.Unreadable as error:
        for name, reason in error.images[:_SHOWN]:
            print(reason if name in reason else f"{name}: {reason}", file=sys.stderr)
        if len(error.images) > _SHOWN:
            print(f"... and {len(error.images) - _SHOWN} more", file=sys.stderr)
        raise
    print(f"Store        {store.folder}, {_size(store.folder)}")
    for name, part in store.parts.items():
        counts = store.class_counts(name)
        classes = len(store.class_names)
        print(
            f"{name:12} {part.num_images:,} images of {classes:,} classes,"
            f" {counts.min():,} to {counts.max():,} of each"
        )
    if store.skipped:
        print(f"left out     {len(store.skipped):,} images that cannot be read")
    for warning in store.warnings:
        print(f"warning      {warning}")
    print(f"fingerprint  {store.fingerprint}")
    return 0


def _request():
    from yosinski_tf.data.prepare import make_store
    from yosinski_tf.data.prepare.shards import StoreSettings

    for name, example in (("source", "folder:DIR"), ("out", "STORE")):
        if not FLAGS[name].value:
            raise UserError(f"--{name} is missing: give it, such as --{name}={example}")
    quality = FLAGS.quality
    if FLAGS.encoding == "raw" and quality is not None:
        raise UserError("--encoding=raw has no --quality: leave one of them out")
    if FLAGS.encoding == "jpeg" and quality is None:
        quality = _QUALITY
    return make_store.StoreRequest(
        source=FLAGS.source,
        data_dir=FLAGS.data_dir,
        manual_dir=FLAGS.manual_dir,
        held_out=FLAGS.held_out,
        out=pathlib.Path(os.path.abspath(pathlib.Path(FLAGS.out).expanduser())),
        settings=StoreSettings(FLAGS.image_size, FLAGS.encoding, quality),
        skip_corrupt=FLAGS.skip_corrupt,
        processes=FLAGS.processes or cores(),
        shard_records=FLAGS.shard_records,
        command=command_line.command(),
    )


def _runner():
    if not FLAGS.beam_runner:
        if FLAGS.beam_options:
            raise UserError("--beam_options wants --beam_runner: give it too")
        return None
    from yosinski_tf.data.prepare.beam_shards import beam_runner

    return beam_runner(FLAGS.beam_runner, FLAGS.beam_options)


def _verify() -> int:
    from yosinski_tf.data.prepare.verify import verify
    from yosinski_tf.data.store.format import open_store

    folder = pathlib.Path(FLAGS.verify).expanduser()
    display = ImageCount()
    found = 0
    for problem in verify(
        folder,
        processes=FLAGS.processes or cores(),
        report=lambda done, total: display.show("reading", done, total),
    ):
        found += 1
        if found <= _SHOWN:
            print(f"{folder}: {problem}")
    if found > _SHOWN:
        print(f"... and {found - _SHOWN:,} more")
    if found:
        print(f"{folder} is damaged: {found:,} problem(s).")
        return 1
    store = open_store(folder)
    print(f"{folder} is whole: {store.num_images:,} images, {store.fingerprint}")
    return 0


def _warn(warning: str) -> None:
    print(f"{command_line.program()}: warning: {warning}", file=sys.stderr)


def _size(folder: pathlib.Path) -> str:
    from yosinski_tf.data.prepare.disk_space import megabytes

    files = (path for path in folder.rglob("*") if path.is_file())
    return megabytes(sum(path.stat().st_size for path in files))


def run() -> None:
    """Entry point."""
    _define()
    command_line.run(_main, _SUMMARY, _GROUPS)


if __name__ == "__main__":
    run()
