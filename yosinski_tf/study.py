"""A study folder: what it was made with, what it holds, what is still missing."""

import dataclasses
import json
import pathlib
import re
from collections.abc import Callable, Iterable
from typing import Any

from yosinski_tf import ilsvrc, locks
from yosinski_tf.data import cache, signature, sources
from yosinski_tf.data.image_set import ImageSet
from yosinski_tf.data.sources import Description
from yosinski_tf.errors import UserError
from yosinski_tf.files import disk_full, is_full, make_folder, write_atomically
from yosinski_tf.records import Record, read_records
from yosinski_tf.settings import (
    SETTINGS_NAME,
    canonical,
    check_folder,
    check_records,
    in_store,
    settings,
)
from yosinski_tf.splits import Split

__all__ = [
    "IMAGES_FOLDER",
    "SETTINGS_NAME",
    "as_recorded",
    "check_folder",
    "check_images",
    "check_records",
    "describe_images",
    "description_of",
    "finished",
    "load_images",
    "prepare_folder",
    "settings",
    "sign",
]

IMAGES_FOLDER = "dataset"
SOURCE_NAME = "source.json"
_IMAGENET = re.compile(r"tfds:imagenet2012(:[^/]*)?")


def as_recorded(split: Split, records: Iterable[Record]) -> Split:
    """A split from a file under the name that it has in the records.

    The same halves, read from another place, are the same split.
    """
    for record in records:
        same = record.split_digest == split.digest
        files = (record.split, split.name)
        if same and all(name.startswith("file:") for name in files):
            return dataclasses.replace(split, name=record.split)
    return split


def sign(wanted: dict[str, Any]) -> str | None:
    """The signature of a study's source, see `data.signature.sign`.

    A store has none: its fingerprint is compared each time.
    """
    dataset = wanted["dataset"]
    if in_store(wanted):
        return None
    return signature.sign(dataset["spec"], dataset.get("data_dir"))


