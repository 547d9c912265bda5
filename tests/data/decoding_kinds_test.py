"""Files of every kind are read as the pixels that were drawn, upright."""

import image_kinds
import numpy as np
import pytest
from image_kinds import SIDE, grey, picture, with_orientation
from image_writers import save, tiff
from PIL import Image

from yosinski_tf.data.decoding import decode_image
from yosinski_tf.system.errors import UserError

KINDS = image_kinds.kinds()


def difference(content, pixels):
    """The mean difference of what is read, of 255."""
    read = decode_image(content, "image", SIDE)
    return np.abs(read.astype(int) - pixels).mean()


@pytest.mark.parametrize("name", KINDS)
def test_the_pixels_are_those_that_were_drawn(name):
    kind = KINDS[name]
    assert difference(kind.content, kind.pixels) <= kind.loss


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "form, options, loss",
    [
        ("JPEG", {"quality": 98}, 1),
        ("PNG", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("TIFF", {}, 0),
        ("AVIF", {"quality": 100}, 2),
    ],
)
def test_photographs_are_turned_upright(form, options, loss, orientation):
    content = with_orientation(form, orientation, **options)
    assert difference(content, picture()) <= loss


def test_a_photograph_on_its_side_keeps_what_is_above():
    upright = np.zeros((40, 20, 3), np.uint8)
    upright[:20] = 200, 30, 30
    exif = Image.Exif()
    exif[0x0112] = 6  # The camera's top is at the right.
    content = save(
        np.ascontiguousarray(upright[:, ::-1].swapaxes(0, 1)), "PNG", exif=exif
    )
    read = decode_image(content, "image", 10)
    assert read[1, 1].tolist() == read[1, 8].tolist() == [200, 30, 30]
    assert read[8, 1].tolist() == read[8, 8].tolist() == [0, 0, 0]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"x"])
def test_damaged_exif_data_are_none(exif):
    content = save(picture(), "PNG", exif=exif)
    assert difference(content, picture()) == 0


@pytest.mark.parametrize(
    "content, reason",
    [
        (
            tiff(grey().astype(int) * 16, 1, 12),
            "its pixels have 12 bits: convert it to 8 or 16",
        ),
        (
            tiff(65535 - grey().astype(int) * 257, 0, 16),
            "its white is 0 in 16 bits: convert it",
        ),
        (tiff(grey(), 1, 8, form=2), "signed numbers: convert it to 8 bits"),
        (tiff(grey(), 1, 8, t254=(4, 1)), "a camera's raw file, .* preview: develop"),
        (tiff(grey(), 1, 8, t50706=(1, 1)), "a camera's raw file"),
        (tiff(grey(), 1, 32), "32-bit numbers, mode I: convert it to 8 bits"),
        (tiff(grey(), 1, 32, form=3), "32-bit numbers, mode F: convert it to 8 bits"),
        (tiff(picture(), 2, 32, form=3), "not an image"),
    ],
)
def test_what_cannot_be_read_faithfully_is_refused(content, reason):
    with pytest.raises(UserError, match=f"cannot read image x .*{reason}"):
        decode_image(content, "x", SIDE)


def test_lab_colours_are_those_of_their_definition():
    for lab, rgb in {
        (54.29, 80.81, 69.89): (255, 0, 0),
        (53.59, 0, 0): (128, 128, 128),
        (29.57, 68.30, -112.03): (0, 0, 255),
    }.items():
        light, a, b = lab
        stored = [round(light * 2.55), round(a) & 255, round(b) & 255]
        content = tiff(np.full((SIDE, SIDE, 3), stored), 8, 8)
        # Of Lab whole numbers are stored; blue is at the edge of what sRGB has.
        assert difference(content, rgb) < 12
