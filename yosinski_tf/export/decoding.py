"""The pixels of image files as training saw them, inside a TensorFlow graph.

This is `data.decoding` in TensorFlow's operations. What they cannot decode to the same
pixels is refused by a sentence. README.md of the room `data` has the table of kinds.
"""

import functools

import tensorflow as tf

from yosinski_tf.data.decoding import DRAFT_FACTOR
from yosinski_tf.export import bmp, gif, headers, webp
from yosinski_tf.export.file_bytes import FileBytes
from yosinski_tf.export.upright import exif_orientation, upright

_INSTEAD = (
    ", which this model does not decode as its training did: decode it yourself and"
    " give its upright RGB pixels to serving_default"
)
_DAMAGED = "is damaged: replace it"
_UNKNOWN = "is no image of a known kind: give a JPEG, PNG, GIF, BMP or WebP file"
# TensorFlow decodes no larger PNG file.
_PNG_PIXELS = 2**29
_TOO_LARGE = f"has {_PNG_PIXELS:,} pixels or more: make it smaller"
_REFUSED = {
    headers.TIFF: "is a TIFF file",
    headers.AVIF: "is an AVIF file",
    headers.JPEG_2000: "is a JPEG 2000 file",
    headers.PNM: "is a PPM, PGM or PBM file",
}


def decode_files(data: tf.Tensor, image_size: int, turn: bool = True) -> tf.Tensor:
    """Decodes and warps the files of a batch.

    Args:
      data: string [batch], the contents of image files.
      image_size: Height and width of the result.
      turn: Whether photographs are turned upright, as `data.decoding` does
        from its version 2 on.

    Returns:
      uint8 [batch, image_size, image_size, 3], RGB.

    Raises:
      tf.errors.InvalidArgumentError: If a file is refused or damaged. The message
        names the first one by its place, from 0.
    """
    count = tf.size(data, tf.int64)
    shape = [image_size, image_size, 3]

    # There is nothing to convert, and trying it takes seconds.
    @tf.autograph.experimental.do_not_convert
    def one(place, content):
        reason = refusal(content)
        pixels = tf.cond(
            reason == "",
            lambda: _decode(content, image_size, turn),
            lambda: tf.zeros(shape, tf.uint8),
        )
        return place, reason, pixels

    # The only way in a graph to go on after a damaged file: its place is missing.
    files = tf.data.Dataset.from_tensor_slices(data).enumerate()
    files = files.map(one, tf.data.AUTOTUNE, deterministic=True).ignore_errors()
    # A data set must not be empty.
    end = tf.data.Dataset.from_tensors((count, "", tf.zeros(shape, tf.uint8)))
    batch = files.concatenate(end).batch(count + 1).get_single_element()
    places, reasons, pixels = batch
    rows = places[:, None]
    by_place = tf.tensor_scatter_nd_update(
        tf.fill([count + 1], _DAMAGED), rows, reasons
    )
    bad = tf.where(by_place != "")[:, 0]
    first = tf.concat([bad, [count]], 0)[0]
    message = tf.strings.join(
        [
            *("image ", tf.strings.as_string(first), " of the batch (from 0) "),
            by_place[first],
        ]
    )
    with tf.control_dependencies([tf.debugging.Assert(first == count, [message])]):
        return tf.ensure_shape(pixels[:-1], [None, *shape])


def decode(data: tf.Tensor, image_size: int, turn: bool = True) -> tf.Tensor:
    """Decodes one image file and warps it, as `data.decoding.decode_image` does.

    JPEG files are decoded to the same pixels as by Pillow, at reduced size if they
    are large; only `warp` differs.

    Args:
      data: string [], the content of a file that is not refused, see `refusal`.
      image_size: Height and width of the result.
      turn: Whether photographs are turned upright.

    Returns:
      uint8 [image_size, image_size, 3], RGB.

    Raises:
      tf.errors.InvalidArgumentError: If the file is refused or damaged.
    """
    reason = refusal(data)
    with tf.control_dependencies([tf.debugging.Assert(reason == "", [reason])]):
        return _decode(tf.identity(data), image_size, turn)


