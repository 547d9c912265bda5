"""A labelled data set, in memory or in a store, and a half as an index list."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence

import numpy as np

from yosinski_tf.data.store.format import Store
from yosinski_tf.data.store.stored_images import StoredImages
from yosinski_tf.system.errors import UserError


@dataclasses.dataclass(frozen=True, eq=False)
class ImageSet:
    """Images and labels for training and validation; the arrays are read-only.

    Attributes:
      name: The source as given, for example `embedded`; of a store, wherever it
        is, `store:` and what it was prepared from.
      class_names: Names in the order of the class index.
      families: `natural` or `manmade` for each class, or None if not known.
      train_images: uint8 [N, S, S, 3], RGB, 0..255. Within a class the images
        stand in the source's list order, so the first k of a class are the
        same at every loading. Those of a store are read when asked for.
      train_labels: int32 [N], class indices.
      validation_images: uint8 [M, S, S, 3], RGB, 0..255.
      validation_labels: int32 [M], class indices.
      fingerprint: SHA-256, in hexadecimal, of the class names and of the
        shapes and bytes of all four arrays; of a store its own.
    """

    name: str
    class_names: tuple[str, ...]
    families: tuple[str, ...] | None
    train_images: np.ndarray | StoredImages
    train_labels: np.ndarray
    validation_images: np.ndarray | StoredImages
    validation_labels: np.ndarray
    fingerprint: str


def make_image_set(
    name: str,
    class_names: Sequence[str],
    families: Sequence[str] | None,
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
) -> ImageSet:
    """Checks images and labels and makes them a data set, without a copy.

    Args:
      name: The source as given.
      class_names: Names in the order of the class index.
      families: `natural` or `manmade` for each class, or None.
      train: Images uint8 [N, S, S, 3] and integer labels [N].
      validation: Images uint8 [M, S, S, 3] and integer labels [M].

    Raises:
      UserError: If there are fewer than two classes, a label is not a class
        index, or a class has no training or no validation image.
    """
    _check_classes(name, class_names)
    arrays = []
    for part, (images, labels) in (("training", train), ("validation", validation)):
        if images.dtype != np.uint8 or images.shape[1:] != (*images.shape[1:3], 3):
            raise ValueError(f"{part} images are {images.dtype} {images.shape}")
        if labels.shape != images.shape[:1]:
            raise ValueError(f"{images.shape[:1]} images, {labels.shape} labels")
        _check_labels(name, part, labels, class_names)
        arrays += [np.ascontiguousarray(images), labels.astype(np.int32)]
    for array in arrays:
        array.flags.writeable = False
    return ImageSet(
        name,
        tuple(class_names),
        None if families is None else tuple(families),
        *arrays,
        fingerprint=_fingerprint(class_names, arrays),
    )


def stored_image_set(store: Store) -> ImageSet:
    """A store as a data set; no image is read.

    Raises:
      UserError: If it is damaged, there are fewer than two classes, or a class
        has no training or no validation image.
    """
    name = f"store:{store.source}"
    _check_classes(name, store.class_names)
    arrays: list = []
    for part, split in (("training", "train"), ("validation", "validation")):
        labels = store.labels(split)
        _check_labels(name, part, labels, store.class_names)
        arrays += [StoredImages(store, split), labels]
    return ImageSet(
        name,
        store.class_names,
        store.families,
        *arrays,
        fingerprint=store.fingerprint,
    )


def half_view(
    labels: np.ndarray,
    classes: Sequence[int],
    examples_per_class: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Where the images of a half are, and what their labels are within it.

    Args:
      labels: int [N], class indices of the whole set.
      classes: Class indices of the half.
      examples_per_class: Only the first so many images of every class, in the
        order of the list; None for all (the authors' reduced data sets, not in
        the paper).

    Returns:
      int64 [K] indices of the half's images, ascending, and their int32 [K]
      labels, renumbered 0..len(classes)-1 in the order of the class index.
    """
    ordered = np.unique(np.asarray(classes, np.int64))
    size = 1 + max(labels.max(initial=-1), ordered.max(initial=-1))
    renumbered = np.full(size, -1, np.int32)
    renumbered[ordered] = np.arange(len(ordered))
    new_labels = renumbered[labels]
    indices = np.flatnonzero(new_labels >= 0).astype(np.int64)
    if examples_per_class is not None:
        by_class = indices[np.argsort(new_labels[indices], kind="stable")]
        ends = np.cumsum(np.bincount(new_labels[indices], minlength=len(ordered)))
        starts = np.concatenate(([0], ends[:-1]))
        place = np.arange(len(by_class)) - starts[new_labels[by_class]]
        indices = np.sort(by_class[place < examples_per_class])
    return indices, new_labels[indices]


def _check_classes(name: str, class_names: Sequence[str]) -> None:
    if len(class_names) < 2:
        raise UserError(
            f"data {name} has {len(class_names)} class(es): wanted at least 2;"
            " choose another source"
        )


def _check_labels(
    name: str, part: str, labels: np.ndarray, class_names: Sequence[str]
) -> None:
    wrong = labels[(labels < 0) | (labels >= len(class_names))]
    if wrong.size:
        raise UserError(
            f"data {name} has the label {wrong[0]} among its {part} images: wanted"
            f" 0 to {len(class_names) - 1} for {len(class_names)} classes; correct"
            " the labels"
        )
    counts = np.bincount(labels, minlength=len(class_names))
    empty = [class_names[i] for i in np.flatnonzero(counts == 0)]
    if empty:
        raise UserError(
            f"data {name} has no {part} image of {len(empty)} class(es), the first"
            f" is {empty[0]!r}: wanted at least one of every class; add some or"
            " remove the class"
        )


def _fingerprint(class_names: Sequence[str], arrays: Sequence[np.ndarray]) -> str:
    shapes = [array.shape for array in arrays]
    digest = hashlib.sha256(json.dumps([list(class_names), shapes]).encode())
    for array in arrays:
        # Bytes in one order everywhere, whatever the machine's own is.
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False))
    return digest.hexdigest()
