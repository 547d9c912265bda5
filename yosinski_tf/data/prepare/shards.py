"""Making one file of a store: the unit of work, of resuming and of Beam.

What a shard holds depends on nothing but its task, so a store is the same bytes
however many processes or machines make it.
"""

import dataclasses
import functools
import hashlib
import io
import json
import os
import pathlib
from collections.abc import Callable

import numpy as np
import PIL
from PIL import Image

from yosinski_tf.data import decoding
from yosinski_tf.data.prepare.listing import Images
from yosinski_tf.data.prepare.process_pool import Interrupted
from yosinski_tf.data.store import record_files, tf_example
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import temporary_beside, write_atomically


@dataclasses.dataclass(frozen=True)
class StoreSettings:
    """What is done to every image.

    Attributes:
      image_size: Height and width to warp to.
      encoding: `jpeg` or `raw`.
      quality: JPEG quality, 1..100; None for `raw`.
    """

    image_size: int
    encoding: str
    quality: int | None


@dataclasses.dataclass(frozen=True, eq=False)
class ShardTask:
    """One file to make.

    Attributes:
      images: What goes into it.
      settings: What is done to them.
      path: The file.
      manifest: The file that says it is done.
      skip_corrupt: Whether an image that cannot be read is left out; if not, the
        shard is not made.
    """

    images: Images
    settings: StoreSettings
    path: pathlib.Path
    manifest: pathlib.Path
    skip_corrupt: bool

    @functools.cached_property
    def key(self) -> str:
        """SHA-256, hexadecimal, of all that decides the content of the file."""
        text = repr((self.images.digest(), self.settings, PIL.__version__))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclasses.dataclass(frozen=True)
class ShardResult:
    """What became of a shard.

    Attributes:
      key: That of its task.
      size: Bytes of the file, 0 if it was not made.
      num_bytes: Bytes of its records.
      digests: SHA-256 of each record, hexadecimal, one after another.
      skipped: Row within the shard and reason of every image left out.
    """

    key: str
    size: int
    num_bytes: int
    digests: str
    skipped: tuple[tuple[int, str], ...]

    @property
    def num_records(self) -> int:
        """Records in the file."""
        return len(self.digests) // 64


def encode(pixels: np.ndarray, settings: StoreSettings) -> bytes:
    """The bytes of the image feature for uint8 pixels [S, S, 3]."""
    if settings.encoding == "raw":
        return pixels.tobytes()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=settings.quality)
    return file.getvalue()


def decode(data: bytes, settings: StoreSettings) -> np.ndarray:
    """The uint8 pixels [S, S, 3] of an image feature.

    Raises:
      UserError: If it is no image of that size.
    """
    size = settings.image_size
    if settings.encoding == "raw":
        if len(data) != 3 * size * size:
            raise UserError(f"it has {len(data)} bytes of pixels, not 3 x {size}^2")
        return np.frombuffer(data, np.uint8).reshape(size, size, 3)
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            if image.size != (size, size) or image.mode != "RGB":
                raise UserError(f"it is {image.mode} of {image.size}, not {size}^2 RGB")
            return np.asarray(image)
    except OSError as error:
        raise UserError(f"it is no readable JPEG ({error})") from None


def result_of(task: ShardTask) -> ShardResult | None:
    """What became of a task when it was last worked on, None if it never was."""
    try:
        fields = json.loads(task.manifest.read_text())
        fields["skipped"] = tuple((row, why) for row, why in fields["skipped"])
        result = ShardResult(**fields)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return result if result.key == task.key else None


def is_made(task: ShardTask) -> bool:
    """Whether the file is there, made from the same."""
    result = result_of(task)
    if result is None or not task.path.is_file():
        return False
    # An image that was repaired since has changed the key.
    wanted = task.skip_corrupt or not result.skipped
    return wanted and result.size == task.path.stat().st_size


def make_shard(
    task: ShardTask,
    advance: Callable[[int], None] = lambda count: None,
    stopped: Callable[[], bool] = lambda: False,
) -> ShardResult:
    """Reads, warps, encodes and writes the images of one shard.

    The file is there whole or not at all. Images that cannot be read do not end
    the work: all of them are named in the result.

    Args:
      task: What to make.
      advance: Called with the number of images just done.
      stopped: Asked before every image whether to stop.

    Raises:
      Interrupted: If it was stopped.
      OSError: If it cannot be written.
    """
    temporary = temporary_beside(task.path)
    writer = None
    try:
        writer = record_files.Writer(temporary)
        result = _write(task, writer, advance, stopped)
        writer.close()
        writer = None
        if result.skipped and not task.skip_corrupt:
            task.path.unlink(missing_ok=True)
        else:
            result = dataclasses.replace(result, size=temporary.stat().st_size)
            os.replace(temporary, task.path)
        text = json.dumps(dataclasses.asdict(result))
        write_atomically(task.manifest, text.encode())
        return result
    finally:
        if writer is not None:
            writer.abandon()
        temporary.unlink(missing_ok=True)


def _write(
    task: ShardTask,
    writer: record_files.Writer,
    advance: Callable[[int], None],
    stopped: Callable[[], bool],
) -> ShardResult:
    images, settings = task.images, task.settings
    digests, skipped, num_bytes = [], [], 0
    for row, (label, name) in enumerate(
        zip(images.labels.tolist(), images.file_names, strict=True)
    ):
        if stopped():
            raise Interrupted
        try:
            content = images.place.content(row)
            pixels = decoding.decode_image(content, name, settings.image_size)
        except (UserError, record_files.DamagedFile, ValueError) as error:
            skipped.append((row, str(error)))
        else:
            data = encode(pixels, settings)
            record = tf_example.serialize(data, label, os.fsencode(name))
            writer.write(record)
            digests.append(hashlib.sha256(record).hexdigest())
            num_bytes += len(record)
        advance(1)
    return ShardResult(task.key, 0, num_bytes, "".join(digests), tuple(skipped))
