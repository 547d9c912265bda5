"""What the header of an image file says, read inside a TensorFlow graph."""

import tensorflow as tf

from yosinski_tf.export.file_bytes import FileBytes

JPEG, PNG, GIF, BMP, WEBP, TIFF, AVIF, JPEG_2000, PNM = range(9)
# Markers of JPEG: a frame of Huffman codes, baseline or progressive, is usual.
_FRAMES, _NO_FRAMES = range(0xC0, 0xD0), (0xC4, 0xC8, 0xCC)
_USUAL_FRAMES = (0xC0, 0xC1, 0xC2)
_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD9))
_FILL, _APP1, _END, _SCAN = 0xFF, 0xE1, 0xD9, 0xDA


def kind_of(file: FileBytes) -> tf.Tensor:
    """The kind of a file by its first bytes, int32 []; one more if it is unknown."""
    avif = [file.has(brand, 8) for brand in (b"avif", b"avis")]
    still = [file.has(brand, 8) for brand in (b"mif1", b"msf1")]
    tests = {
        JPEG: file.has(b"\xff\xd8\xff", 0),
        PNG: file.has(b"\x89PNG\r\n\x1a\n", 0),
        GIF: file.has(b"GIF87a", 0) | file.has(b"GIF89a", 0),
        BMP: file.has(b"BM", 0),
        WEBP: file.has(b"RIFF", 0) & file.has(b"WEBP", 8),
        TIFF: file.has(b"II", 0) | file.has(b"MM", 0),
        AVIF: file.has(b"ftyp", 4) & tf.reduce_any([*avif, *still]),
        JPEG_2000: file.has(b"\xff\x4f\xff\x51", 0) | file.has(b"jP  \r\n", 4),
        PNM: file.has(b"P", 0)
        & tf.reduce_any(file.number(1, 1) == list(b"0123456fFy")),
    }
    found = [tests[kind] for kind in range(len(tests))]
    return tf.argmax(tf.stack([*found, tf.constant(True)]), output_type=tf.int32)


def jpeg_notes(file: FileBytes) -> tuple[tf.Tensor, tf.Tensor]:
    """The places of an unusual frame of a JPEG file and of its EXIF data, or 0."""

    def among(code, codes):
        return tf.reduce_any(code == list(codes))

    def step(place, unusual, exif):
        code = file.number(place + 1, 1)
        size = tf.maximum(file.number(place + 2, 2, big=True), 2)
        is_frame = among(code, _FRAMES) & ~among(code, _NO_FRAMES)
        is_usual = among(code, _USUAL_FRAMES) & (file.number(place + 4, 1) == 8)
        is_exif = (code == _APP1) & file.has(b"Exif\0\0", place + 4) & (exif == 0)
        following = place + tf.where(among(code, _WITHOUT_LENGTH), size * 0, size) + 2
        last = (code == _SCAN) | (code == _END)
        following = tf.where(last, file.length, following)
        is_marker = (file.number(place, 1) == _FILL) & (code != _FILL) & (code != 0)
        return (
            tf.where(is_marker, following, place + 1),
            tf.where(is_marker & is_frame & ~is_usual, place, unusual),
            tf.where(is_marker & is_exif, place + 4, exif),
        )

    _, unusual, exif = file.walk(2, step, 0, 0)
    return unusual, exif


def png_pixels(file: FileBytes) -> tf.Tensor:
    """The number of pixels that a PNG file claims to have, float64 []."""
    sides = file.number(tf.constant([16, 20]), 4, big=True)
    # The product of two large sides has no place in an int64.
    return tf.reduce_prod(tf.cast(sides, tf.float64))


def png_exif(file: FileBytes) -> tf.Tensor:
    """The place of a PNG file's EXIF data, 0 if it has none."""

    def step(place, exif):
        following = place + 12 + file.number(place, 4, big=True)
        return following, tf.where(file.has(b"eXIf", place + 4), place + 8, exif)

    return file.walk(8, step, 0)[1]
