"""Images, runs and study folders that tests spoil in one way each."""

import dataclasses
import io
import json
import pathlib
import struct
import zlib

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
    """A PNG file that claims to be a million pixels wide and high."""

    def chunk(name: bytes, data: bytes) -> bytes:
        ends = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + ends

    header = struct.pack(">IIBBBBB", 1_000_000, 1_000_000, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def images(folder: pathlib.Path, classes: tuple[str, ...] = CLASSES) -> pathlib.Path:
    """Makes a good folder: a training and a validation image of every class."""
    for part in ("train", "val"):
        for name in classes:
            home = folder / part / name
            home.mkdir(parents=True)
            (home / "0.png").write_bytes(picture())
    return folder


def weights(outputs: int = OUTPUTS) -> surgery.Weights:
    """Weights of the tiny network."""
    return surgery.initial_weights(NETWORK, 16, outputs, "made up")


def finished_run(runs: pathlib.Path, treatment: str, **changes: object) -> Record:
    """Makes a run of the tiny network: a record, and the weights that it describes.

    In a study folder, the record agrees with its settings and the good folder.
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
            "weights_sha256": surgery.digest(found, NETWORK.stage_names),
            **changes,
        },
    )
    path = write_record(runs, made)
    np.savez(path.with_name("weights.npz"), **found)
    return made


def edited(runs: pathlib.Path, **changes: object) -> pathlib.Path:
    """Makes a study folder of one run whose record has some fields replaced.

    Fields replaced by `...` are left out.
    """
    made = finished_run(runs, "A3B")
    fields = {**dataclasses.asdict(made), **changes}
    fields = {name: value for name, value in fields.items() if value is not ...}
    text = json.dumps(fields)
    (runs / made.run_id / "record.json").write_text(text)
    return runs
