"""Ten textures, five natural and five man-made, for the embedded images.

A texture is a function of an `ImageRandom` and of the coordinates x and y in
pixels, which broadcast to [count, rows, columns]. It returns float32
[count, rows, columns] in -1..1. All operations are exactly rounded (no sine, no
power, no sum along an axis), so the bits are the same on every machine. The
textures are not in the paper.
"""

from collections.abc import Callable

import numpy as np

from yosinski_tf.data.embedded.image_random import ImageRandom

Texture = Callable[[ImageRandom, np.ndarray, np.ndarray], np.ndarray]

LATTICE = 16
WORDS = LATTICE * LATTICE + 16
"""Random words per image that are enough for any texture."""

_TILT = 0.25  # Tangent of half of 0.49 rad.


def value_noise(lattice: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Smooth noise: random values at whole coordinates, joined smoothly.

    Args:
      lattice: float32 [count, rows, columns], repeated in both directions; rows
        and columns are powers of two.
      u: Column coordinate in cells of the lattice, [count, height, width].
      v: Row coordinate in cells of the lattice, [count, height, width].

    Returns:
      float32 [count, height, width], within the range of the lattice's values.
    """
    count, rows, columns = lattice.shape
    flat = lattice.ravel()
    left, top = np.floor(u), np.floor(v)
    u, v = u - left, v - top
    left, top = left.astype(np.int32), top.astype(np.int32)
    u, v = u * u * (3.0 - 2.0 * u), v * v * (3.0 - 2.0 * v)
    image = (np.arange(count, dtype=np.int32) * (rows * columns))[:, None, None]
    upper = image + (top & (rows - 1)) * columns
    lower = image + ((top + 1) & (rows - 1)) * columns
    right = (left + 1) & (columns - 1)
    left = left & (columns - 1)
    above = flat[upper + left] * (1.0 - u) + flat[upper + right] * u
    below = flat[lower + left] * (1.0 - u) + flat[lower + right] * u
    return above * (1.0 - v) + below * v


def rotate(x, y, cos, sin) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates along and across a direction given as cosine and sine."""
    return cos * x + sin * y, cos * y - sin * x


def wave(phase: np.ndarray) -> np.ndarray:
    """Triangle wave of period 1 between -1 (at 0) and 1 (at 0.5)."""
    return 1.0 - 4.0 * np.abs(phase - np.floor(phase) - 0.5)


def _hard(values: np.ndarray, gain: float) -> np.ndarray:
    return np.clip(values * gain, -1.0, 1.0)


def _lattice(random: ImageRandom) -> np.ndarray:
    return random.uniform(-1, 1, LATTICE, LATTICE)


def cloud(random: ImageRandom, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Fractal noise: blotches of all sizes, large ones with more contrast."""
    u, v = rotate(x, y, *random.direction())
    lattice, cell = _lattice(random), random.uniform(9, 13)
    u, v = u / cell, v / cell
    total = value_noise(lattice, u, v)
    total = total + 0.6 * value_noise(lattice, u * 2.0 + 5.3, v * 2.0 + 9.1)
    total = total + 0.4 * value_noise(lattice, u * 4.0 + 2.7, v * 4.0 + 3.9)
    return _hard(total, 1.2)


def spots(random: ImageRandom, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Irregular blotches of one size, as on a leopard."""
    u, v = rotate(x, y, *random.direction())
    lattice, cell = _lattice(random), random.uniform(3.0, 4.2)
    noise = value_noise(lattice, u / cell, v / cell)
    return _hard(noise - 0.18, 4.5)


def zebra(random: ImageRandom, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Broad hard bands that wander and fork."""
    u, v = rotate(x, y, *random.direction())
    lattice, period = _lattice(random), random.uniform(6.5, 9.0)
    bend = value_noise(lattice, u * (1 / 7.0), v * (1 / 7.0))
    return _hard(wave((u + 3.6 * bend) / period + random.uniform(0, 1)), 2.5)


def ripple(random: ImageRandom, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Narrow soft rings around a point, slightly uneven."""
    x, y = x - random.uniform(-9, 9), y - random.uniform(-9, 9)
    lattice, period = _lattice(random), random.uniform(4.2, 5.8)
    bend = value_noise(lattice, x * (1 / 6.0), y * (1 / 6.0))
    radius = np.sqrt(x * x + y * y) + 0.9 * bend
    return _hard(wave(radius / period + random.uniform(0, 1)), 1.3)


def fur(random: ImageRandom, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Fine short streaks of about the same direction."""
    u, v = rotate(x, y, *random.direction())
    lattice, hair = _lattice(random), random.uniform(1.2, 1.7)
    fine = value_noise(lattice, u / hair, v * (1 / 8.0))
    finer = value_noise(lattice, u / hair * 0.61 + 7.3, v * (1 / 6.0) + 4.7)
    return _hard(fine + 0.7 * finer, 1.5)


def stripes(random: ImageRandom, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Straight parallel bands."""
    u, v = rotate(x, y, *random.turn(_TILT))
    swap = random.uniform(0, 1) < 0.5
    phase = np.where(swap, u, v) / random.uniform(5, 8)
    return _hard(wave(phase + random.uniform(0, 1)), 2.5)


def checks(random: ImageRandom, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A chessboard."""
    u, v = _tilted(random, x, y, random.uniform(7, 10))
    return _hard(wave(u), 2.5) * _hard(wave(v), 2.5)


def grid(random: ImageRandom, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Thin crossing lines."""
    u, v = _tilted(random, x, y, random.uniform(5.5, 8))
    return _hard(np.maximum(wave(u), wave(v)) - 0.5, 3.5)


def dots(random: ImageRandom, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Round dots in staggered rows."""
    u, v = _tilted(random, x, y, random.uniform(6.5, 9))
    first = _dot(u, v)
    return _hard(0.052 - np.minimum(first, _dot(u + 0.5, v + 0.5)), 28.0)


def zigzag(random: ImageRandom, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Parallel zigzag bands."""
    u, v = rotate(x, y, *random.turn(_TILT))
    swap = random.uniform(0, 1) < 0.5
    u, v = np.where(swap, v, u), np.where(swap, u, v)
    turns = random.uniform(9, 13)
    u = u + wave(v / turns + random.uniform(0, 1)) * turns * 0.26
    return _hard(wave(u / random.uniform(5, 7) + random.uniform(0, 1)), 2.5)


def _tilted(random, x, y, period) -> tuple[np.ndarray, np.ndarray]:
    u, v = rotate(x, y, *random.turn(_TILT))
    return u / period + random.uniform(0, 1), v / period + random.uniform(0, 1)


def _dot(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Squared distance, in periods, from the nearest lattice point."""
    u, v = u - np.floor(u) - 0.5, v - np.floor(v) - 0.5
    return u * u + v * v


TEXTURES: dict[str, dict[str, Texture]] = {
    "natural": {f.__name__: f for f in (cloud, spots, zebra, ripple, fur)},
    "manmade": {f.__name__: f for f in (stripes, checks, grid, dots, zigzag)},
}
"""The textures of each family by name, in the order that class names use."""
