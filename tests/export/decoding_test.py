"""Image files become the training's pixels in a graph, or are refused by name."""

import image_kinds
import numpy as np
import pytest
import tensorflow as tf
from bad_world import enormous
from image_kinds import SIDE, picture, with_orientation
from image_writers import save

from yosinski_tf.data.decoding import decode_image
from yosinski_tf.export import decoding

KINDS = image_kinds.kinds()
TAKEN = [name for name, kind in KINDS.items() if kind.exported]
ONE, MANY = tf.TensorSpec([], tf.string), tf.TensorSpec([None], tf.string)


@pytest.fixture(scope="module")
def decode():
    return tf.function(lambda d: decoding.decode(d, SIDE), [ONE], autograph=False)


@pytest.fixture(scope="module")
def decode_files():
    return tf.function(
        lambda d: decoding.decode_files(d, SIDE), [MANY], autograph=False
    )


@pytest.mark.parametrize("name", TAKEN)
def test_a_file_becomes_the_pixels_of_the_training(decode, name):
    kind = KINDS[name]
    found = decode(kind.content).numpy().astype(int)
    assert np.abs(found - decode_image(kind.content, name, SIDE)).mean() < 0.5
    assert np.abs(found - kind.pixels).mean() <= kind.loss + 0.5


@pytest.mark.parametrize("name", sorted(KINDS.keys() - set(TAKEN)))
def test_another_kind_is_refused_by_its_name(decode, name):
    words = {
        "tiff": "is a TIFF file",
        "avif": "is an AVIF file",
        "jpeg": "is a JPEG 2000 file",
        "webp": "is a WebP file whose first frame does not fill it",
        "gif": "is a GIF file whose first frame does not fill it",
        "bmp": "is a compressed BMP file",
    }
    reason = words.get(name.split()[0], "is a PPM, PGM or PBM file")
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=f"{reason}, which this model does not decode as its training did: decode"
        " it yourself and give its upright RGB pixels to serving_default",
    ):
        decode(KINDS[name].content)


@pytest.mark.parametrize("name", ["jpeg cmyk of Adobe", "bmp palette 4", "gif", "webp"])
def test_a_file_of_another_size_is_warped_as_in_training(name):
    content = KINDS[name].content
    found = decoding.decode(tf.constant(content), 13).numpy().astype(int)
    assert np.abs(found - decode_image(content, name, 13)).mean() < 0.6


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "form, options", [("JPEG", {"quality": 98}), ("PNG", {}), ("WEBP", {"exact": True})]
)
def test_photographs_are_turned_upright(decode, form, options, orientation):
    content = with_orientation(form, orientation, **options)
    found = decode(content).numpy().astype(int)
    assert np.abs(found - picture()).mean() < 3
    assert np.abs(found - decode_image(content, form, SIDE)).mean() == 0


def test_the_images_of_an_earlier_training_are_left_as_they_are():
    content = with_orientation("PNG", 6)
    found = decoding.decode(tf.constant(content), SIDE, turn=False)
    np.testing.assert_array_equal(found, image_kinds.to_stored(picture(), 6))


def test_exif_data_of_either_byte_order(decode):
    big = b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\3\0\0\0\0\0\0"
    little = b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\3\0\0\0\0\0\0\0"
    for exif in (big, little):
        content = save(picture()[::-1, ::-1].copy(), "PNG", exif=exif)
        np.testing.assert_array_equal(decode(content), picture())
        assert (decode_image(content, "x", SIDE) == picture()).all()


def test_a_batch_of_all_kinds_keeps_its_order(decode_files):
    files = [KINDS[name].content for name in TAKEN]
    found = decode_files(tf.constant(files))
    assert found.shape == (len(files), SIDE, SIDE, 3)
    for name, pixels in zip(TAKEN, found.numpy().astype(int), strict=True):
        assert np.abs(pixels - KINDS[name].pixels).mean() <= KINDS[name].loss + 0.5


def test_an_empty_batch(decode_files):
    assert decode_files(tf.constant([], tf.string)).shape == (0, SIDE, SIDE, 3)


@pytest.mark.parametrize(
    "bad, reason",
    [
        (b"", "is no image of a known kind: give a JPEG, PNG, GIF, BMP or WebP file"),
        (b"junk", "is no image of a known kind"),
        (KINDS["tiff"].content, "is a TIFF file, which"),
        (KINDS["jpeg"].content[:300], "is damaged: replace it"),
        (KINDS["png rgb"].content[:-40], "is damaged: replace it"),
        (KINDS["gif"].content[:60], "is damaged: replace it"),
        (KINDS["gif"].content[:6], "is damaged: replace it"),
        (KINDS["bmp rgb"].content[:-1], "is damaged: replace it"),
        (KINDS["webp"].content[:60], "is damaged: replace it"),
        (b"\xff\xd8\xff" * 9, "is damaged: replace it"),
        (enormous(), "has 536,870,912 pixels or more: make it smaller"),
    ],
)
def test_a_bad_file_is_named_by_its_place(decode_files, bad, reason):
    good = KINDS["png rgb"].content
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=rf"image 2 of the batch \(from 0\) {reason}",
    ):
        decode_files(tf.constant([good, good, bad, good, bad]))


def test_a_jpeg_file_of_a_rare_form_is_refused(decode):
    content = KINDS["jpeg"].content
    arithmetic = content.replace(b"\xff\xc0", b"\xff\xc9", 1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="a JPEG file of a rare"):
        decode(arithmetic)


def test_bytes_at_random_end_in_a_sentence(decode_files):
    """No header makes the reading of its blocks fail or go on for ever."""
    random = np.random.default_rng(0)
    good = KINDS["png rgb"].content
    for name in ("jpeg", "gif transparent", "bmp palette 4", "png grey 8"):
        for _ in range(6):
            content = bytearray(KINDS[name].content)
            for place in random.integers(3, 60, 8):
                content[place] = random.integers(256)
            try:
                decode_files(tf.constant([good, bytes(content)]))
            except tf.errors.InvalidArgumentError as error:
                assert "image 1 of the batch" in str(error)
