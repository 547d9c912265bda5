"""The same picture as a file of every kind, each with the pixels that it stands for.

The pixels come from what was drawn, not from a decoder. See `image_writers`
for the files that Pillow cannot write.
"""

import dataclasses
import itertools
import struct
from collections.abc import Callable

import numpy as np
from image_writers import bmp, png, save, tiff
from PIL import Image

SIDE = 32


@dataclasses.dataclass(frozen=True)
class Kind:
    """A file of one kind.

    Attributes:
      content: The file.
      pixels: The RGB pixels that it stands for, uint8 [32, 32, 3].
      loss: Mean difference that its compression may cause, of 255.
      exported: Whether the exported model takes it; otherwise it must refuse.
    """

    content: bytes
    pixels: np.ndarray
    loss: float = 0
    exported: bool = True


def picture() -> np.ndarray:
    """Smooth colours that differ in every corner and channel, uint8 [32, 32, 3]."""
    down, right = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1)
    red, green, blue = 20 + 200 * down, 240 - 180 * right, 60 + 90 * down * right
    return np.stack([red, green, blue], -1).astype(np.uint8)


def grey() -> np.ndarray:
    """A smooth grey picture, uint8 [32, 32]."""
    return picture()[:, :, 0] // 2 + picture()[:, :, 1] // 4


def blocks(colours: int) -> np.ndarray:
    """Indices of palette colours in 8 x 8 blocks, uint8 [32, 32]."""
    down, right = np.mgrid[0:SIDE, 0:SIDE] // 8
    return ((4 * down + right) * 7 % colours).astype(np.uint8)


def palette(colours: int) -> np.ndarray:
    """Unlike colours that are not grey, uint8 [colours, 3]."""
    index = np.arange(colours)
    columns = (index * 67 + 200) % 256, (index * 101 + 30) % 256, (index * 23) % 256
    return np.stack(columns, -1).astype(np.uint8)


def kinds() -> dict[str, Kind]:
    """A file of every kind, by name."""
    made: dict[str, Kind] = {}
    for make in (_jpeg, _png, _gif, _bmp, _webp, _tiff, _other):
        made |= make()
    return made


def with_orientation(form: str, orientation: int, **options) -> bytes:
    """The upright `picture`, stored turned, with the orientation that says so."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = to_stored(picture(), orientation)
    return save(stored, form, exif=exif, **options)


def to_stored(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turns an upright picture into what a camera with that orientation stores."""
    # EXIF 2.32: where row 0 and column 0 of the stored picture are, upright.
    turns: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],  # top, right
        3: lambda p: p[::-1, ::-1],  # bottom, right
        4: lambda p: p[::-1],  # bottom, left
        5: lambda p: p.swapaxes(0, 1),  # left, top
        6: lambda p: p[:, ::-1].swapaxes(0, 1),  # right, top
        7: lambda p: p[::-1, ::-1].swapaxes(0, 1),  # right, bottom
        8: lambda p: p[::-1].swapaxes(0, 1),  # left, bottom
    }
    return np.ascontiguousarray(turns[orientation](pixels))


def three(values: np.ndarray) -> np.ndarray:
    """A grey picture as RGB."""
    return np.repeat(values[:, :, None], 3, axis=2).astype(np.uint8)


