"""The images of a half that measures are taken from."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from yosinski_tf.data.batches import pipeline
from yosinski_tf.data.sources.image_set import ImageSet, half_view

MOST_IMAGES = 5000
# Images and pixels of a batch, so that activations of large images take little memory.
_BATCH, _BATCH_PIXELS = 1000, 1 << 20


@dataclasses.dataclass(frozen=True, eq=False)
class HalfImages:
    """Training or validation images of a half, as central crops.

    Attributes:
      labels: Their classes, numbered from 0 within the half, int32 [images].
      crop_size: Side of the crops, pixels.
    """

    half: pipeline.HalfImages
    crop_size: int

    @property
    def labels(self) -> np.ndarray:
        return np.asarray(self.half.labels)

    def __len__(self) -> int:
        return len(self.half.indices)

    def batches(self) -> Iterator[np.ndarray]:
        """Batches of images, uint8 [batch, crop, crop, 3], in one order."""
        images, crop = self.half.images, self.crop_size
        size = max(1, min(_BATCH, _BATCH_PIXELS // crop**2))
        if isinstance(images, np.ndarray):
            first = (images.shape[1] - crop) // 2
            inner = slice(first, first + crop)
            indices = np.asarray(self.half.indices)
            starts = range(0, len(indices), size)
            return (images[indices[s : s + size], inner, inner] for s in starts)
        found = pipeline.validation_batches(self.half, batch_size=size, crop_size=crop)
        return (images.numpy() for images, _ in pipeline.without_autotuning(found))

    def some(self, most: int) -> "HalfImages":
        """No more than so many of them, evenly from all classes."""
        count = len(self)
        if count <= most:
            return self
        by_class = np.argsort(self.labels, kind="stable")
        chosen = np.sort(by_class[np.arange(most) * count // most])
        return self._at(chosen)

    def shuffled(self) -> "HalfImages":
        """All of them in a random order, the same each time.

        As stored, a batch may hold a single class.
        """
        return self._at(np.random.default_rng(0).permutation(len(self)))

    def _at(self, places: np.ndarray) -> "HalfImages":
        half = dataclasses.replace(
            self.half,
            indices=np.asarray(self.half.indices)[places],
            labels=self.labels[places],
        )
        return HalfImages(half, self.crop_size)


def half_images(
    images: ImageSet,
    part: str,
    class_names: list[str],
    crop_size: int,
    train_per_class: int | None,
) -> HalfImages:
    """The images of a half by the names of its classes; at most `MOST_IMAGES`.

    Args:
      images: The whole set.
      part: `train` or `validation`.
      class_names: Names of the half's classes, in the order of the network's outputs.
      crop_size: Side of the central crops, pixels.
      train_per_class: Training images of each class that the study uses; None for all.
    """
    number = {name: index for index, name in enumerate(images.class_names)}
    indices, labels = half_view(
        np.asarray(getattr(images, f"{part}_labels")),
        [number[name] for name in class_names],
        train_per_class if part == "train" else None,
    )
    half = pipeline.HalfImages(getattr(images, f"{part}_images"), indices, labels)
    return HalfImages(half, crop_size).some(MOST_IMAGES)
