"""Ten outlines, five natural and five man-made, for the embedded images.

A shape is a function of the coordinates x (rightwards) and y (upwards), float32
[count, rows, columns]. It returns the approximate distance to the outline, positive
inside, as float32 of the same shape. A shape lies approximately within the unit
circle. All operations are exactly rounded, so the bits are the same on every
machine. The shapes are not in the paper.
"""

from collections.abc import Callable

import numpy as np

Shape = Callable[[np.ndarray, np.ndarray], np.ndarray]

# Directions of a five-fold star, written as numbers to avoid an inexact sine.
_PETALS = (
    (0.0, 1.0),
    (0.951, 0.309),
    (0.588, -0.809),
    (-0.588, -0.809),
    (-0.951, 0.309),
)


def _disc(x, y, centre_x: float, centre_y: float, radius: float) -> np.ndarray:
    x, y = x - centre_x, y - centre_y
    return radius - np.sqrt(x * x + y * y)


def _box(x, y, half_width: float, half_height: float) -> np.ndarray:
    return np.minimum(half_width - np.abs(x), half_height - np.abs(y))


def _stroke(x, y, start, end, half_width: float) -> np.ndarray:
    """A line with round ends between two points (x, y)."""
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    per_length = 1.0 / (along_x * along_x + along_y * along_y)
    x, y = x - start[0], y - start[1]
    part = np.clip((x * along_x + y * along_y) * per_length, 0.0, 1.0)
    x, y = x - part * along_x, y - part * along_y
    return half_width - np.sqrt(x * x + y * y)


def flower(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Five round petals around a round hole."""
    petals = _disc(x, y, 0.0, 0.0, 0.3)
    for along_x, along_y in _PETALS:
        petals = np.maximum(petals, _disc(x, y, 0.6 * along_x, 0.6 * along_y, 0.32))
    return np.minimum(petals, -_disc(x, y, 0.0, 0.0, 0.17))


def leaf(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A leaning pointed leaf on a stalk, with a slit along its vein."""
    x, y = 0.8 * x - 0.6 * y, 0.6 * x + 0.8 * y
    blade = np.minimum(_disc(x, y, -0.5, 0.12, 0.98), _disc(x, y, 0.5, 0.12, 0.98))
    blade = np.minimum(blade, -_stroke(x, y, (0.0, -0.9), (0.0, 0.45), 0.05))
    return np.maximum(blade, _stroke(x, y, (0.0, -1.05), (0.0, -0.75), 0.07))


def fish(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A lens-shaped body with a forked tail and an eye."""
    body = np.minimum(_disc(x, y, 0.22, -0.37, 0.82), _disc(x, y, 0.22, 0.37, 0.82))
    behind = -0.25 - x
    tail = np.minimum((behind + 0.04 - np.abs(y)) * 0.7, x + 0.88)
    tail = np.minimum(tail, np.abs(y) * 0.8 + x + 0.74)
    return np.minimum(np.maximum(body, tail), -_disc(x, y, 0.56, 0.1, 0.07))


def mushroom(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A half-round cap on a stem that widens downwards."""
    cap = np.minimum(_disc(x, y, 0.0, -0.1, 0.85), y + 0.05)
    stem = np.minimum(0.19 - 0.1 * y - np.abs(x), 0.9 - np.abs(y))
    return np.maximum(cap, np.minimum(stem, 0.1 - y))


def branch(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A branch with three twigs."""
    bough = _stroke(x, y, (-0.1, -0.95), (0.05, 0.1), 0.15)
    bough = np.maximum(bough, _stroke(x, y, (0.05, 0.1), (0.42, 0.85), 0.13))
    bough = np.maximum(bough, _stroke(x, y, (0.05, 0.1), (-0.4, 0.8), 0.12))
    bough = np.maximum(bough, _stroke(x, y, (-0.05, -0.4), (0.7, 0.05), 0.12))
    return np.maximum(bough, _stroke(x, y, (0.0, -0.15), (-0.75, 0.1), 0.12))


def square(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A filled square."""
    return _box(x, y, 0.68, 0.68)


def triangle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A filled triangle with its base below."""
    sides = (0.9 - y) * 0.447 - np.abs(x) * 0.894
    return np.minimum(sides, y + 0.65)


def cross(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """An upright cross with equal arms."""
    return np.maximum(_box(x, y, 0.88, 0.27), _box(x, y, 0.27, 0.88))


def ring(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A broad ring."""
    return 0.24 - np.abs(0.6 - np.sqrt(x * x + y * y))


def letter_k(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The letter K, in broad strokes with straight ends."""
    stem = _box(x + 0.45, y, 0.19, 0.85)
    arms = 0.19 - np.abs((np.abs(y) - 1.15 * (x + 0.22)) * 0.656)
    arms = np.minimum(arms, np.minimum(0.85 - np.abs(y), x + 0.45))
    return np.maximum(stem, arms)


SHAPES: dict[str, dict[str, Shape]] = {
    "natural": {f.__name__: f for f in (flower, leaf, fish, mushroom, branch)},
    "manmade": {
        **{f.__name__: f for f in (square, triangle, cross, ring)},
        "k": letter_k,
    },
}
"""The shapes of each family by name, in the order that class names use."""
