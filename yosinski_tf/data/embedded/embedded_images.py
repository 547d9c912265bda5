"""The embedded data set: 40 classes of small drawn images, made in seconds.

It stands in for ImageNet where no photographs are available, and is not in the
paper. Every class combines one of five shapes with one of five textures of its
family, natural or man-made. No shape, texture or colour alone determines the class.
Classes of one family share shapes and textures, classes of different families share
none: features learned on one half of a random split help on the other half, and
those learned on one family help less on the other.
"""

import dataclasses

import numpy as np

from yosinski_tf.data.embedded import textures
from yosinski_tf.data.embedded.image_random import ImageRandom
from yosinski_tf.data.embedded.shapes import SHAPES

IMAGE_SIZE = 32
VERSION = "1.0.0"
"""Version of the drawing; it changes when the pixels for a seed change."""
CLASSES_PER_FAMILY = 20
TRAIN_PER_CLASS, VALIDATION_PER_CLASS = 300, 200

_PART_KEYS = {"train": 0, "validation": 1}
_BATCH = 50  # Images drawn at a time; more would not fit into the processor's cache.
_OUTLINE_LATTICE = 4
_WORDS = IMAGE_SIZE * IMAGE_SIZE * 3 + 2 * textures.WORDS + 128


@dataclasses.dataclass(frozen=True)
class _DrawnClass:
    family: str
    shape: str
    texture: str
    hue: float


