"""Images of all kinds become RGB pixels of one size."""

import io

import numpy as np
import pytest
from PIL import Image

from yosinski_tf.data import decoding
from yosinski_tf.data.unreadable import NeedsMemory, Unreadable
from yosinski_tf.system.errors import UserError


def decode(image, form="PNG", size=4, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return decoding.decode_image(file.getvalue(), "image", size)


@pytest.mark.parametrize(
    "form, tolerance",
    [("JPEG", 3), ("PNG", 0), ("GIF", 0), ("BMP", 0), ("WEBP", 6), ("TIFF", 0)],
)
def test_formats(form, tolerance):
    pixels = decode(Image.new("RGB", (9, 5), (200, 100, 50)), form)
    assert pixels.shape == (4, 4, 3) and pixels.dtype == np.uint8
    assert abs(pixels.astype(int) - [200, 100, 50]).max() <= tolerance


@pytest.mark.parametrize(
    "mode, colour, form, rgb",
    [
        ("L", 77, "PNG", (77, 77, 77)),
        ("1", 1, "PNG", (255, 255, 255)),
        ("LA", (77, 10), "PNG", (77, 77, 77)),
        ("RGBA", (200, 100, 50, 0), "PNG", (200, 100, 50)),
        ("CMYK", (0, 255, 255, 0), "TIFF", (255, 0, 0)),
        ("I;16", 0x8080, "PNG", (128, 128, 128)),
        ("I;16", 0x8080, "TIFF", (128, 128, 128)),
        ("I;16", 0xFFFF, "PNG", (255, 255, 255)),
        ("I;16", 300, "PNG", (1, 1, 1)),
    ],
)
def test_modes(mode, colour, form, rgb):
    pixels = decode(Image.new(mode, (9, 5), colour), form)
    assert np.unique(pixels.reshape(-1, 3), axis=0).tolist() == [list(rgb)]


def test_cmyk_jpeg():
    pixels = decode(Image.new("CMYK", (9, 5), (0, 255, 255, 0)), "JPEG")
    assert abs(pixels.astype(int) - [255, 0, 0]).max() <= 8


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "options", [{}, {"transparency": 1}, {"transparency": b"\x10\x20"}]
)
def test_palette(options):
    image = Image.new("P", (9, 5), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    assert decode(image, **options)[0, 0].tolist() == [200, 100, 50]


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_of_32_bits_are_refused(mode):
    with pytest.raises(UserError, match=f"32-bit numbers, mode {mode}: convert it"):
        decode(Image.new(mode, (9, 5), 1000), "TIFF")


def test_first_of_several_frames():
    frames = [Image.new("RGB", (4, 4), c) for c in ("red", "blue")]
    pixels = decode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert pixels[0, 0].tolist() == [255, 0, 0]


def test_images_are_warped_and_antialiased():
    stripes = np.zeros((16, 64, 3), np.uint8)
    stripes[:, 1::2] = 255  # one pixel wide: antialiasing gives their mean
    pixels = decode(Image.fromarray(stripes))
    assert abs(pixels.astype(int) - 127.5).max() < 8
    halves = np.zeros((16, 64, 3), np.uint8)
    halves[:, 32:] = 255  # the aspect ratio is lost, nothing is cropped
    pixels = decode(Image.fromarray(halves))
    assert (pixels[:, 0] < 20).all() and (pixels[:, 3] > 235).all()


def test_an_image_of_the_right_size_is_not_changed():
    noise = np.random.RandomState(0).randint(0, 256, (8, 8, 3)).astype(np.uint8)
    np.testing.assert_array_equal(decode(Image.fromarray(noise), size=8), noise)


@pytest.mark.filterwarnings("error")
def test_a_photograph_of_200_megapixels_is_read():
    pixels = decode(Image.new("L", (16320, 12240), 90), "JPEG", size=32)
    assert np.unique(pixels).tolist() == [90]


@pytest.mark.filterwarnings("error")
def test_the_free_memory_decides_how_large_an_image_may_be(monkeypatch):
    image = Image.new("1", (5000, 5000), 1)
    # 12 bytes a pixel are 0.3 GB.
    monkeypatch.setattr(decoding, "available_memory", lambda: 501_000_000)
    assert np.unique(decode(image)).tolist() == [255]
    monkeypatch.setattr(decoding, "available_memory", lambda: 499_000_000)
    words = (
        r"its 5,000 x 5,000 pixels need 0.3 GB of memory, found 0.3 GB, 60% of the free"
        r" memory: make it smaller, or free memory$"
    )
    with pytest.raises(NeedsMemory, match=words):
        decode(image)


def test_a_good_image_that_needs_more_memory_is_none_to_be_left_out(monkeypatch):
    file = io.BytesIO()
    Image.new("1", (5000, 5000), 1).save(file, "PNG")
    monkeypatch.setattr(decoding, "available_memory", lambda: 499_000_000)
    with pytest.raises(NeedsMemory, match="^cannot read image a.png: its 5,000 x"):
        decoding.decode_all([("a.png", file.getvalue())], 1, 4, lambda count: None)


def test_all_unreadable_images_are_named():
    good = io.BytesIO()
    Image.new("RGB", (9, 5)).save(good, "PNG")
    sources = [(f"{k}.png", b"x" if k % 3 else good.getvalue()) for k in range(200)]
    counts = []
    with pytest.raises(Unreadable) as raised:
        decoding.decode_all(sources, 200, 4, counts.append)
    assert sum(counts) == 200
    names = [name for name, _ in raised.value.images]
    assert names == [f"{k}.png" for k in range(200) if k % 3]
    assert len(raised.value.details) == 21
    assert raised.value.details[0].startswith("cannot read image 1.png (it is not an")
    assert raised.value.details[-1] == "... and 113 more"
    assert str(raised.value) == (
        "133 images cannot be read: replace or remove them, or make a store without"
        " them with yosinski-prepare --skip_corrupt"
    )


def test_one_unreadable_image_is_told_of_in_one_sentence():
    with pytest.raises(Unreadable) as raised:
        decoding.decode_all([("a.png", b"x")], 1, 4, lambda count: None)
    assert raised.value.details == ()
    assert str(raised.value) == (
        "cannot read image a.png (it is not an image): replace it with an image such as"
        " JPEG or PNG, or remove it, or make a store without it with yosinski-prepare"
        " --skip_corrupt"
    )


def test_a_large_photograph_decodes_almost_as_at_full_size():
    blocks = np.random.RandomState(0).randint(0, 256, (80, 120, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(blocks).resize((600, 400)).save(file, "JPEG", quality=95)
    full = Image.open(file).convert("RGB").resize((32, 32), Image.Resampling.LANCZOS)
    pixels = decoding.decode_image(file.getvalue(), "image", 32)
    difference = abs(pixels.astype(int) - np.asarray(full))
    assert 0 < difference.mean() < 1
