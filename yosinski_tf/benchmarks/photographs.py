"""Full-size photographs in any number, as a TFDS data set, and stores of them.

A few photographs become many: each is a crop of one, resized to the size of the
whole. Without any, textures are drawn. Sizes are those of ImageNet's images.
"""

import io
import pathlib
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from yosinski_tf.benchmarks.measuring import tell
from yosinski_tf.data.decoding import looks_like_image
from yosinski_tf.data.prepare import disk_space, make_store
from yosinski_tf.data.prepare.shards import StoreSettings
from yosinski_tf.data.store.format import Store
from yosinski_tf.machine.hardware import cores
from yosinski_tf.system.errors import UserError

NAME = "yosinski_photographs"
CLASSES = 100
_PHOTOGRAPH_QUALITY, _STORE_QUALITIES = 96, {"jpeg": 90, "raw": None}
# Rough sizes of a photograph and of its JPEG in a store, for the room on the disk.
_PHOTOGRAPH_BYTES, _STORED_BYTES = 130_000, 40_000
_SMALLEST_CROP = 0.75
_TEXTURES, _TEXTURE_SIZE = 40, (500, 375)


def make_stores(
    folder: pathlib.Path,
    place: str,
    records: int,
    image_size: int,
    encodings: Sequence[str] = tuple(_STORE_QUALITIES),
) -> list[Store]:
    """Makes the photographs and a store of each encoding, unless they exist.

    Photographs are in `full`, stores in `jpeg` and `raw`. Besides the records for
    training there is one of each class to validate; no place means drawn textures.

    Raises:
      UserError: If the disk has not enough room, or there are no photographs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    needed = records * (_PHOTOGRAPH_BYTES + _STORED_BYTES + image_size**2 * 3)
    needed -= size_on_disk(folder)
    remedy = "give another --work_dir, or fewer --records"
    disk_space.require(f"--records={records}", needed, folder, remedy)
    full = str(folder / "full")
    tell(f"making {records:,} full-size images in {full}")
    _write_photographs(place, records, full)
    stores = []
    for encoding in encodings:
        tell(f"preparing the store {folder / encoding}")
        request = make_store.StoreRequest(
            source=f"tfds:{NAME}",
            data_dir=full,
            manual_dir=None,
            held_out=None,
            out=folder / encoding,
            settings=StoreSettings(image_size, encoding, _STORE_QUALITIES[encoding]),
            skip_corrupt=False,
            processes=cores(),
            shard_records=None,
            command="yosinski-benchmark",
        )
        stores.append(make_store.make_store(request))
    held = disk_space.megabytes(size_on_disk(folder))
    tell(f"{folder} holds {held}: delete it when done")
    return stores


def size_on_disk(folder: pathlib.Path) -> int:
    """Bytes of all files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def read_photographs(place: str) -> list[bytes]:
    """The image files of a folder or a tar file, sorted by name.

    Raises:
      UserError: If there are none, or they cannot be read.
    """
    path = pathlib.Path(place).expanduser()
    found: dict[str, bytes] = {}
    reason = "none"
    try:
        if path.is_dir():
            files = (f for f in path.rglob("*") if looks_like_image(str(f)))
            found = {f.as_posix(): f.read_bytes() for f in files if f.is_file()}
        else:
            with tarfile.open(path) as tar:
                members = (m for m in tar if m.isfile() and looks_like_image(m.name))
                found = {m.name: tar.extractfile(m).read() for m in members}
    except (OSError, tarfile.TarError) as error:
        found, reason = {}, str(error)
    if not found:
        raise UserError(
            f"--photographs needs a folder or a tar file of images, found {reason} at"
            f" {path}: give another, or leave it out for drawn textures"
        )
    return [found[name] for name in sorted(found)]


def _write_photographs(place: str, records: int, folder: str) -> None:
    """Writes the data set, in 100 classes of equal size, unless it is there."""
    numbers = {
        "train": range(records),
        "validation": range(records, records + CLASSES),
    }
    features = {
        "image": tfds.features.Image(encoding_format="jpeg"),
        "label": tfds.features.ClassLabel(num_classes=CLASSES),
        "file_name": tfds.features.Text(),
    }
    tfds.dataset_builders.AdhocBuilder(
        name=NAME,
        version="1.0.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets={n: _examples(place, part) for n, part in numbers.items()},
        data_dir=folder,
        file_format="tfrecord",
    ).download_and_prepare()


def _examples(place: str, numbers: Iterable[int]) -> Iterator[tuple[int, Any]]:
    """Random crops, resized to the size of the whole image, as JPEG files."""
    if place:
        files = read_photographs(place)
        images = [Image.open(io.BytesIO(file)).convert("RGB") for file in files]
    else:
        images = _draw_textures()
    for number in numbers:
        random = np.random.default_rng(number)
        image = images[number % len(images)]
        width, height = image.size
        wide, high = (side * random.uniform(_SMALLEST_CROP, 1) for side in image.size)
        left, top = random.uniform(0, width - wide), random.uniform(0, height - high)
        box = (left, top, left + wide, top + high)
        buffer = io.BytesIO()
        crop = image.resize(image.size, Image.Resampling.BICUBIC, box=box)
        crop.save(buffer, "JPEG", quality=_PHOTOGRAPH_QUALITY)
        buffer.seek(0)
        label, name = number % CLASSES, f"{number:07d}.jpg"
        yield number, {"image": buffer, "label": label, "file_name": name}


def _draw_textures() -> list[Image.Image]:
    """Pictures with detail at every scale, as photographs have."""
    random = np.random.default_rng(0)

    def noise(octave: int) -> np.ndarray:
        coarse = random.integers(0, 256, (2**octave, 2**octave, 3), np.uint8)
        smooth = Image.fromarray(coarse).resize(_TEXTURE_SIZE, Image.Resampling.BICUBIC)
        return (np.asarray(smooth) - 127.5) * 0.62**octave

    drawn = []
    for _ in range(_TEXTURES):
        total = sum(noise(octave) for octave in range(2, 9))
        pixels = np.clip(128 + 50 * total / total.std(), 0, 255)
        drawn.append(Image.fromarray(pixels.astype(np.uint8)))
    return drawn
