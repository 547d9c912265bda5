"""A folder full of things that are wrong, each in a place of its own."""

import dataclasses
import io
import json
import pathlib
import shutil
import struct
import zlib
from collections.abc import Callable

import numpy as np
from fabricate import record
from PIL import Image

from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.splits import make_split
from yosinski_tf.models import surgery
from yosinski_tf.study.records import Record, write_record

WIDTHS = (4, 4, 4, 4, 4, 8, 8)
NETWORK = get_network("mini", widths=WIDTHS)
CLASSES = ("ant", "bee", "cat", "dog")
# A class of a half of four classes.
OUTPUTS = 2


def picture(
    mode: str = "RGB", form: str = "PNG", side: int = 16, **options: object
) -> bytes:
    """The content of an image file."""
    file = io.BytesIO()
    Image.new(mode, (side, side)).save(file, form, **options)
    return file.getvalue()


def enormous() -> bytes:
    """A PNG file that claims to be 100,000 pixels wide and high."""

    def chunk(name: bytes, data: bytes) -> bytes:
        ends = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + ends

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def images(folder: pathlib.Path, classes: tuple[str, ...] = CLASSES) -> pathlib.Path:
    """A good folder: a training and a validation image of every class."""
    for part in ("train", "val"):
        for name in classes:
            home = folder / part / name
            home.mkdir(parents=True)
            (home / "0.png").write_bytes(picture())
    return folder


def spoilt(
    folder: pathlib.Path, spoil: Callable[[pathlib.Path], object]
) -> pathlib.Path:
    """A good folder after something was done to it."""
    spoil(images(folder))
    return folder


def with_file(name: str, content: bytes) -> Callable[[pathlib.Path], object]:
    """Puts a file into a folder."""
    return lambda folder: (folder / name).write_bytes(content)


def weights(outputs: int = OUTPUTS) -> surgery.Weights:
    """Weights of the tiny network."""
    return surgery.initial_weights(NETWORK, 16, outputs, "made up")


def finished_run(runs: pathlib.Path, treatment: str, **changes: object) -> Record:
    """A run of the tiny network with a record and the weights it speaks of.

    In a folder with settings it is a run as they say, on the good folder's classes.
    """
    found = weights()
    settings = {"recipe": {"image_size": 16, "crop_size": 16}}
    if (runs / "study.json").exists():
        stored = json.loads((runs / "study.json").read_text())
        settings = {name: stored[name] for name in ("recipe", "threads")}
        settings["split_digest"] = make_split("random:0", CLASSES).digest
    made = record(
        treatment,
        0.5,
        **{
            "run_id": f"random-0_{treatment}_seed0",
            "network_settings": json.loads(json.dumps(NETWORK.settings())),
            "num_classes": OUTPUTS,
            **settings,
            "weights_sha256": surgery.digest(found, NETWORK.layer_names),
            **changes,
        },
    )
    path = write_record(runs, made)
    np.savez(path.with_name("weights.npz"), **found)
    return made


def edited(runs: pathlib.Path, **changes: object) -> pathlib.Path:
    """A study folder of one run with some fields of its record replaced.

    What is replaced by Ellipsis is taken away.
    """
    made = finished_run(runs, "A3B")
    fields = {**dataclasses.asdict(made), **changes}
    fields = {name: value for name, value in fields.items() if value is not ...}
    text = json.dumps(fields)
    (runs / made.run_id / "record.json").write_text(text)
    return runs


def copied(source: pathlib.Path, to: pathlib.Path) -> pathlib.Path:
    """A copy of a folder."""
    shutil.copytree(source, to)
    return to
