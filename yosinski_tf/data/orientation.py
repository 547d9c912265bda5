"""How a photograph was held, as its EXIF data say.

Only EXIF counts; what other data (XMP) say of orientation is ignored.
"""

from PIL import Image

UPRIGHT = 1
_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation of an image whose pixels are loaded.

    Returns:
      1 to 8; 1 if it is unknown, and for TIFF, which Pillow turns when it loads.
    """
    data = image.info.get("exif")
    if not data or image.format == "TIFF":
        return UPRIGHT
    exif = Image.Exif()
    try:
        exif.load(data)
        value = exif.get(_TAG, UPRIGHT)
    except Exception:  # Damaged EXIF data are none; Pillow raises many types.
        return UPRIGHT
    return value if value in _TURNS else UPRIGHT


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turns or mirrors an image of that EXIF orientation, so that it stands upright."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)
