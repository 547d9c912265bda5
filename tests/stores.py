"""Stores for tests, made by the program's own preparation."""

import pathlib

import numpy as np
from PIL import Image

from yosinski_tf.data.prepare import Request, prepare
from yosinski_tf.data.shard_work import Settings
from yosinski_tf.data.store_format import Store


def draw_images(
    folder: pathlib.Path, counts: list[int], size: int, validation: int = 3
) -> pathlib.Path:
    """A folder of smooth random images, so many for training in each class."""
    random = np.random.default_rng(0)
    for part, numbers in (("train", counts), ("val", [validation] * len(counts))):
        for index, count in enumerate(numbers):
            home = folder / part / f"class{index}"
            home.mkdir(parents=True)
            for image in range(count):
                coarse = random.integers(0, 256, (5, 5, 3), np.uint8)
                smooth = Image.fromarray(coarse).resize((size, size))
                smooth.save(home / f"{image:02d}.png")
    return folder


def make_store(
    images: pathlib.Path, out: pathlib.Path, size: int, encoding: str = "raw"
) -> Store:
    """A store of a folder of images, seven records to a file."""
    return prepare(
        Request(
            source=f"folder:{images}",
            data_dir=None,
            manual_dir=None,
            held_out=None,
            out=out,
            settings=Settings(size, encoding, None if encoding == "raw" else 90),
            skip_corrupt=False,
            processes=1,
            shard_records=7,
            command="yosinski-prepare --test",
        )
    )
