"""Every source of images behind one function.

Not in the paper, which knows one data set, ILSVRC2012: a source is named by a
short text, and all of them give the same `ImageSet`.
"""

import dataclasses
import functools
import re
from collections.abc import Callable
from typing import Protocol

import numpy as np
from PIL import Image

from yosinski_tf.data import decoding
from yosinski_tf.data.embedded import embedded_images
from yosinski_tf.data.sources import folder, tfds_folder
from yosinski_tf.data.sources.image_set import (
    ImageSet,
    half_view,
    make_image_set,
    stored_image_set,
)
from yosinski_tf.data.sources.memory_check import check_memory
from yosinski_tf.data.store.format import Store, open_store
from yosinski_tf.system.errors import UserError

__all__ = [
    "Description",
    "ImageSet",
    "describe",
    "half_view",
    "known_sources",
    "load",
    "open_stored",
]

_EMBEDDED = re.compile(r"embedded(?::([0-9]{1,9}))?")
_EMBEDDED_TRAIN = 300
_EMBEDDED_VALIDATION = 200


@dataclasses.dataclass(frozen=True)
class Description:
    """What is known of a data set before an image is read.

    Attributes:
      name: The source as given.
      class_names: Names in the order of the class index.
      families: `natural` or `manmade` for each class, or None if not known.
      num_images: Training and validation images together.
      stored: Whether the images stay in a store, of which a study holds no copy.
    """

    name: str
    class_names: tuple[str, ...]
    families: tuple[str, ...] | None
    num_images: int
    stored: bool = False


class _Source(Protocol):
    class_names: tuple[str, ...]

    @property
    def num_images(self) -> int: ...

    def read(
        self, part: str, image_size: int, advance: Callable[[int], None]
    ) -> tuple[np.ndarray, np.ndarray]: ...


class _Embedded:
    """The data set drawn by the program itself, `embedded_images`."""

    class_names = embedded_images.CLASS_NAMES

    def __init__(self, seed: int):
        self._seed = seed

    @property
    def num_images(self) -> int:
        """Training and validation images together."""
        return len(self.class_names) * (_EMBEDDED_TRAIN + _EMBEDDED_VALIDATION)

    @functools.cached_property
    def _drawn(self) -> embedded_images.EmbeddedImages:
        return embedded_images.generate(
            self._seed, _EMBEDDED_TRAIN, _EMBEDDED_VALIDATION
        )

    def read(
        self, part: str, image_size: int, advance: Callable[[int], None]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The images of `train` or `validation`, class by class, warped."""
        images = getattr(self._drawn, f"{part}_images")
        if images.shape[1] != image_size:
            warped = (decoding.warp(Image.fromarray(i), image_size) for i in images)
            images = np.stack(list(warped))
        advance(len(images))
        return images, getattr(self._drawn, f"{part}_labels")


def known_sources() -> str:
    """The forms a source may be given in, for error messages and help texts."""
    return (
        "embedded or embedded:SEED (images the program draws), folder:DIR (a folder"
        " per class), tfds:NAME (prepared by TensorFlow Datasets), or store:DIR"
        " (prepared by yosinski-prepare)"
    )


def open_stored(spec: str) -> Store | None:
    """The store that a source names, None if it names none.

    Raises:
      UserError: If it is not there, incomplete, damaged or of another version.
    """
    kind, _, folder = spec.partition(":")
    return open_store(folder) if kind == "store" and folder else None


def describe(
    spec: str,
    *,
    image_size: int | None = None,
    data_dir: str | None = None,
    held_out: float | None = None,
) -> Description:
    """Finds a data set and names its classes, reading no image.

    Args:
      spec: As for `load`, and so are the others.

    Raises:
      UserError: If the source is unknown, not there or incomplete, or a store of
        another image size.
    """
    _check_options(spec, data_dir, held_out)
    if store := open_stored(spec):
        _check_size(store, image_size or store.image_size)
        names, families = store.class_names, store.families
        return Description(spec, names, families, store.num_images, stored=True)
    source = _open(spec, data_dir, held_out, 0)
    names = source.class_names
    return Description(spec, names, _families(names), source.num_images)


def load(
    spec: str,
    *,
    image_size: int,
    data_dir: str | None = None,
    held_out: float | None = None,
    held_out_seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    available_bytes: int | None = None,
) -> ImageSet:
    """Loads a data set into memory, every image warped to one size.

    Images of a store are not loaded: they are read when they are asked for.

    Args:
      spec: `embedded`, `embedded:SEED`, `folder:DIR` (see `folder.open_folder`),
        `tfds:NAME` (see `tfds_source.open_tfds`), or `store:DIR` (see
        `store_format`). Images of `embedded`, `folder` and `store` are ordered
        by class, those of `tfds` as they are stored.
      image_size: Height and width in pixels; aspect ratio is ignored, as in the
        paper. See `decoding` for how images are resized.
      data_dir: Where TensorFlow Datasets prepared its data; `tfds` only.
      held_out: Fraction of each class that becomes the validation part, for a
        folder that has none.
      held_out_seed: Which images those are.
      progress: Called now and then with the number of images done and of all.
      available_bytes: Memory that is free; None to ask the system.

    Raises:
      UserError: If the source is unknown, not there, incomplete, damaged, too
        large for the memory, or a store of another image size.
    """
    if image_size < 1:
        raise UserError(f"image size {image_size}: wanted at least 1 pixel")
    _check_options(spec, data_dir, held_out)
    if store := open_stored(spec):
        _check_size(store, image_size)
        return stored_image_set(store)
    source = _open(spec, data_dir, held_out, held_out_seed)
    total, done = source.num_images, 0
    check_memory(total, image_size, available_bytes)

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, total)

    train = source.read("train", image_size, advance)
    validation = source.read("validation", image_size, advance)
    names = source.class_names
    return make_image_set(spec, names, _families(names), train, validation)


def _check_size(store: Store, image_size: int) -> None:
    if store.image_size != image_size:
        size = store.image_size
        raise UserError(
            f"the store {store.folder} holds images of {size} x {size} pixels, wanted"
            f" {image_size} x {image_size}: leave out --image_size, or prepare a store"
            " of that size"
        )


def _families(names: tuple[str, ...]) -> tuple[str, ...] | None:
    # Prepared for TensorFlow Datasets, the embedded classes are still known.
    return embedded_images.FAMILIES if names == embedded_images.CLASS_NAMES else None


def _check_options(spec: str, data_dir: str | None, held_out: float | None) -> None:
    # Refused, not ignored: the numbers would not be what the user meant.
    for name, value, kind in (
        ("--held_out", held_out, "folder:"),
        ("--data_dir", data_dir, "tfds:"),
    ):
        if value is not None and not spec.startswith(kind):
            raise UserError(
                f"data {spec!r} takes no {name}, got {value}: leave it out, or"
                f" choose a source {kind}..."
            )


def _open(
    spec: str, data_dir: str | None, held_out: float | None, held_out_seed: int
) -> _Source:
    if match := _EMBEDDED.fullmatch(spec):
        return _Embedded(int(match[1] or 0))
    kind, _, rest = spec.partition(":")
    if kind == "folder":
        return folder.open_folder(rest, held_out, held_out_seed)
    if kind == "tfds" and rest:
        return tfds_folder.open_tfds(rest, data_dir)
    raise UserError(f"unknown data {spec!r}: wanted {known_sources()}")
