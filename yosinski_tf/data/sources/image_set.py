"""A labelled data set, in memory or in a store, and halves as index lists."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence

import numpy as np

from yosinski_tf.data import decoding
from yosinski_tf.data.copies import Copies, count_copies, digests_of
from yosinski_tf.data.store import format, stored_images
from yosinski_tf.system.errors import UserError

_ADJECTIVES = {"train": "training", "validation": "validation"}


@dataclasses.dataclass(frozen=True, eq=False)
class ImageSet:
    """Images and labels for training and validation; the arrays are read-only.

    Attributes:
      name: The source as given, for example `embedded`; for a store, `store:` and
        the source that it was prepared from.
      class_names: Names in the order of the class index.
      families: `natural` or `manmade` for each class, or None if not known.
      train_images: uint8 [N, S, S, 3], RGB, 0..255. The images of a class are in
        the source's order, so the first k of a class are always the same. Images
        of a store are read when they are needed.
      train_labels: int32 [N], class indices.
      validation_images: uint8 [M, S, S, 3], RGB, 0..255.
      validation_labels: int32 [M], class indices.
      fingerprint: SHA-256, hexadecimal, of the class names and of the shapes and
        bytes of all four arrays; for a store, the store's fingerprint.
      decoding_version: The version of `decoding` that read the images; 1 for a store
        or a copy that does not say so.
      copies: Which images are the same; None for a store, or a copy of the data set,
        of a version that did not count them.
    """

    name: str
    class_names: tuple[str, ...]
    families: tuple[str, ...] | None
    train_images: np.ndarray | stored_images.StoredImages
    train_labels: np.ndarray
    validation_images: np.ndarray | stored_images.StoredImages
    validation_labels: np.ndarray
    fingerprint: str
    decoding_version: int = 1
    copies: Copies | None = None


def make_image_set(
    name: str,
    class_names: Sequence[str],
    families: Sequence[str] | None,
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    name_of: Callable[[str, int], str] = lambda part, index: f"{index} of {part}",
) -> ImageSet:
    """Checks images and labels and combines them, without copying the images.

    Each part is a pair of images, uint8 [N, S, S, 3], and integer labels [N]. Messages
    name an image by its part and its index as `name_of` does.

    Raises:
      UserError: As `check_labels`.
    """
    arrays = {}
    for part, (images, labels) in (("train", train), ("validation", validation)):
        check_labels(name, part, labels, class_names)
        arrays[f"{part}_images"] = np.ascontiguousarray(images)
        arrays[f"{part}_labels"] = labels.astype(np.int32)
    for array in arrays.values():
        array.flags.writeable = False
    digests = [
        (digests_of(arrays[f"{part}_images"]), arrays[f"{part}_labels"])
        for part in format.PARTS
    ]
    return ImageSet(
        name=name,
        class_names=tuple(class_names),
        families=None if families is None else tuple(families),
        fingerprint=_fingerprint(class_names, list(arrays.values())),
        decoding_version=decoding.VERSION,
        copies=count_copies(*digests, name_of),
        **arrays,
    )


def stored_image_set(store: format.Store) -> ImageSet:
    """Makes a data set of a store; no image is read.

    Raises:
      UserError: If the store is damaged, and as `check_labels`.
    """
    name = f"store:{store.source}"
    arrays = {}
    for part in format.PARTS:
        arrays[f"{part}_images"] = stored_images.StoredImages(store, part)
        arrays[f"{part}_labels"] = labels = store.labels(part)
        check_labels(name, part, labels, store.class_names)
    return ImageSet(
        name=name,
        class_names=store.class_names,
        families=store.families,
        fingerprint=store.fingerprint,
        decoding_version=store.decoding_version,
        copies=store.copies,
        **arrays,
    )


def half_view(
    labels: np.ndarray,
    classes: Sequence[int],
    examples_per_class: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the images of a half and numbers its classes.

    Args:
      labels: int [N], class indices of the whole set.
      classes: Class indices of the half.
      examples_per_class: Number of images to take of each class, from the first;
        None for all. (The authors' reduced data sets, not in the paper.)

    Returns:
      int64 [K] indices of the half's images, ascending, and their int32 [K]
      labels, renumbered 0..len(classes)-1 in the order of the class index.
    """
    ordered = np.unique(np.asarray(classes, np.int64))
    indices = np.flatnonzero(np.isin(labels, ordered)).astype(np.int64)
    if examples_per_class is not None:
        by_class = indices[np.argsort(labels[indices], kind="stable")]
        ascending = labels[by_class]
        place = np.arange(len(by_class)) - np.searchsorted(ascending, ascending)
        indices = np.sort(by_class[place < examples_per_class])
    return indices, np.searchsorted(ordered, labels[indices]).astype(np.int32)


def check_labels(
    name: str, part: str, labels: np.ndarray, class_names: Sequence[str]
) -> None:
    """Checks the labels, int [N], of one part of the data set `name`.

    Raises:
      UserError: If there are fewer than two classes, a label is not a class index,
        or a class has no image.
    """
    count = len(class_names)
    if count < 2:
        raise UserError(
            f"data {name} needs at least 2 classes, found {count}: choose another"
            " source"
        )
    check_label_range(name, part, labels, count)
    empty = np.flatnonzero(np.bincount(labels, minlength=count) == 0)
    if empty.size:
        raise UserError(
            f"data {name} needs at least one {_ADJECTIVES[part]} image of each class,"
            f" found none of {len(empty)} of {count} classes, the first is"
            f" {class_names[empty[0]]!r}: add images or remove the class"
        )


def check_train_per_class(images: ImageSet, wanted: int | None) -> None:
    """Raises a UserError if a class has fewer training images than are wanted."""
    counts = np.bincount(images.train_labels, minlength=len(images.class_names))
    smallest = int(counts.argmin())
    if wanted and counts[smallest] < wanted:
        raise UserError(
            "--train_per_class needs so many training images of each class, found"
            f" {counts[smallest]} of {images.class_names[smallest]!r}: give at most"
            f" {counts[smallest]}, or add images"
        )


def check_label_range(name: str, part: str, labels: np.ndarray, classes: int) -> None:
    """Raises a UserError if a label is not in 0..classes-1; see `check_labels`."""
    wrong = labels[(labels < 0) | (labels >= classes)]
    if wrong.size:
        raise UserError(
            f"data {name} needs labels from 0 to {classes - 1}, found {wrong[0]} among"
            f" its {_ADJECTIVES[part]} images: correct the labels, or choose another"
            " data set"
        )


def _fingerprint(class_names: Sequence[str], arrays: Sequence[np.ndarray]) -> str:
    shapes = [array.shape for array in arrays]
    digest = hashlib.sha256(json.dumps([list(class_names), shapes]).encode())
    for array in arrays:
        # Little-endian on every machine.
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False))
    return digest.hexdigest()
