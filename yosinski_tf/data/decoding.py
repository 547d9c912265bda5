"""Decodes any image to RGB pixels of one size, the same way for every source.

Images are warped to a square without keeping the aspect ratio, as the paper's authors
did with ImageNet. The filter is Pillow's Lanczos, which uses every pixel when it
shrinks an image (antialiasing).
"""

import collections
import concurrent.futures
import io
import itertools
import os
import pathlib
from collections.abc import Callable, Iterable

import numpy as np
from PIL import Image, UnidentifiedImageError

from yosinski_tf.machine.hardware import cores
from yosinski_tf.system.errors import UserError

# Pixel formats only: for other formats Pillow may start programs (Ghostscript).
_FORMATS = (
    *("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"),
    *("PPM", "MPO", "AVIF", "JPEG2000"),
)
DRAFT_FACTOR = 3
"""Large JPEG files may be decoded at 1/2, 1/4 or 1/8 of their size, as long as that is
at least this many times the final size; the filter does the rest."""
# Images per task of a thread: enough to hide a task's overhead at 64 x 64 pixels.
_BATCH = 64


def decode_image(source: bytes | str, name: str, image_size: int) -> np.ndarray:
    """Decodes and warps one image.

    Palettes, greyscale, CMYK and other colour spaces become RGB. 16-bit greyscale is
    scaled to 8 bits. Transparency, EXIF rotation and all frames but the first are
    ignored.

    Args:
      source: The file's content, or its path.
      name: The image's name for error messages.
      image_size: Height and width of the result, pixels.

    Returns:
      uint8 [image_size, image_size, 3], RGB, 0..255.

    Raises:
      UserError: If it is not an image, damaged, or too large.
    """
    try:
        data = source
        if isinstance(source, str):
            data = pathlib.Path(source).read_bytes()
        with _open(data) as image:
            image.draft(None, (image_size * DRAFT_FACTOR,) * 2)
            return warp(image, image_size)
    except MemoryError:
        raise
    # Pillow's decoders raise errors of many types for damaged files.
    except Exception as error:
        reason = str(error)
        if isinstance(error, UnidentifiedImageError):
            reason = "it is not an image"
        raise UserError(
            f"cannot read image {name} ({reason}): replace it with an image such as"
            " JPEG or PNG, or remove it"
        ) from None


def warp(image: Image.Image, image_size: int) -> np.ndarray:
    """Converts an image to RGB and resizes it, ignoring its aspect ratio.

    Returns:
      uint8 [image_size, image_size, 3].

    Raises:
      UserError: If its pixels are 32-bit numbers, whose range is unknown.
    """
    rgb = _to_rgb(image)
    size = (image_size, image_size)
    if rgb.size != size:
        rgb = rgb.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(rgb)


def looks_like_image(path: str) -> bool:
    """Whether a file is an image by its extension or, failing that, its first bytes."""
    extension = os.path.splitext(path)[1].lower()
    if Image.registered_extensions().get(extension) in _FORMATS:
        return True
    try:
        with open(path, "rb") as file, _open(file):
            return True
    except Exception:  # see decode_image
        return False


def decode_all(
    sources: Iterable[tuple[str, bytes | str]],
    count: int,
    image_size: int,
    advance: Callable[[int], None],
) -> np.ndarray:
    """Decodes many images with one thread per core.

    Args:
      sources: Name and content (or path) of each image. They are taken as they are
        needed, so their contents need not fit into memory together.
      count: Number of images.
      image_size: Height and width to warp them to, pixels.
      advance: Called from the calling thread with the number of images just done.

    Returns:
      uint8 [count, image_size, image_size, 3], in the order of the sources.

    Raises:
      UserError: If an image cannot be read.
    """
    images = np.empty((count, image_size, image_size, 3), np.uint8)

    def decode_batch(start: int, batch: list[tuple[str, bytes | str]]) -> int:
        for position, (name, source) in enumerate(batch, start):
            images[position] = decode_image(source, name, image_size)
        return len(batch)

    workers = cores()
    waiting: collections.deque[concurrent.futures.Future[int]] = collections.deque()
    sources = iter(sources)
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        try:
            for start in range(0, count, _BATCH):
                batch = list(itertools.islice(sources, _BATCH))
                waiting.append(pool.submit(decode_batch, start, batch))
                if len(waiting) > 2 * workers:
                    advance(waiting.popleft().result())
            while waiting:
                advance(waiting.popleft().result())
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return images


def _open(source: bytes | io.BufferedReader) -> Image.Image:
    Image.init()
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    # A build of Pillow may lack some formats, and naming these would fail.
    return Image.open(file, formats=[name for name in _FORMATS if name in Image.OPEN])


def _to_rgb(image: Image.Image) -> Image.Image:
    # Older Pillow opens 16-bit greyscale PNG and PPM in mode I.
    sixteen_bits = image.mode.startswith("I;16") or (
        image.mode == "I" and image.format in ("PNG", "PPM")
    )
    if sixteen_bits:
        # Pillow's own conversion clips at 255 instead of scaling.
        levels = np.asarray(image).astype(np.uint32)
        image = Image.fromarray(((levels * 255 + 32767) // 65535).astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise UserError(
            f"its pixels are 32-bit numbers, mode {image.mode}: convert it to 8 bits"
        )
    elif image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")
