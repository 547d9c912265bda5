"""Image files that tests write, some byte by byte."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def save(image: Image.Image | np.ndarray, form: str, **options) -> bytes:
    """The content of a file that Pillow writes."""
    file = io.BytesIO()
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    image.save(file, form, **options)
    return file.getvalue()


def png(values: np.ndarray, bits: int, colour_type: int, *, interlaced=False, **chunks):
    """A PNG file of values [32, 32, channels] with so many bits each."""
    height, width = values.shape[:2]
    values = values.reshape(height, width, -1)

    def rows(part: np.ndarray) -> bytes:
        if bits == 16:
            lines = [row.astype(">u2").tobytes() for row in part]
        elif bits == 8:
            lines = [row.astype(np.uint8).tobytes() for row in part]
        else:
            digits = [
                np.unpackbits(row.astype(np.uint8)[:, :1], axis=1) for row in part
            ]
            lines = [np.packbits(each[:, 8 - bits :]).tobytes() for each in digits]
        return b"".join(b"\0" + line for line in lines)

    if interlaced:  # Adam7
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)]
        passes += [(2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        data = b"".join(rows(values[y::dy, x::dx]) for y, x, dy, dx in passes)
    else:
        data = rows(values)
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, interlaced)
    parts = [(b"IHDR", header)]
    parts += [(name.encode(), content) for name, content in chunks.items()]
    parts += [(b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in parts
    )


def bmp(
    body: bytes, bits: int, *, compression=0, table=b"", header=40, width=32, height=32
) -> bytes:
    """A BMP file of those rows of pixels; a header of 12 bytes is that of OS/2."""
    if header == 12:
        head = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        colours = len(table) // 4 if bits <= 8 else 0
        head = struct.pack(
            "<IiiHHIIiiII",
            *(header, width, height, 1, bits, compression),
            *(len(body), 2835, 2835, colours, 0),
        )
        head += bytes(header - 40)
    start = 14 + len(head) + len(table)
    return (
        struct.pack("<2sIHHI", b"BM", start + len(body), 0, 0, start)
        + head
        + table
        + body
    )


def tiff(values: np.ndarray, photometric: int, bits: int, form=1, **tags) -> bytes:
    """An uncompressed TIFF file of one page; `form` is 1 unsigned, 2 signed, 3 float.

    `tags` are further tags, as t330=(type, value).
    """
    height, width = values.shape[:2]
    channels = values.size // (height * width)
    if bits == 12:
        flat = values.reshape(height, -1, 2).astype(int)
        first, second = flat[..., 0], flat[..., 1]
        body = (
            np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], -1)
            .astype(np.uint8)
            .tobytes()
        )
    else:
        body = values.astype(f"<{' uif'[form]}{bits // 8}").tobytes()
    entries = {
        256: (3, width),
        257: (3, height),
        258: (3, bits),
        259: (3, 1),
        262: (3, photometric),
        273: (4, 8),
        277: (3, channels),
        278: (3, height),
        279: (4, len(body)),
        339: (3, form),
        **{int(name[1:]): value for name, value in tags.items()},
    }
    after = 8 + len(body)
    several = struct.pack(f"<{channels}H", *[bits] * channels) if channels > 2 else b""
    forms = struct.pack(f"<{channels}H", *[form] * channels) if channels > 2 else b""
    ifd = struct.pack("<H", len(entries))
    for tag, (kind, value) in sorted(entries.items()):
        count = channels if tag in (258, 339) else 1
        if count == 2:
            value = value | value << 16
        elif count > 2:
            value = after + (len(several) if tag == 339 else 0)
        ifd += struct.pack("<HHII", tag, kind, count, value)
    start = after + len(several) + len(forms)
    head = struct.pack("<2sHI", b"II", 42, start)
    return head + body + several + forms + ifd + bytes(4)
