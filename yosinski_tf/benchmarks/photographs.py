"""Full-size photographs in any number, as a TFDS data set to be measured on.

A few photographs become many by crops, each resized to the size of the whole;
without any, textures are drawn. Sizes are those of ImageNet's images.
"""

import collections
import concurrent.futures
import io
import itertools
import pathlib
import tarfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath
from PIL import Image

from yosinski_tf.data.decoding import looks_like_image
from yosinski_tf.machine.hardware import cores
from yosinski_tf.system.errors import UserError

NAME = "yosinski_photographs"
CLASSES = 100
_QUALITY = 96
_LEAST_SHARE = 0.75
_DRAWN = 40
_SIZES = ((500, 375), (500, 333), (375, 500), (400, 350))
_VALIDATION_PER_CLASS = 2


def read_photographs(place: str) -> list[bytes]:
    """The image files of a folder or a tar file, in the order of their names.

    Raises:
      UserError: If there are none.
    """
    path = pathlib.Path(place).expanduser()
    found: dict[str, bytes] = {}
    try:
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                if file.is_file() and looks_like_image(str(file)):
                    found[file.as_posix()] = file.read_bytes()
        else:
            with tarfile.open(path) as tar:
                for member in tar:
                    if member.isfile() and looks_like_image(member.name):
                        found[member.name] = tar.extractfile(member).read()
    except (OSError, tarfile.TarError) as error:
        raise UserError(
            f"--photographs cannot be read, {path} ({error}): give a folder of images"
            " or a tar file of some"
        ) from None
    if not found:
        raise UserError(
            f"--photographs has no image, {path}: give a folder of images or a tar"
            " file of some"
        )
    return [found[name] for name in sorted(found)]


def draw_textures() -> list[Image.Image]:
    """Pictures with detail at every scale, in place of photographs."""
    random = np.random.default_rng(0)
    drawn = []
    for index in range(_DRAWN):
        width, height = _SIZES[index % len(_SIZES)]
        total = np.zeros((height, width, 3), np.float32)
        for octave in range(2, 9):
            coarse = random.normal(0, 1, (2**octave, 2**octave, 3)) * 0.62**octave
            for channel in range(3):
                layer = Image.fromarray(coarse[..., channel].astype(np.float32))
                smooth = layer.resize((width, height), Image.Resampling.BICUBIC)
                total[..., channel] += np.asarray(smooth)
        total = 128 + 50 * total / total.std()
        drawn.append(Image.fromarray(np.clip(total, 0, 255).astype(np.uint8)))
    return drawn


def _variation(image: Image.Image, seed: int) -> bytes:
    random = np.random.default_rng(seed)
    width, height = image.size
    wide, high = (side * random.uniform(_LEAST_SHARE, 1) for side in image.size)
    left, top = random.uniform(0, width - wide), random.uniform(0, height - high)
    box = (left, top, left + wide, top + high)
    crop = image.resize(image.size, Image.Resampling.BICUBIC, box=box)
    buffer = io.BytesIO()
    crop.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


class YosinskiPhotographs(tfds.core.GeneratorBasedBuilder):
    """As many photographs as are asked for, in 100 classes of equal size."""

    code_path = epath.Path(__file__)
    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, *, place: str = "", records: int = CLASSES, **options: Any):
        """Takes where photographs are, empty to draw some, and how many to make."""
        self._place, self._records = place, records
        super().__init__(**options)

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(encoding_format="jpeg"),
                    "label": tfds.features.ClassLabel(num_classes=CLASSES),
                    "file_name": tfds.features.Text(),
                }
            ),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> Any:
        del dl_manager  # Nothing is downloaded.
        if self._place:
            files = read_photographs(self._place)
            self._images = [Image.open(io.BytesIO(f)).convert("RGB") for f in files]
        else:
            self._images = draw_textures()
        validation = range(self._records, self._records + CLASSES)
        return {
            "train": self._generate_examples(range(self._records)),
            "validation": self._generate_examples(validation),
        }

    def _generate_examples(self, numbers: range) -> Iterator[tuple[int, Any]]:
        waiting: collections.deque = collections.deque()
        numbers = iter(numbers)
        with concurrent.futures.ThreadPoolExecutor(cores()) as pool:
            while True:
                for number in itertools.islice(numbers, 256 - len(waiting)):
                    image = self._images[number % len(self._images)]
                    future = pool.submit(_variation, image, number)
                    waiting.append((number, future))
                if not waiting:
                    return
                number, future = waiting.popleft()
                yield (
                    number,
                    {
                        "image": io.BytesIO(future.result()),
                        "label": number % CLASSES,
                        "file_name": f"{number:07d}.jpg",
                    },
                )


def prepare(folder: pathlib.Path, place: str, records: int) -> None:
    """Makes the data set in a folder, unless it is there.

    Raises:
      UserError: If the photographs cannot be read.
    """
    builder = YosinskiPhotographs(
        place=place, records=records, data_dir=str(folder), file_format="tfrecord"
    )
    builder.download_and_prepare()
