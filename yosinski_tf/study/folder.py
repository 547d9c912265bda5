"""A study folder: what it was made with, what it holds, what is still missing."""

import dataclasses
import json
import pathlib
import re
from collections.abc import Callable, Iterable
from typing import Any

from yosinski_tf.data.sources import by_name, study_copy
from yosinski_tf.data.sources.by_name import Description
from yosinski_tf.data.sources.image_set import ImageSet
from yosinski_tf.experiment import ilsvrc
from yosinski_tf.experiment.splits import Split
from yosinski_tf.machine.threads import Threads
from yosinski_tf.study import image_source
from yosinski_tf.study.image_source import IMAGES_FOLDER, sign
from yosinski_tf.study.records import Record, read_records
from yosinski_tf.study.settings import (
    SETTINGS_NAME,
    canonical,
    check_folder,
    check_records,
    in_store,
    moved_from,
    settings,
)
from yosinski_tf.system import locks
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import make_folder, room_for, write_atomically
from yosinski_tf.system.locks import Busy

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
    "moved_from",
    "make_study_folder",
    "settings",
    "sign",
]

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


def load_images(
    runs: pathlib.Path,
    wanted: dict[str, Any],
    signed: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImageSet:
    """The data set of a study, from its folder if it was decoded before.

    If the source does not look as it did then, or is a folder in a place that is
    not known, it is read again and must hold the same images. A source that is
    gone is not missed.

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
        stored = study_copy.load(runs / IMAGES_FOLDER)
    if stored is not None and image_source.looks_known(runs, wanted, signed):
        return stored
    images = by_name.load(**wanted["dataset"], progress=progress)
    if stored is not None:
        image_source.check_same(runs, wanted, stored, images)
        return stored
    return images


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
        images = study_copy.load(runs / IMAGES_FOLDER)
        if images is not None:
            image_source.check_alike(runs, wanted, description_of(images))
            return description_of(images), ""
    try:
        return by_name.describe(**wanted["dataset"]), ""
    except UserError:
        spec = wanted["dataset"]["spec"]
        if not _IMAGENET.fullmatch(spec):
            raise
        families = ilsvrc.class_families()
        train, validation = ilsvrc.NUM_TRAIN_IMAGES, ilsvrc.NUM_VALIDATION_IMAGES
        known = Description(
            spec, tuple(families), tuple(families.values()), train + validation
        )
        return known, (
            f"{spec} is not prepared here: to train, make a store of it with"
            " yosinski-prepare and give --dataset=store:STORE. To plan, its known"
            f" classes will do: {len(families):,} classes, {train:,} images for"
            f" training and {validation:,} for validation."
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


def make_study_folder(
    runs: pathlib.Path,
    wanted: dict[str, Any],
    images: ImageSet,
    signed: str | None = None,
    threads: Threads | None = None,
    waiting: Callable[[Busy], None] = lambda busy: None,
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
      waiting: Told once if another process must be waited for long.

    Returns:
      The settings that hold.

    Raises:
      UserError: If the folder cannot be written to, was begun with a store of
        other content, or another process has made it with other settings.
    """
    try:
        make_folder(runs)
        with room_for(runs / SETTINGS_NAME), locks.held(runs, "folder", waiting):
            return _prepare(runs, wanted, images, signed, threads)
    except OSError as error:
        raise UserError(
            f"cannot write to the study folder {runs} ({error.strerror}): name a"
            " folder on a disk with room that may be written to"
        ) from None


def _prepare(runs, wanted, images, signed, threads) -> dict[str, Any]:
    found = check_folder(runs, wanted)
    folder = runs / IMAGES_FOLDER
    stored = None
    if found is not None and not in_store(wanted):
        stored = study_copy.load(folder)
    if stored is not None:
        image_source.check_same(runs, wanted, stored, images)
    elif found is None or not study_copy.holds(folder, images):
        study_copy.save(folder, images)
    image_source.note(runs, wanted, signed, new=found is None)
    if found is None:
        found = canonical(wanted)
        if threads is not None:
            found["threads"] = found["threads"] or threads.number
            found["threads_per_operation"] = threads.per_operation
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