def load_images(
    runs: pathlib.Path,
    wanted: dict[str, Any],
    signed: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImageSet:
    """The data set of a study, from its folder if it was decoded before.

    If the source does not look as it did then, it is read again and must hold
    the same images. A source that is gone is not missed.

    Args:
      runs: The study folder.
      wanted: Result of `settings`.
      signed: Result of `sign`.
      progress: Called while images are read, with those read and those in all.

    Raises:
      UserError: If the data set cannot be loaded, or has changed.
    """
    stored = None
    if (runs / SETTINGS_NAME).exists() and not in_store(wanted):
        stored = cache.load(runs / IMAGES_FOLDER)
    if stored is not None and (signed is None or signed in _signatures(runs)):
        return stored
    images = sources.load(**wanted["dataset"], progress=progress)
    if stored is not None:
        _check_same(runs, stored, images)
        return stored
    return images


def _check_same(runs: pathlib.Path, stored: ImageSet, images: ImageSet) -> None:
    if images.fingerprint != stored.fingerprint:
        raise UserError(
            f"the data set {images.name} has changed since the study folder {runs} was"
            f" made: wanted fingerprint {stored.fingerprint[:12]}, got"
            f" {images.fingerprint[:12]}: restore it, or choose another --runs folder"
        )


def _signatures(runs: pathlib.Path) -> list[str]:
    """All that the source has looked like with the images that are stored."""
    try:
        found = json.loads((runs / IMAGES_FOLDER / SOURCE_NAME).read_text())
        return [str(each) for each in found["signatures"]]
    except (OSError, ValueError, TypeError, KeyError):
        # Then the source is read again, which is the safe way.
        return []


def describe_images(
    runs: pathlib.Path, wanted: dict[str, Any]
) -> tuple[Description, str]:
    """The classes and the size of a study's data set, reading no image.

    ImageNet need not be there: its classes are known.

    Args:
      runs: The study folder.
      wanted: Result of `settings`.

    Returns:
      What is known, and a sentence if the data set itself was not found.

    Raises:
      UserError: If there is no such data set and it is not ImageNet.
    """
    if (runs / SETTINGS_NAME).exists() and not in_store(wanted):
        images = cache.load(runs / IMAGES_FOLDER)
        if images is not None:
            return description_of(images), ""
    try:
        return sources.describe(**wanted["dataset"]), ""
    except UserError as error:
        spec = wanted["dataset"]["spec"]
        if not _IMAGENET.fullmatch(spec):
            raise
        families = ilsvrc.class_families()
        train, validation = ilsvrc.NUM_TRAIN_IMAGES, ilsvrc.NUM_VALIDATION_IMAGES
        known = Description(
            spec, tuple(families), tuple(families.values()), train + validation
        )
        return known, (
            f"{error}. To plan, its known classes will do: {len(families):,} classes,"
            f" {train:,} images for training and {validation:,} for validation."
        )


def check_images(images: ImageSet, records: Iterable[Record]) -> None:
    """Refuses a data set that is not the one of the finished runs.

    Raises:
      UserError: If a record names another fingerprint.
    """
    for record in records:
        if record.dataset_fingerprint != images.fingerprint:
            raise UserError(
                f"the data set {images.name} has changed since {record.run_id} was"
                f" trained: wanted fingerprint {record.dataset_fingerprint[:12]}, got"
                f" {images.fingerprint[:12]}: restore it, or choose another --runs"
                " folder"
            )


def description_of(images: ImageSet) -> Description:
    """What `describe_images` tells, of images that are loaded."""
    count = len(images.train_labels) + len(images.validation_labels)
    return Description(images.name, images.class_names, images.families, count)


def prepare_folder(
    runs: pathlib.Path,
    wanted: dict[str, Any],
    images: ImageSet,
    signed: str | None = None,
    threads: int | None = None,
) -> dict[str, Any]:
    """Makes the folder with its settings and its data set, where not yet done.

    Several processes may do this at once: the first one makes it, and the
    others check that they want the same.

    Args:
      runs: The study folder.
      wanted: Result of `settings`.
      images: Result of `load_images`.
      signed: Result of `sign`, before the images were read.
      threads: Threads of each process, unless the settings or the folder say.

    Returns:
      The settings that hold.

    Raises:
      UserError: If the folder cannot be written to, was begun with a store of
        other content, or another process has made it with other settings.
    """
    try:
        make_folder(runs)
        with locks.held(runs, "folder"):
            return _prepare(runs, wanted, images, signed, threads)
    except OSError as error:
        if is_full(error):
            path = pathlib.Path(error.filename or runs / SETTINGS_NAME)
            raise disk_full(path, str(error.strerror)) from None
        raise UserError(
            f"cannot write to the study folder {runs} ({error.strerror}): name a"
            " folder on a disk with room that may be written to"
        ) from None


def _prepare(runs, wanted, images, signed, threads) -> dict[str, Any]:
    found = check_folder(runs, wanted)
    folder = runs / IMAGES_FOLDER
    stored = None
    if found is not None and not in_store(wanted):
        stored = cache.load(folder)
    if stored is not None:
        _check_same(runs, stored, images)
    elif found is None or not cache.holds(folder, images):
        cache.save(folder, images)
    known = [] if found is None else _signatures(runs)
    if signed is not None and signed not in known:
        text = json.dumps({"signatures": [*known, signed]}, indent=1)
        write_atomically(folder / SOURCE_NAME, text.encode())
    if found is None:
        found = canonical(wanted)
        if found["threads"] is None:
            found["threads"] = threads
        text = json.dumps(found, indent=1)
        # The last to be written: it says that the folder is whole.
        write_atomically(runs / SETTINGS_NAME, text.encode())
    return found


def finished(runs: pathlib.Path) -> dict[str, Record]:
    """The records of a study folder by run id; empty if there is no folder.

    Raises:
      UserError: If a record is broken.
    """
    if not runs.is_dir():
        return {}
    return {record.run_id: record for record in read_records(runs)}
