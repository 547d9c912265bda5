"""Images and requests from which tests make stores."""

import dataclasses
import pathlib
import re
import tarfile

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image
from places import PHOTOGRAPHS

from yosinski_tf.data.prepare import make_store
from yosinski_tf.data.prepare.shards import StoreSettings
from yosinski_tf.data.store.format import Store


def draw(folder: pathlib.Path, train: int = 5, validation: int = 2) -> pathlib.Path:
    """Writes three classes of noise in files of two formats and several sizes."""
    random = np.random.RandomState(0)
    for part, count in (("train", train), ("val", validation)):
        for label, name in enumerate(("ant", "bee", "cow")):
            home = folder / part / name
            home.mkdir(parents=True)
            for k in range(count + label):
                shape = (20 + k, 31 - k, 3)
                image = Image.fromarray(random.randint(0, 256, shape).astype(np.uint8))
                image.save(home / f"{k}.{('png', 'jpg')[k % 2]}")
    return folder


def request(source: str, out: pathlib.Path, **changes) -> make_store.StoreRequest:
    """A request for raw 16 x 16 images in one process, with some changes."""
    settings = {
        name: changes.pop(name, default)
        for name, default in (("image_size", 16), ("encoding", "raw"))
    }
    quality = changes.pop("quality", 90 if settings["encoding"] == "jpeg" else None)
    made = make_store.StoreRequest(
        source=source,
        data_dir=None,
        manual_dir=None,
        held_out=None,
        out=out,
        settings=StoreSettings(**settings, quality=quality),
        skip_corrupt=False,
        processes=1,
        shard_records=4,
        command="yosinski-prepare",
    )
    return dataclasses.replace(made, **changes)


def make(source: str, out: pathlib.Path, **changes) -> Store:
    """Makes a store in this process."""
    return make_store.make_store(request(source, out, **changes))


def pixels(store: Store, part: str) -> tuple[list[int], list[str], np.ndarray]:
    """Labels, names and images of a store, read by TensorFlow Datasets alone."""
    source = tfds.builder_from_directory(store.folder).as_data_source(part)
    examples = list(source)
    return (
        [int(e["label"]) for e in examples],
        [e["file_name"].decode() for e in examples],
        np.stack([e["image"] for e in examples]),
    )


def content(folder: pathlib.Path) -> dict[str, bytes]:
    """Content of every file of a store except its description, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "store.json"
    }


def photographs() -> dict[str, bytes]:
    """A full-size ImageNet photograph of each class, by WordNet id."""
    found = {}
    with tarfile.open(PHOTOGRAPHS) as tar:
        for member in sorted((m for m in tar if m.isfile()), key=lambda m: m.name):
            name = re.match(r"n\d{8}", pathlib.Path(member.name).name)[0]
            found[name] = tar.extractfile(member).read()
    return found
