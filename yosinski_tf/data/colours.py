"""Turns the pixels of an opened image into RGB of 8 bits, or refuses them."""

import numpy as np
from PIL import Image, ImageChops

from yosinski_tf.system.errors import UserError

_SUBFILE_TYPE, _BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 254, 258, 262, 339
_DNG_VERSION = 50706
_WHITE_IS_ZERO, _SIGNED = 0, 2


def to_rgb(image: Image.Image) -> Image.Image:
    """Converts an image to RGB.

    Palettes, greyscale, CMYK, Lab and YCbCr become RGB, and 16 bits become 8.
    Transparency is dropped: a transparent pixel has the colour that the file gives it.
    Colour profiles are ignored.

    Returns:
      An image of mode RGB and the same size.

    Raises:
      UserError: If the range of its pixels is unknown, or Pillow would misread them.
    """
    if image.format == "TIFF":
        _check_tiff(image)
    if _is_sixteen_bits(image):
        # Pillow's own conversion clips at 255 instead of scaling.
        levels = np.asarray(image).astype(np.uint32)
        image = Image.fromarray(((levels * 255 + 32767) // 65535).astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise UserError(
            f"its pixels are 32-bit numbers, mode {image.mode}: convert it to 8 bits"
        )
    elif image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode == "CMYK" and _has_plain_inks(image):
        image = ImageChops.invert(image)
    return image.convert("RGB")


def _is_sixteen_bits(image: Image.Image) -> bool:
    # Older Pillow opens 16-bit greyscale PNG and PPM in mode I.
    return image.mode.startswith("I;16") or (
        image.mode == "I" and image.format in ("PNG", "PPM")
    )


def _has_plain_inks(image: Image.Image) -> bool:
    """Whether Pillow has inverted inks of a JPEG file that only Adobe inverts."""
    return image.format in ("JPEG", "MPO") and "adobe" not in image.info


def _check_tiff(image: Image.Image) -> None:
    """Refuses what Pillow would read as something else."""
    tags = image.tag_v2
    if _DNG_VERSION in tags or tags.get(_SUBFILE_TYPE, 0) & 1:
        raise UserError(
            "it is a camera's raw file, whose first picture is a preview: develop it"
        )
    bits = tags.get(_BITS, (1,))[0]
    if bits == 8 and _SIGNED in tags.get(_SAMPLE_FORMAT, ()):
        raise UserError("its pixels are signed numbers: convert it to 8 bits")
    if 8 < bits < 16:
        raise UserError(f"its pixels have {bits} bits: convert it to 8 or 16 bits")
    if bits == 16 and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        raise UserError("its white is 0 in 16 bits: convert it, so that black is 0")