def _drawn_classes() -> tuple[_DrawnClass, ...]:
    found = []
    for family in ("natural", "manmade"):
        shapes, fills = tuple(SHAPES[family]), tuple(textures.TEXTURES[family])
        for i in range(CLASSES_PER_FAMILY):
            # Steps of 7 give neighbours in the list different hues. Both families
            # have the same hues.
            hue = i * 7 % CLASSES_PER_FAMILY / CLASSES_PER_FAMILY
            texture = fills[(i + i // 5) % 5]
            found.append(_DrawnClass(family, shapes[i % 5], texture, hue))
    return tuple(found)


_CLASSES = _drawn_classes()

CLASS_NAMES: tuple[str, ...] = tuple(
    f"{drawn.family}_{drawn.shape}_{drawn.texture}" for drawn in _CLASSES
)
"""Class names by label: 20 natural classes, then 20 man-made classes."""

FAMILIES: tuple[str, ...] = tuple(drawn.family for drawn in _CLASSES)
"""The family of each class by label: `natural` or `manmade`."""


@dataclasses.dataclass(frozen=True)
class EmbeddedImages:
    """The images with their labels, ordered by class.

    Attributes:
      train_images: uint8 [count, 32, 32, 3], RGB, 0..255.
      train_labels: int32 [count], 0..39, an index into `CLASS_NAMES`.
      validation_images: Like `train_images`.
      validation_labels: Like `train_labels`.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    validation_images: np.ndarray
    validation_labels: np.ndarray


def generate(
    seed: int = 0,
    train_per_class: int = TRAIN_PER_CLASS,
    validation_per_class: int = VALIDATION_PER_CLASS,
) -> EmbeddedImages:
    """Draws the data set; a seed gives the same bytes on every machine.

    Each image has its own random stream, keyed by seed, class, part and position:
    with a larger count per class, the first images of a class stay the same.
    """
    return EmbeddedImages(
        train_images=_part(seed, "train", train_per_class),
        train_labels=_labels(train_per_class),
        validation_images=_part(seed, "validation", validation_per_class),
        validation_labels=_labels(validation_per_class),
    )


def _labels(per_class: int) -> np.ndarray:
    return np.repeat(np.arange(len(_CLASSES), dtype=np.int32), per_class)


def _part(seed: int, part: str, per_class: int) -> np.ndarray:
    images = np.empty(
        (len(_CLASSES), per_class, IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8
    )
    for label, drawn in enumerate(_CLASSES):
        for start in range(0, per_class, _BATCH):
            stop = min(start + _BATCH, per_class)
            keys = [(seed, label, _PART_KEYS[part], i) for i in range(start, stop)]
            random = ImageRandom.seeded(keys, _WORDS)
            images[label, start:stop] = _draw(drawn, random)
    return images.reshape(-1, IMAGE_SIZE, IMAGE_SIZE, 3)


def _draw(drawn: _DrawnClass, random: ImageRandom) -> np.ndarray:
    """Draws one image of the class per stream; uint8 [count, 32, 32, 3]."""
    fill_random = random.split_off(textures.WORDS)
    ground_random = random.split_off(textures.WORDS)
    pixels = np.arange(IMAGE_SIZE, dtype=np.float32) - (IMAGE_SIZE - 1) / 2
    x, y = pixels[None, None, :], -pixels[None, :, None]

    fill = textures.TEXTURES[drawn.family][drawn.texture](fill_random, x, y)
    ground = _any_texture(drawn.family, ground_random, x, y)
    inside = _silhouette(drawn, random, x, y)

    middle = random.uniform(0.4, 0.6)
    step = random.sign() * random.uniform(0.14, 0.26)
    light = random.uniform(-0.008, 0.008) * x + random.uniform(-0.008, 0.008) * y
    fill_colour = random.uniform(-0.1, 0.1, 1, 1, 3) + 0.04 * _hue_offset(drawn.hue)
    ground_colour = random.uniform(-0.1, 0.1, 1, 1, 3)
    fill_swing = _swing(random, 0.18, 0.32)
    ground_swing = _swing(random, 0.03, 0.09)
    front = (middle + step)[..., None] + fill_colour + fill[..., None] * fill_swing
    back = (middle - step)[..., None] + ground_colour + ground[..., None] * ground_swing
    image = back + inside[..., None] * (front - back)
    for _ in range(2):
        cover, colour = _bar(random, x, y)
        image = image + cover[..., None] * (colour - image)
    image = image + light[..., None]
    noise = random.uniform(0.02, 0.08)[..., None]
    image = image + noise * random.bell(IMAGE_SIZE, IMAGE_SIZE, 3)
    return np.rint(np.clip(image, 0.0, 1.0) * 255.0).astype(np.uint8)


def _any_texture(family, random: ImageRandom, x, y) -> np.ndarray:
    """A random texture of the family for each image, [count, 32, 32]."""
    functions = tuple(textures.TEXTURES[family].values())
    which = random.choice(len(functions))
    ground = np.empty((len(random), IMAGE_SIZE, IMAGE_SIZE), np.float32)
    for number, texture in enumerate(functions):
        (chosen,) = np.nonzero(which == number)
        if len(chosen):
            ground[chosen] = texture(random.of_images(chosen), x, y)
    return ground


def _silhouette(drawn: _DrawnClass, random: ImageRandom, x, y) -> np.ndarray:
    """The share of each pixel that the shape covers, 0..1, [count, 32, 32]."""
    half = IMAGE_SIZE / 2
    size = random.uniform(0.75, 1.15) * (0.9 * half)
    x = (x - random.uniform(-0.25, 0.25) * half) / size
    y = (y - random.uniform(-0.25, 0.25) * half) / size
    x, y = textures.rotate(x, y, *random.turn(0.229))  # +-0.45 rad.
    stretch = random.uniform(0.9, 1.1)
    x, y = x * stretch, y / stretch
    if drawn.family == "natural":
        # Natural outlines are uneven and may face either way.
        lattices = random.uniform(-0.13, 0.13, 2, _OUTLINE_LATTICE, _OUTLINE_LATTICE)
        u, v = x * 1.3 + 2.0, y * 1.3 + 2.0
        x = x + textures.value_noise(lattices[:, 0], u, v)
        y = y + textures.value_noise(lattices[:, 1], u, v)
        x = x * random.sign()
    distance = SHAPES[drawn.family][drawn.shape](x, y)
    return np.clip(distance * size + 0.5, 0.0, 1.0)


def _swing(random: ImageRandom, low: float, high: float) -> np.ndarray:
    """Signed strength of a texture in each colour channel, [count, 1, 1, 3]."""
    strength = random.sign() * random.uniform(low, high)
    return strength[..., None] * random.uniform(0.6, 1.4, 1, 1, 3)


def _bar(random: ImageRandom, x, y) -> tuple[np.ndarray, np.ndarray]:
    """A soft bar across half of the images: its coverage and its colour."""
    across, _ = textures.rotate(x, y, *random.direction())
    distance = np.abs(across - random.uniform(-14, 14))
    opacity = random.uniform(0.5, 0.95) * (random.uniform(0, 1) < 0.5)
    cover = opacity * np.clip((random.uniform(1.5, 3) - distance) / 1.5, 0.0, 1.0)
    return cover, random.uniform(0.15, 0.85, 1, 1, 3)


def _hue_offset(hue: float) -> np.ndarray:
    """Red, green and blue offsets in -1..1 whose sum is about 0."""
    offsets = [
        abs((hue + third) % 1.0 * 2.0 - 1.0) * 2.0 - 1.0
        for third in (0.0, 1 / 3, 2 / 3)
    ]
    return np.asarray(offsets, np.float32)
