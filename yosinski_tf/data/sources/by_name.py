"""Loads and describes every kind of image source, by its name.

Not in the paper, which uses one data set, ILSVRC2012.
"""

import dataclasses
import functools
import re
from collections.abc import Callable

import numpy as np
from PIL import Image

from yosinski_tf.data import counting, decoding
from yosinski_tf.data.embedded import embedded_images
from yosinski_tf.data.sources import folder, image_set, memory_check, tfds_folder
from yosinski_tf.data.sources.source_spec import check_option, split_spec
from yosinski_tf.data.store.format import PARTS, Store, open_store
from yosinski_tf.data.unreadable import Unreadable, unreadable
from yosinski_tf.system.errors import UserError

KNOWN = (
    "embedded or embedded:SEED (images the program draws), folder:DIR (a folder"
    " per class), tfds:NAME (prepared by TensorFlow Datasets), or store:DIR"
    " (prepared by yosinski-prepare)"
)
_EMBEDDED = re.compile(r"embedded(?::([0-9]{1,9}))?")


@dataclasses.dataclass(frozen=True)
class Description:
    """What is known about a data set before an image is read.

    Attributes:
      name: The source as given.
      class_names: Names in the order of the class index.
      families: `natural` or `manmade` for each class, or None if not known.
      num_images: Training and validation images together.
      stored: Whether the images stay in a store, so that a study keeps no copy.
      decoding_version: The version of `decoding` that reads the images, or read them.
    """

    name: str
    class_names: tuple[str, ...]
    families: tuple[str, ...] | None
    num_images: int
    stored: bool = False
    decoding_version: int = decoding.VERSION


class _Embedded:
    """The images that the program draws, read like those of a `Folder`."""

    class_names = embedded_images.CLASS_NAMES

    def __init__(self, seed: int):
        self._seed = seed
        counts = embedded_images.TRAIN_PER_CLASS, embedded_images.VALIDATION_PER_CLASS
        self._counts, self.num_images = counts, len(self.class_names) * sum(counts)

    @functools.cached_property
    def _drawn(self) -> embedded_images.EmbeddedImages:
        return embedded_images.generate(self._seed, *self._counts)

    def read(
        self, part: str, image_size: int, advance: Callable[[int], None]
    ) -> tuple[np.ndarray, np.ndarray]:
        images = getattr(self._drawn, f"{part}_images")
        if images.shape[1] != image_size:
            warped = (decoding.warp(Image.fromarray(i), image_size) for i in images)
            images = np.stack(list(warped))
        advance(len(images))
        return images, getattr(self._drawn, f"{part}_labels")

    def image_name(self, part: str, index: int) -> str:
        return f"{index} of {part}"


def open_stored(spec: str) -> Store | None:
    """Opens the store that a source names; None for a source of another kind.

    Raises:
      UserError: If the store does not exist, is incomplete or damaged, or is of
        another format version.
    """
    kind, folder_name = split_spec(spec)
    return open_store(folder_name) if kind == "store" and folder_name else None


def describe(
    spec: str,
    *,
    image_size: int | None = None,
    data_dir: str | None = None,
    held_out: float | None = None,
) -> Description:
    """Finds a data set and reads its class names, but no image.

    The arguments are those of `load`; without `image_size` a store may have any size.

    Raises:
      UserError: If the source is unknown, missing or incomplete, or a store of
        another image size.
    """
    _check_options(spec, data_dir, held_out)
    if store := open_stored(spec):
        _check_size(store, image_size or store.image_size)
        names, families = store.class_names, store.families
        version = store.decoding_version
        return Description(spec, names, families, store.num_images, True, version)
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
) -> image_set.ImageSet:
    """Loads a data set into memory, every image warped to one size.

    The images of a store are not loaded; training reads them batch by batch.

    Args:
      spec: `embedded`, `embedded:SEED`, `folder:DIR` (see `folder.open_folder`),
        `tfds:NAME` (see `tfds_folder.open_tfds`), or `store:DIR`. TFDS images keep
        their stored order, all others are ordered by class.
      image_size: Height and width in pixels, see `decoding`.
      data_dir: Where TensorFlow Datasets prepared its data; `tfds` only.
      held_out: Fraction of each class to hold out for validation; `folder` only.
      held_out_seed: Decides which images are held out.
      progress: Called with the number of images done and the total.

    Raises:
      Unreadable: If images cannot be read, after all others are read.
      UserError: If the source is unknown, missing, incomplete, damaged, too large
        for the memory, or a store of another image size.
    """
    if image_size < 1:
        raise UserError(f"images need a size of at least 1 pixel, found {image_size}")
    _check_options(spec, data_dir, held_out)
    if store := open_stored(spec):
        _check_size(store, image_size)
        return image_set.stored_image_set(store)
    source = _open(spec, data_dir, held_out, held_out_seed)
    memory_check.check_memory(source.num_images, image_size)
    advance = counting.counter(progress, source.num_images)
    names = source.class_names
    parts, wrong = {}, []
    for part in PARTS:
        try:
            parts[part] = source.read(part, image_size, advance)
        except Unreadable as error:
            wrong += error.images
    if wrong:
        raise unreadable(wrong)
    return image_set.make_image_set(
        name=spec,
        class_names=names,
        families=_families(names),
        name_of=source.image_name,
        **parts,
    )


def _check_size(store: Store, image_size: int) -> None:
    size = store.image_size
    if size != image_size:
        raise UserError(
            f"--image_size={image_size} needs a store of that size, found images of"
            f" {size} x {size} pixels in the store {store.folder}: leave out"
            " --image_size, or prepare a store of that size"
        )


def _families(names: tuple[str, ...]) -> tuple[str, ...] | None:
    # The embedded classes are also recognised in a prepared TFDS data set.
    return embedded_images.FAMILIES if names == embedded_images.CLASS_NAMES else None


def _check_options(spec: str, data_dir: str | None, held_out: float | None) -> None:
    kind, _ = split_spec(spec)
    check_option(spec, "held_out", held_out, kind == "folder", "folder:DIR")
    check_option(spec, "data_dir", data_dir, kind == "tfds", "tfds:NAME")


def _open(
    spec: str, data_dir: str | None, held_out: float | None, held_out_seed: int
) -> folder.Folder | tfds_folder.TfdsFolder | _Embedded:
    if match := _EMBEDDED.fullmatch(spec):
        return _Embedded(int(match[1] or 0))
    kind, rest = split_spec(spec)
    if kind == "folder":
        return folder.open_folder(rest, held_out, held_out_seed)
    if kind == "tfds" and rest:
        return tfds_folder.open_tfds(rest, data_dir)
    raise UserError(f"unknown data {spec!r}: give one of {KNOWN}")