def refusal(data: tf.Tensor) -> tf.Tensor:
    """Why a file is refused, in words that follow "the file"; string [].

    It is empty for a file that `decode` can decode, or that is damaged.
    """
    file = FileBytes.of(data)

    def unless(condition, what):
        return tf.where(condition, "", what + _INSTEAD)

    reasons = {
        headers.JPEG: lambda: unless(
            headers.jpeg_notes(file)[0] == 0,
            "is a JPEG file of a rare form (arithmetic, lossless or 12 bits)",
        ),
        headers.PNG: lambda: tf.where(
            headers.png_pixels(file) < _PNG_PIXELS, "", _TOO_LARGE
        ),
        headers.GIF: lambda: unless(
            gif.fills_its_screen(file),
            "is a GIF file whose first frame does not fill it",
        ),
        headers.BMP: lambda: unless(bmp.is_plain(file), "is a compressed BMP file"),
        headers.WEBP: lambda: unless(
            webp.fills_its_canvas(file),
            "is a WebP file whose first frame does not fill it",
        ),
    }
    for kind, what in _REFUSED.items():
        reasons[kind] = functools.partial(tf.constant, what + _INSTEAD)
    if not hasattr(tf.raw_ops, "DecodeWebP"):  # An older TensorFlow.
        reasons[headers.WEBP] = functools.partial(
            tf.constant, "is a WebP file" + _INSTEAD
        )
    return tf.switch_case(
        headers.kind_of(file), reasons, default=lambda: tf.constant(_UNKNOWN)
    )


def warp(images: tf.Tensor, image_size: int) -> tf.Tensor:
    """Resizes images to a square, ignoring their aspect ratio.

    This is `data.decoding.warp` in TensorFlow: Lanczos with antialiasing, first along
    the rows, then along the columns, rounded to whole numbers after each. On
    ImageNet photographs (to 32 and 64 pixels) it differs from Pillow by at most 1
    of 255, on average by at most 0.001. Pillow from version 13 resizes some tall
    images along the columns first: there the average is up to 0.15 (64 pixels) or
    0.3 (256 pixels).

    Args:
      images: uint8 [height, width, 3] or [batch, height, width, 3].
      image_size: Height and width of the result.

    Returns:
      uint8, as `images` of the new size; the same pixels if that was their size.
    """

    def resize(pixels, height, width):
        resized = tf.image.resize(
            pixels, [height, width], tf.image.ResizeMethod.LANCZOS3, antialias=True
        )
        return tf.clip_by_value(tf.round(resized), 0, 255)

    def resized():
        rows = resize(images, tf.shape(images)[-3], image_size)
        return tf.cast(resize(rows, image_size, image_size), tf.uint8)

    same = tf.reduce_all(tf.shape(images)[-3:-1] == image_size)
    result = tf.cond(same, lambda: images, resized)
    return tf.ensure_shape(result, [*images.shape[:-3], image_size, image_size, 3])


def _decode(data: tf.Tensor, image_size: int, turn: bool) -> tf.Tensor:
    file = FileBytes.of(data)
    kind = headers.kind_of(file)
    decoders = {
        headers.JPEG: lambda: _decode_jpeg(data, image_size),
        headers.PNG: lambda: tf.io.decode_png(data, channels=3),
        headers.GIF: lambda: gif.decode_gif(file),
        headers.BMP: lambda: bmp.decode_bmp(file),
        headers.WEBP: lambda: webp.decode_webp(file),
    }
    pixels = tf.switch_case(kind, decoders)
    if turn:
        exif = tf.case(
            [
                (kind == headers.JPEG, lambda: headers.jpeg_notes(file)[1]),
                (kind == headers.PNG, lambda: headers.png_exif(file)),
                (kind == headers.WEBP, lambda: webp.exif_place(file)),
            ],
            default=lambda: tf.constant(0, tf.int64),
        )
        pixels = upright(pixels, exif_orientation(file, exif))
    return warp(tf.ensure_shape(pixels, [None, None, 3]), image_size)


def _decode_jpeg(data: tf.Tensor, image_size: int) -> tf.Tensor:
    def decoded(ratio):
        return tf.io.decode_jpeg(
            data, channels=3, ratio=ratio, dct_method="INTEGER_ACCURATE"
        )

    smaller = tf.reduce_min(tf.io.extract_jpeg_shape(data)[:2])
    scale = smaller // (image_size * DRAFT_FACTOR)
    ratios = [
        (scale >= ratio, functools.partial(decoded, ratio)) for ratio in (8, 4, 2)
    ]
    return tf.case(ratios, default=functools.partial(decoded, 1))
