"""Decodes any image to RGB pixels of one size, the same way for every source.

README.md of this room says what happens to each kind of file.

Images are warped to a square without keeping the aspect ratio, as the paper's authors
did with ImageNet. The filter is Pillow's Lanczos, which uses every pixel when it
shrinks an image (antialiasing).
"""

import collections
import concurrent.futures
import contextlib
import io
import itertools
import os
import pathlib
import threading
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from PIL import Image, UnidentifiedImageError

from yosinski_tf.data.colours import to_rgb
from yosinski_tf.data.orientation import orientation_of, upright
from yosinski_tf.data.unreadable import NeedsMemory, unreadable
from yosinski_tf.machine.hardware import IMAGES_SHARE, available_memory, cores
from yosinski_tf.system.errors import UserError

# Pillow's own limit is a number of pixels; here the free memory is, see `_room_for`.
Image.MAX_IMAGE_PIXELS = None

# Pixel formats only: for other formats Pillow may start programs (Ghostscript).
_FORMATS = (
    *("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"),
    *("PPM", "MPO", "AVIF", "JPEG2000"),
)
VERSION = 2
"""Which pixels a file becomes. In version 1 photographs stayed as their camera stored
them, and CMYK JPEG files without Adobe's marker were inverted."""
UPRIGHT_SINCE = 2
"""The version from which photographs are turned upright by their EXIF orientation."""
UNTURNED = (
    "the images were read by an earlier version, which left photographs as their camera"
    " stored them: they are not turned upright, and stay so"
)
"""What to tell about images of an earlier version."""
DRAFT_FACTOR = 3
"""Large JPEG files may be decoded at 1/2, 1/4 or 1/8 of their size, as long as that is
at least this many times the final size; the filter does the rest."""
# Of Pillow's image, the same in RGB, and the same turned upright.
_PIXEL_BYTES = 12
# Images that need more than this are decoded one at a time.
_LARGE_BYTES = 2**28
_ONE_LARGE = threading.Lock()
# Images per task of a thread: enough to hide a task's overhead at 64 x 64 pixels.
_BATCH = 64


def decode_image(source: bytes | str, name: str, image_size: int) -> np.ndarray:
    """Decodes and warps one image.

    It becomes RGB as in `colours.to_rgb` and is turned upright by its EXIF
    orientation. All frames and pages but the first are ignored.

    Args:
      source: The file's content, or its path.
      name: The image's name for error messages.
      image_size: Height and width of the result, pixels.

    Returns:
      uint8 [image_size, image_size, 3], RGB, 0..255.

    Raises:
      UserError: If it is not an image, damaged, too large for the free memory, or of
        a kind that cannot be read faithfully.
    """
    try:
        data = source
        if isinstance(source, str):
            data = pathlib.Path(source).read_bytes()
        with _open(data) as image:
            image.draft(None, (image_size * DRAFT_FACTOR,) * 2)
            with _room_for(image):
                rgb = to_rgb(image)
                return _resized(upright(rgb, orientation_of(image)), image_size)
    except MemoryError:
        raise
    except NeedsMemory as error:
        raise NeedsMemory(f"cannot read image {name}: {error}") from None
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
      UserError: As `colours.to_rgb`.
    """
    return _resized(to_rgb(image), image_size)


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
      Unreadable: If images cannot be read, after all others are read.
    """
    images = np.empty((count, image_size, image_size, 3), np.uint8)
    wrong: dict[int, tuple[str, str]] = {}

    def decode_batch(start: int, batch: list[tuple[str, bytes | str]]) -> int:
        for position, (name, source) in enumerate(batch, start):
            try:
                images[position] = decode_image(source, name, image_size)
            except NeedsMemory:
                raise
            except UserError as error:
                wrong[position] = name, str(error)
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
    if wrong:
        raise unreadable([wrong[position] for position in sorted(wrong)])
    return images


def _open(source: bytes | io.BufferedReader) -> Image.Image:
    Image.init()
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    # A build of Pillow may lack some formats, and naming these would fail.
    return Image.open(file, formats=[name for name in _FORMATS if name in Image.OPEN])


@contextlib.contextmanager
def _room_for(image: Image.Image) -> Iterator[None]:
    """Decodes a large image in a `with` block: alone, and if the memory suffices.

    Raises:
      NeedsMemory: If it needs more than `IMAGES_SHARE` of the free memory.
    """
    width, height = image.size
    needed = width * height * _PIXEL_BYTES
    if needed < _LARGE_BYTES:
        yield
        return
    with _ONE_LARGE:
        free = available_memory()
        if free is not None and needed > IMAGES_SHARE * free:
            raise NeedsMemory(
                f"its {width:,} x {height:,} pixels need {needed / 1e9:.1f} GB of"
                f" memory, found {IMAGES_SHARE * free / 1e9:.1f} GB,"
                f" {IMAGES_SHARE:.0%} of the free memory: make it smaller, or free"
                " memory"
            )
        yield


def _resized(rgb: Image.Image, image_size: int) -> np.ndarray:
    size = (image_size, image_size)
    if rgb.size != size:
        rgb = rgb.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(rgb)
