import numpy as np
import pytest

from yosinski_tf.data.embedded import textures
from yosinski_tf.data.embedded.image_random import ImageRandom

ALL = [
    pytest.param(texture, id=name)
    for family in textures.TEXTURES.values()
    for name, texture in family.items()
]


def _drawn(texture, count: int = 60) -> np.ndarray:
    random = ImageRandom.seeded([(i,) for i in range(count)], textures.WORDS)
    pixels = np.arange(32, dtype=np.float32) - 15.5
    return texture(random, pixels[None, None, :], -pixels[None, :, None])


def test_names_in_order():
    assert {family: list(names) for family, names in textures.TEXTURES.items()} == {
        "natural": ["cloud", "spots", "zebra", "ripple", "fur"],
        "manmade": ["stripes", "checks", "grid", "dots", "zigzag"],
    }


@pytest.mark.parametrize("texture", ALL)
def test_values_are_in_range_with_enough_contrast(texture):
    values = _drawn(texture)
    assert values.shape == (60, 32, 32) and values.dtype == np.float32
    assert values.min() >= -1 and values.max() <= 1
    assert 0.4 < values.std(axis=(1, 2)).mean() < 1


@pytest.mark.parametrize("texture", ALL)
def test_no_two_drawings_are_the_same(texture):
    values = _drawn(texture, count=20)
    assert len({drawing.tobytes() for drawing in values}) == 20


def test_wave_is_a_triangle():
    phase = np.array([-0.5, 0, 0.25, 0.5, 0.75, 1, 7.5])
    np.testing.assert_array_equal(textures.wave(phase), [1, -1, 0, 1, 0, -1, 1])


def test_value_noise_equals_its_lattice_and_repeats():
    lattice = np.arange(8, dtype=np.float32).reshape(1, 2, 4)
    u = np.array([[[0, 3, 4, -1, 1.5]]], np.float32)
    v = np.array([[[0, 1, 2, -1, 0]]], np.float32)
    noise = textures.value_noise(lattice, u, v)
    np.testing.assert_array_equal(noise, [[[0, 7, 0, 7, 1.5]]])


def test_each_image_has_its_own_value_noise():
    lattice = np.array([[[1.0]], [[5.0]]], np.float32)
    middle = np.full((2, 1, 1), 0.5, np.float32)
    assert textures.value_noise(lattice, middle, middle).ravel().tolist() == [1, 5]
