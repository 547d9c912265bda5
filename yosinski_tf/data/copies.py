"""Images with the same pixels in training and validation, or in two classes.

The first make validations too good, the second cannot all be classified correctly.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping

import numpy as np

from yosinski_tf.system import errors, typecheck

DIGEST = np.uint64
"""By chance, two of a million images share one once in 30 million sets."""


@dataclasses.dataclass(frozen=True)
class Copies:
    """How many images of a data set have the same pixels as others.

    Attributes:
      in_training: Validation images that are training images of their class too.
      num_validation: All validation images.
      training_example: Names of such a validation image and of a training image that
        is the same; empty if there is none.
      in_two_classes: Images, of both parts, that another class has too.
      num_images: All images.
      classes_example: Names of two such images; empty if there is none.
    """

    in_training: int
    num_validation: int
    training_example: tuple[str, ...]
    in_two_classes: int
    num_images: int
    classes_example: tuple[str, ...]

    @classmethod
    def from_json(cls, fields: Mapping[str, object] | None) -> "Copies | None":
        """Copies as `dataclasses.asdict` gave them; None if they were not counted.

        Raises:
          TypeError, KeyError: If a field is missing, unknown or of another type.
        """
        if fields is None:
            return None
        if wrong := typecheck.wrong_fields(cls, fields):
            raise TypeError("; ".join(wrong))
        texts = ("training_example", "classes_example")
        return cls(**{**fields, **{name: tuple(fields[name]) for name in texts}})

    @property
    def warnings(self) -> list[str]:
        """What is wrong with the images and what to do, a sentence each."""
        found = []
        if self.in_training:
            found.append(
                f"{self.in_training:,} of {self.num_validation:,} validation images are"
                f" also training images{_example(self.training_example)}: top-1 is too"
                " high: remove the copies."
            )
        if self.in_two_classes:
            found.append(
                f"{self.in_two_classes:,} of {self.num_images:,} images are in two or"
                f" more classes{_example(self.classes_example)}: no network can be"
                " right about all of them: leave each in one class."
            )
        return found


def digest(image: bytes | np.ndarray) -> int:
    """A digest of an image, of its bytes or of its pixels, as a `DIGEST`."""
    return int.from_bytes(hashlib.sha256(image).digest()[:8], "little")


def digests_of(images: np.ndarray) -> np.ndarray:
    """`DIGEST` [N] of images, uint8 [N, S, S, 3]."""
    found = (digest(np.ascontiguousarray(image)) for image in images)
    return np.fromiter(found, DIGEST, len(images))


def count_copies(
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    name_of: Callable[[str, int], str],
) -> Copies:
    """Compares all images of a data set.

    Args:
      train: Digests of the training images, `DIGEST` [N], and their classes, int [N].
      validation: The same of the validation images.
      name_of: The name of an image, from its part, `train` or `validation`, and its
        index in this part.
    """
    count = len(train[0])
    _, image = np.unique(np.concatenate([train[0], validation[0]]), return_inverse=True)
    label = np.concatenate([train[1], validation[1]]).astype(np.int64)
    # One number for each image in each class.
    classes = int(label.max(initial=0)) + 1
    both = image * classes + label
    copied = np.isin(both[count:], both[:count])
    spread = np.bincount(np.unique(both) // classes)
    mixed = spread[image] > 1

    def names(*places: int) -> tuple[str, ...]:
        parts = (
            ("train", p) if p < count else ("validation", p - count) for p in places
        )
        return tuple(errors.one_line(name_of(*each)) for each in parts)

    def example_of_copies() -> tuple[str, ...]:
        place = count + int(copied.argmax())
        return names(place, int((both[:count] == both[place]).argmax()))

    def example_of_classes() -> tuple[str, ...]:
        place = int(mixed.argmax())
        others = (image == image[place]) & (label != label[place])
        return names(place, int(others.argmax()))

    return Copies(
        in_training=int(copied.sum()),
        num_validation=len(copied),
        training_example=example_of_copies() if copied.any() else (),
        in_two_classes=int(mixed.sum()),
        num_images=len(image),
        classes_example=example_of_classes() if mixed.any() else (),
    )


def _example(names: tuple[str, ...]) -> str:
    return f" (for example {' = '.join(names)})" if names else ""
