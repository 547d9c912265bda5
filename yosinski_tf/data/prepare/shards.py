"""Makes one file (shard) of a store: the unit of work and of resuming.

A shard's content depends on its task alone, so a store has the same bytes however
many processes or machines make it.
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
from yosinski_tf.data.prepare import listing, process_pool
from yosinski_tf.data.store import format, record_files, tf_example
from yosinski_tf.data.unreadable import NeedsMemory
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import temporary_beside, write_atomically

UNREADABLE = (record_files.DamagedFile, ValueError)
"""What `read_image` raises for an image that cannot be read."""


@dataclasses.dataclass(frozen=True)
class StoreSettings:
    """How every image is stored.

    Attributes:
      image_size: Height and width to warp to, pixels.
      encoding: `jpeg` or `raw`.
      quality: JPEG quality, 1..100; None for `raw`.
    """

    image_size: int
    encoding: str
    quality: int | None

    @classmethod
    def of(cls, store: format.Store) -> "StoreSettings":
        """The settings of a finished store."""
        return cls(store.image_size, store.encoding, store.quality)


@dataclasses.dataclass(frozen=True, eq=False)
class ShardTask:
    """One file to make.

    Attributes:
      images: The images to store.
      settings: How to store them.
      path: The file.
      manifest: The file that says what the shard was made from.
      skip_corrupt: Whether unreadable images are left out; otherwise the shard is
        not made.
    """

    images: listing.ListedImages
    settings: StoreSettings
    path: pathlib.Path
    manifest: pathlib.Path
    skip_corrupt: bool

    @functools.cached_property
    def key(self) -> str:
        """SHA-256, hexadecimal, of everything that decides the file's content."""
        settings = dataclasses.astuple(self.settings)
        versions = PIL.__version__, decoding.VERSION
        text = repr((self.images.digest(), settings, versions))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclasses.dataclass(frozen=True)
class ShardResult:
    """The result of a task, as its manifest stores it.

    Attributes:
      key: The task's key.
      size: Bytes of the file, 0 if it was not made.
      num_bytes: Bytes of its records.
      digests: SHA-256 of each record, hexadecimal, concatenated.
      skipped: Row within the shard and reason of every unreadable image.
    """

    key: str
    size: int
    num_bytes: int
    digests: str
    skipped: tuple[tuple[int, str], ...]

    @property
    def num_records(self) -> int:
        """Number of records in the file."""
        return len(self.digests) // 64


def read_image(images: listing.ListedImages, row: int, image_size: int) -> np.ndarray:
    """Reads one image, uint8 [image_size, image_size, 3]; raises `UNREADABLE`."""
    name = images.file_names[row]
    content = images.origin.content(name, images.stamps[row])
    return decoding.decode_image(content, name, image_size)


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
      UserError: If it is not an image of that size.
    """
    size = settings.image_size
    if settings.encoding == "raw":
        if len(data) != 3 * size * size:
            raise UserError(f"needs 3 x {size}^2 bytes of pixels, found {len(data)}")
        return np.frombuffer(data, np.uint8).reshape(size, size, 3)
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            if image.size != (size, size) or image.mode != "RGB":
                raise UserError(f"needs {size}^2 RGB, found {image.size} {image.mode}")
            return np.asarray(image)
    except OSError as error:
        raise UserError(f"not a readable JPEG ({error})") from None


def result_of(task: ShardTask) -> ShardResult | None:
    """The result of an earlier run of this very task, None if there was none."""
    try:
        fields = json.loads(task.manifest.read_text())
        fields["skipped"] = tuple((row, why) for row, why in fields["skipped"])
        result = ShardResult(**fields)
    except format.DAMAGED_JSON:
        return None
    return result if result.key == task.key else None


def is_made(task: ShardTask) -> bool:
    """Whether the task's file exists and was made by this very task."""
    result = result_of(task)
    if result is None or not task.path.is_file():
        return False
    # Repairing an image changes the key.
    complete = task.skip_corrupt or not result.skipped
    return complete and result.size == task.path.stat().st_size


def make_shard(
    task: ShardTask,
    advance: Callable[[int], None] = lambda count: None,
    stopped: Callable[[], bool] = lambda: False,
) -> ShardResult:
    """Reads, warps, encodes and writes the images of one shard.

    The file appears complete or not at all. Unreadable images do not end the work;
    the result names all of them. `advance` and `stopped` are those of `run_all`.

    Raises:
      Interrupted: If the work was stopped.
      OSError: If the file cannot be written.
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
    for row, label in enumerate(images.labels.tolist()):
        if stopped():
            raise process_pool.Interrupted
        try:
            pixels = read_image(images, row, settings.image_size)
        except NeedsMemory:
            # A store must not depend on the memory of a machine.
            raise
        except UNREADABLE as error:
            skipped.append((row, str(error)))
        else:
            name = os.fsencode(images.file_names[row])
            record = tf_example.serialize(encode(pixels, settings), label, name)
            writer.write(record)
            digests.append(hashlib.sha256(record).hexdigest())
            num_bytes += len(record)
        advance(1)
    return ShardResult(
        key=task.key,
        size=0,
        num_bytes=num_bytes,
        digests="".join(digests),
        skipped=tuple(skipped),
    )