def with_alpha(pixels: np.ndarray) -> np.ndarray:
    """Adds an alpha channel that is 0 at the left and half at the right."""
    alpha = np.full((SIDE, SIDE, 1), 128, np.uint8)
    alpha[:, : SIDE // 2] = 0
    return np.concatenate([pixels.reshape(SIDE, SIDE, -1), alpha], 2)


def _cmyk() -> tuple[np.ndarray, np.ndarray]:
    """Inks [32, 32, 4], 255 for full ink, and their RGB."""
    ink = np.concatenate([255 - picture(), grey()[:, :, None] // 3], 2)
    light = 255 - ink.astype(float)
    return ink, np.round(light[:, :, :3] * light[:, :, 3:] / 255).astype(np.uint8)


def _jpeg() -> dict[str, Kind]:
    rgb = picture()
    ink, of_ink = _cmyk()
    cmyk = save(Image.fromarray(ink, "CMYK"), "JPEG", quality=98)
    best = {"quality": 98}
    made = {
        "jpeg": save(rgb, "JPEG", **best),
        "jpeg 4:4:4": save(rgb, "JPEG", subsampling=0, **best),
        "jpeg progressive": save(rgb, "JPEG", progressive=True, **best),
        "jpeg rgb": save(rgb, "JPEG", keep_rgb=True, **best),
        "mpo": save(
            rgb, "MPO", save_all=True, append_images=[Image.new("RGB", (32, 32))]
        ),
    }
    return {
        **{name: Kind(content, rgb, 2) for name, content in made.items()},
        "jpeg grey": Kind(save(grey(), "JPEG", **best), three(grey()), 2),
        "jpeg cmyk of Adobe": Kind(cmyk, of_ink, 2),
        "jpeg ycck of Adobe": Kind(_ycck(ink), of_ink, 2.5),
        "jpeg cmyk without Adobe": Kind(_plain_cmyk(ink), of_ink, 2),
    }


def _ycck(ink: np.ndarray) -> bytes:
    """Adobe's form: inverted inks, three of them as YCbCr."""
    inverted = 255 - ink
    # libjpeg's YCCK has the complement of the stored inks as its RGB.
    ycc = np.asarray(Image.fromarray(255 - inverted[:, :, :3]).convert("YCbCr"))
    planes = np.concatenate([ycc, inverted[:, :, 3:]], 2)
    # Pillow inverts what it writes.
    content = save(Image.fromarray(255 - planes, "CMYK"), "JPEG", quality=98)
    place = content.index(b"Adobe") + 11
    assert content[place] == 0
    return content[:place] + b"\2" + content[place + 1 :]


def _plain_cmyk(ink: np.ndarray) -> bytes:
    """Without Adobe's marker inks are not inverted."""
    content = save(Image.fromarray(255 - ink, "CMYK"), "JPEG", quality=98)
    place = content.index(b"Adobe") - 4
    return content[:place] + content[place + 16 :]


def _png() -> dict[str, Kind]:
    rgb, wide = picture(), picture().astype(int) * 257
    made = {}
    for bits in (1, 2, 4, 8):
        levels = blocks(2**bits)
        shades = three(levels.astype(int) * 255 // (2**bits - 1))
        made[f"png grey {bits}"] = Kind(png(levels, bits, 0), shades)
        table = palette(2**bits)
        made[f"png palette {bits}"] = Kind(
            png(levels, bits, 3, PLTE=table.tobytes()), table[levels]
        )
    half = bytes(range(0, 16))
    see_through = png(blocks(16), 4, 3, PLTE=palette(16).tobytes(), tRNS=half)
    made["png palette, transparent"] = Kind(see_through, palette(16)[blocks(16)])
    colour = struct.pack(">HHH", *rgb[0, 0].tolist())
    frames = [Image.fromarray(p) for p in (rgb, 255 - rgb)]
    grey16 = grey().astype(int) * 257
    made |= {
        "png grey 16": Kind(png(grey16, 16, 0), three(grey())),
        "png grey with alpha": Kind(png(with_alpha(grey()), 8, 4), three(grey())),
        "png grey with alpha 16": Kind(
            png(with_alpha(grey()).astype(int) * 257, 16, 4), three(grey())
        ),
        "png rgb": Kind(png(rgb, 8, 2), rgb),
        "png rgb 16": Kind(png(wide, 16, 2), rgb),
        "png rgb interlaced": Kind(png(rgb, 8, 2, interlaced=True), rgb),
        "png grey 1 interlaced": Kind(
            png(blocks(2), 1, 0, interlaced=True), three(blocks(2) * 255)
        ),
        "png rgb, one colour transparent": Kind(png(rgb, 8, 2, tRNS=colour), rgb),
        "png grey, one level transparent": Kind(
            png(grey(), 8, 0, tRNS=b"\0\x40"), three(grey())
        ),
        "png rgba": Kind(png(with_alpha(rgb), 8, 6), rgb),
        "png rgba 16": Kind(png(with_alpha(rgb).astype(int) * 257, 16, 6), rgb),
        "png animated": Kind(
            save(frames[0], "PNG", save_all=True, append_images=frames[1:]), rgb
        ),
    }
    return made


def _paletted(colours: int = 16) -> Image.Image:
    image = Image.fromarray(blocks(colours), "P")
    image.putpalette(palette(colours).tobytes())
    return image


def _gif() -> dict[str, Kind]:
    pixels, image = palette(16)[blocks(16)], _paletted()
    other = Image.fromarray(blocks(16)[::-1].copy(), "P")
    other.putpalette(palette(16)[::-1].tobytes())
    plain = save(image, "GIF", interlace=0, optimize=False)
    clear = save(image, "GIF", transparency=9, optimize=False)
    more = {"save_all": True, "append_images": [other], "optimize": False}
    # Its right half has the background's colour, the first of the map.
    half = Image.fromarray(blocks(16)[:, : SIDE // 2].copy(), "P")
    half.putpalette(palette(16).tobytes())
    narrow = bytearray(save(half, "GIF", optimize=False))
    narrow[6:10] = struct.pack("<HH", SIDE, SIDE)
    beside = pixels.copy()
    beside[:, SIDE // 2 :] = palette(16)[0]
    commented = save(image, "GIF", comment=b"x" * 700, transparency=9, optimize=False)
    return {
        "gif": Kind(plain, pixels),
        "gif whose frame does not fill it": Kind(bytes(narrow), beside, exported=False),
        "gif interlaced": Kind(save(image, "GIF", interlace=1), pixels),
        "gif grey": Kind(save(grey(), "GIF"), three(grey())),
        "gif transparent": Kind(clear, pixels),
        "gif transparent with a comment": Kind(commented, pixels),
        "gif animated": Kind(save(image, "GIF", **more), pixels),
        "gif animated, transparent": Kind(
            save(image, "GIF", transparency=9, disposal=2, **more), pixels
        ),
    }


def _packed(indices: np.ndarray, bits: int) -> bytes:
    digits = np.unpackbits(indices[:, :, None], axis=2)[:, :, 8 - bits :]
    return np.packbits(digits.reshape(len(indices), -1), axis=1).tobytes()


def _bmp() -> dict[str, Kind]:
    rgb = picture()
    upside_down = rgb[::-1, :, ::-1]
    made = {}
    for bits in (1, 4, 8):
        indices, table = blocks(2**bits), palette(2**bits)
        quads = np.concatenate([table[:, ::-1], np.zeros((2**bits, 1), "u1")], 1)
        pixels, body = table[indices], _packed(indices[::-1], bits)
        made[f"bmp palette {bits}"] = Kind(
            bmp(body, bits, table=quads.tobytes()), pixels
        )
        made[f"bmp palette {bits} of OS/2"] = Kind(
            bmp(body, bits, table=table[:, ::-1].tobytes(), header=12), pixels
        )
    quads = np.concatenate([palette(16)[:, ::-1], np.zeros((16, 1), "u1")], 1)
    runs = [
        b"".join(bytes([len(list(g)), v]) for v, g in itertools.groupby(row.tolist()))
        for row in blocks(16)[::-1]
    ]
    nibbles = [
        b"".join(
            bytes([len(list(g)), 17 * v]) for v, g in itertools.groupby(row.tolist())
        )
        for row in blocks(16)[::-1]
    ]
    table, of_table = quads.tobytes(), palette(16)[blocks(16)]
    padded = np.concatenate([upside_down, np.zeros((SIDE, SIDE, 1), "u1")], 2)
    five = (rgb >> 3).astype(np.uint16)
    of_555 = np.round(five * (255 / 31)).astype(np.uint8)
    words = (five[..., 0] << 10 | five[..., 1] << 5 | five[..., 2])[::-1]
    green = (rgb[..., 1] >> 2).astype(np.uint16)
    of_565 = np.dstack([of_555[..., 0], np.round(green * (255 / 63)), of_555[..., 2]])
    words_565 = (five[..., 0] << 11 | green << 5 | five[..., 2])[::-1]
    masks_565 = struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    masks_32 = struct.pack("<III", 0xFF0000, 0xFF00, 0xFF)
    return made | {
        "bmp grey": Kind(save(grey(), "BMP"), three(grey())),
        "bmp 1, black and white": Kind(
            save(Image.fromarray(blocks(2) * 255).convert("1"), "BMP"),
            three(blocks(2) * 255),
        ),
        "bmp rgb": Kind(save(rgb, "BMP"), rgb),
        "bmp rgb, from the top": Kind(
            bmp(rgb[:, :, ::-1].tobytes(), 24, height=-SIDE), rgb
        ),
        "bmp rgb of OS/2": Kind(bmp(upside_down.tobytes(), 24, header=12), rgb),
        "bmp 32": Kind(bmp(padded.tobytes(), 32), rgb),
        "bmp 32 with masks": Kind(
            bmp(padded.tobytes(), 32, compression=3, table=masks_32), rgb
        ),
        "bmp rgba": Kind(save(with_alpha(rgb), "BMP"), rgb),
        "bmp 16, 555": Kind(bmp(words.astype("<u2").tobytes(), 16), of_555, 1),
        "bmp 16, 565": Kind(
            bmp(words_565.astype("<u2").tobytes(), 16, compression=3, table=masks_565),
            of_565.astype(np.uint8),
            1,
        ),
        "bmp rle 8": Kind(
            bmp(b"\0\0".join(runs) + b"\0\1", 8, compression=1, table=table),
            of_table,
            exported=False,
        ),
        "bmp rle 4": Kind(
            bmp(b"\0\0".join(nibbles) + b"\0\1", 4, compression=2, table=table),
            of_table,
            exported=False,
        ),
    }


def _webp() -> dict[str, Kind]:
    rgb = picture()
    clear, lossless = with_alpha(rgb), {"lossless": True, "exact": True}
    more = {"save_all": True, "append_images": [Image.fromarray(255 - rgb)]}
    # Pillow keeps no colours below an alpha of 0 in an animation.
    half = with_alpha(rgb) | np.array([0, 0, 0, 64], np.uint8)
    half_more = {"save_all": True, "append_images": [Image.fromarray(255 - half)]}
    left = np.ascontiguousarray(rgb[:, : SIDE // 2])
    left_more = {"save_all": True, "append_images": [Image.fromarray(255 - left)]}
    beside = rgb.copy()
    beside[:, SIDE // 2 :] = 0
    return {
        "webp": Kind(save(rgb, "WEBP", quality=98), rgb, 3),
        "webp lossless": Kind(save(rgb, "WEBP", lossless=True), rgb),
        "webp with alpha": Kind(save(clear, "WEBP", **lossless), rgb),
        "webp lossy with alpha": Kind(
            save(clear, "WEBP", quality=98, exact=True), rgb, 3
        ),
        "webp animated": Kind(save(rgb, "WEBP", lossless=True, **more), rgb),
        "webp lossy, animated": Kind(save(rgb, "WEBP", quality=98, **more), rgb, 3),
        "webp animated with alpha": Kind(
            save(half, "WEBP", **lossless, **half_more), rgb
        ),
        "webp lossy, animated with alpha": Kind(
            save(half, "WEBP", quality=98, exact=True, **half_more), rgb, 3
        ),
        "webp whose frame does not fill it": Kind(
            _beside(save(left, "WEBP", lossless=True, **left_more)),
            beside,
            exported=False,
        ),
    }


def _beside(content: bytes) -> bytes:
    """Makes the canvas of an animation twice as wide as its frames."""
    width = (SIDE - 1).to_bytes(3, "little")
    return content[:24] + width + content[27:]


def _tiff() -> dict[str, Kind]:
    rgb, ink = picture(), _cmyk()[0]
    wide, grey16 = rgb.astype(int) * 257, grey().astype(int) * 257
    more = {"save_all": True, "append_images": [Image.fromarray(255 - rgb)]}
    made = {
        "tiff": (save(rgb, "TIFF"), rgb, 0),
        "tiff deflate": (save(rgb, "TIFF", compression="tiff_adobe_deflate"), rgb, 0),
        "tiff lzw": (save(rgb, "TIFF", compression="tiff_lzw"), rgb, 0),
        "tiff jpeg": (save(rgb, "TIFF", compression="jpeg", quality=95), rgb, 3),
        "tiff grey": (save(grey(), "TIFF"), three(grey()), 0),
        "tiff grey, white is 0": (tiff(255 - grey(), 0, 8), three(grey()), 0),
        "tiff grey 16": (tiff(grey16, 1, 16), three(grey()), 0),
        "tiff rgb 16": (tiff(wide, 2, 16), rgb, 0),
        "tiff rgba": (save(with_alpha(rgb), "TIFF"), rgb, 0),
        "tiff cmyk": (save(Image.fromarray(ink, "CMYK"), "TIFF"), _cmyk()[1], 1),
        "tiff palette": (save(_paletted(), "TIFF"), palette(16)[blocks(16)], 0),
        "tiff of two pages": (save(rgb, "TIFF", **more), rgb, 0),
        "tiff 1": (
            save(Image.fromarray(blocks(2) * 255).convert("1"), "TIFF"),
            three(blocks(2) * 255),
            0,
        ),
    }
    return {name: Kind(*fields, exported=False) for name, fields in made.items()}


def _other() -> dict[str, Kind]:
    rgb = picture()
    made = {
        "avif": (save(rgb, "AVIF", quality=100, subsampling="4:4:4"), rgb, 2),
        "avif with alpha": (save(with_alpha(rgb), "AVIF", quality=100), rgb, 3),
        "jpeg 2000": (save(rgb, "JPEG2000"), rgb, 1),
        "jpeg 2000 codestream": (save(rgb, "JPEG2000", no_jp2=True), rgb, 1),
        "jpeg 2000 grey": (save(grey(), "JPEG2000"), three(grey()), 1),
        "ppm": (save(rgb, "PPM"), rgb, 0),
        "pgm": (save(grey(), "PPM"), three(grey()), 0),
        "pbm": (
            save(Image.fromarray(blocks(2) * 255).convert("1"), "PPM"),
            three(blocks(2) * 255),
            0,
        ),
        "pgm 16": (
            b"P5 32 32 65535\n" + (grey().astype(">u2") * 257).tobytes(),
            three(grey()),
            0,
        ),
        "ppm of 10 levels": (
            b"P6 32 32 9\n" + (rgb // 26).tobytes(),
            np.round((rgb // 26) * (255 / 9)).astype(np.uint8),
            1,
        ),
        "ppm as text": (
            b"P3 32 32 255\n" + " ".join(map(str, rgb.ravel().tolist())).encode(),
            rgb,
            0,
        ),
    }
    return {name: Kind(*fields, exported=False) for name, fields in made.items()}
