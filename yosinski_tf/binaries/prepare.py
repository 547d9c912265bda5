"""Makes a store of images, once for all halves and studies; verifies one."""

import functools
import os
import pathlib
import sys

from absl import flags, logging

from yosinski_tf.binaries.job import command_line, machine_flags
from yosinski_tf.binaries.job.machine_flags import ENGINE
from yosinski_tf.binaries.job.shared_flags import DATA
from yosinski_tf.data import decoding
from yosinski_tf.data.prepare import disk_space, make_store, ray_shards, shards
from yosinski_tf.data.prepare.verify import verify
from yosinski_tf.data.store.format import Store, open_store
from yosinski_tf.machine import keras_settings
from yosinski_tf.machine.hardware import cores
from yosinski_tf.scheduling.progress import ImageCount
from yosinski_tf.system.errors import UserError

FLAGS = flags.FLAGS
_SHOWN = 20
_QUALITY = 90
_SUMMARY = """yosinski-prepare: a store of images, prepared once for all studies.

It warps images to one size and stores them by class; it lists images that cannot
be read. If it is stopped or killed, the same command goes on. Until the store is
complete, its work is in OUT.partial.
Example: yosinski-prepare --source=tfds:imagenet2012 --manual_dir=TARS --out=STORE
         yosinski-prepare --source=folder:IMAGES --out=STORE --image_size=128
         yosinski-prepare --verify=STORE"""
_FLAGS = {
    "source": ("", "folder:DIR, tfds:NAME or filelist:TRAIN.txt,VAL.txt."),
    "data_dir": DATA["data_dir"],
    "manual_dir": (
        None,
        "Folder of ImageNet's tar files (default: DATA_DIR/downloads/manual).",
        str,
    ),
    "held_out": DATA["held_out"],
    "out": ("", "The store to make, a new folder."),
    "image_size": (256, "Side that images are warped to, pixels."),
    "encoding": ("jpeg", "How pixels are stored.", ["jpeg", "raw"]),
    "quality": (None, f"Of JPEG, 1 to 100 (default: {_QUALITY}).", int),
    "skip_corrupt": (False, "Leave out, and list, unreadable images."),
    "processes": (None, "Processes that work at a time (default: one per core).", 1),
    "shard_records": (
        None,
        "Most images in a file (default: 256 to 4096, by the number of images).",
        1,
    ),
    **ENGINE,
    "verify": ("", "The store to read completely and check."),
}
_GROUPS = [
    ("What to prepare", ("source", "data_dir", "manual_dir", "held_out", "out")),
    ("How images are stored", ("image_size", "encoding", "quality", "skip_corrupt")),
    ("How it works", ("processes", "shard_records", *ENGINE)),
    ("An existing store", ("verify",)),
]


def _main() -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow, if it is loaded at all, would take the memory of a GPU.
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    # It imports Keras, which has nothing to do here.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    keras_settings.check()
    logging.set_verbosity(logging.ERROR)
    try:
        return _verify() if FLAGS.verify else _prepare()
    except KeyboardInterrupt as stop:
        print("Stopped; the same command goes on from here.", file=sys.stderr)
        return command_line.stop_code(stop)


def _prepare() -> int:
    request = _request()
    address, runner = machine_flags.ray_address(), None
    if address is not None:
        runner = ray_shards.ray_runner(address, request.processes)
    with ImageCount() as count:
        store = make_store.make_store(
            request,
            report=count.show,
            warn=lambda warning: count.tell(_warning(warning)),
            runner=runner,
        )
    _tell(store)
    return 0


def _request() -> make_store.StoreRequest:
    for name, example in (("source", "folder:DIR"), ("out", "STORE")):
        if not FLAGS[name].value:
            raise UserError(f"--{name} is missing: give it, such as --{name}={example}")
    quality = FLAGS.quality
    if FLAGS.encoding == "raw" and quality is not None:
        raise UserError("--encoding=raw has no --quality: leave out one of them")
    if FLAGS.encoding == "jpeg" and quality is None:
        quality = _QUALITY
    return make_store.StoreRequest(
        source=FLAGS.source,
        data_dir=FLAGS.data_dir,
        manual_dir=FLAGS.manual_dir,
        held_out=FLAGS.held_out,
        out=pathlib.Path(os.path.abspath(pathlib.Path(FLAGS.out).expanduser())),
        settings=shards.StoreSettings(FLAGS.image_size, FLAGS.encoding, quality),
        skip_corrupt=FLAGS.skip_corrupt,
        processes=FLAGS.processes or cores(),
        shard_records=FLAGS.shard_records,
        command=command_line.command(),
    )


def _warning(text: str) -> str:
    return f"{command_line.program()}: warning: {text}"


def _tell(store: Store) -> None:
    files = (path for path in store.folder.rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in files)
    print(f"Store        {store.folder}, {disk_space.megabytes(size)}")
    for name, part in store.parts.items():
        counts = store.class_counts(name)
        print(
            f"{name:12} {part.num_images:,} images of {len(counts):,} classes,"
            f" {counts.min():,} to {counts.max():,} of each"
        )
    if store.skipped:
        print(f"left out     {len(store.skipped):,} images that cannot be read")
    for warning in (*store.warnings, *(store.copies.warnings if store.copies else ())):
        print(f"warning      {warning}")
    if store.decoding_version < decoding.UPRIGHT_SINCE:
        print(f"note         {decoding.UNTURNED}")
    print(f"fingerprint  {store.fingerprint}")


def _verify() -> int:
    folder = pathlib.Path(FLAGS.verify).expanduser()
    found = 0
    with ImageCount() as count:
        problems = verify(
            folder,
            processes=FLAGS.processes or cores(),
            report=functools.partial(count.show, "reading"),
            warn=lambda warning: count.tell(_warning(warning)),
        )
        for found, problem in enumerate(problems, start=1):
            if found <= _SHOWN:
                count.clear()
                print(f"{folder}: {problem}")
    if found > _SHOWN:
        print(f"... and {found - _SHOWN:,} more")
    if found:
        print(f"{folder} is damaged: {found:,} problem(s).")
        return 1
    store = open_store(folder)
    print(f"{folder} is whole: {store.num_images:,} images, {store.fingerprint}")
    if store.decoding_version < decoding.UPRIGHT_SINCE:
        print(f"Note: {decoding.UNTURNED}.")
    return 0


def run() -> None:
    """Entry point."""
    command_line.define(_FLAGS)
    command_line.run(_main, _SUMMARY, _GROUPS)


if __name__ == "__main__":
    run()
