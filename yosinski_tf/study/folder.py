"""A study folder: its settings and its images, made once for all its runs."""

import dataclasses
import json
import pathlib
import re
from collections.abc import Callable, Iterable

from yosinski_tf.data import decoding
from yosinski_tf.data.sources import by_name, folder, study_copy
from yosinski_tf.data.sources.image_set import ImageSet
from yosinski_tf.data.sources.source_spec import split_spec
from yosinski_tf.experiment import ilsvrc, splits
from yosinski_tf.machine.threads import Threads
from yosinski_tf.study import given_source, image_source, network_file
from yosinski_tf.study.image_source import IMAGES_FOLDER
from yosinski_tf.study.records import Record
from yosinski_tf.study.settings import SETTINGS_NAME, StudySettings, check_folder
from yosinski_tf.system import errors
from yosinski_tf.system.files import make_folder, room_for, write_atomically

_IMAGENET = re.compile(r"tfds:imagenet2012(:[^/]*)?")


def as_recorded(split: splits.Split, records: Iterable[Record]) -> splits.Split:
    """A split from a file under the name that it has in the records.

    The same halves read from another file are the same split.
    """
    if split.name.startswith("file:"):
        for record in records:
            same = record.split_digest == split.digest
            if same and record.split.startswith("file:"):
                return dataclasses.replace(split, name=record.split)
    return split


def load_images(
    runs: pathlib.Path,
    settings: StudySettings,
    signed: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImageSet:
    """Loads the data set of a study, from its folder if that has a copy.

    The source is read again, and must hold the same images, if its signature
    `signed` is new or if it is a folder in a new place. It need not exist any more.
    While images are read, `progress` is called with how many are read and how many
    there are.

    Raises:
      UserError: If the data set cannot be loaded, or has changed.
    """
    stored = _copy_of_images(runs, settings)
    if stored is not None and image_source.looks_known(runs, settings, signed):
        return stored
    arguments = dataclasses.asdict(settings.data_as_named)
    images = by_name.load(**arguments, progress=progress)
    if stored is None:
        return images
    image_source.check_same(runs, settings, stored, images)
    return stored


def describe_images(
    runs: pathlib.Path, settings: StudySettings
) -> tuple[by_name.Description, str]:
    """Describes a study's data set without reading an image.

    ImageNet is described even if it has not been prepared.

    Returns:
      The description, and a note for the user if the data set was not found or its
      photographs were not turned upright.

    Raises:
      UserError: If there is no such data set and it is not ImageNet, or the study
        folder would lie among its classes.
    """
    kind, place = split_spec(settings.data_as_named.spec)
    if kind == "folder":
        folder.check_outside(place, runs, "--runs")
    if (stored := _copy_of_images(runs, settings)) is not None:
        image_source.check_alike(runs, settings, description_of(stored))
        return description_of(stored), _unturned_note(settings, stored)
    try:
        found = by_name.describe(**dataclasses.asdict(settings.data_as_named))
        return found, _unturned_note(settings, found)
    except errors.UserError:
        spec = settings.data.spec
        if not _IMAGENET.fullmatch(spec):
            raise
    families = ilsvrc.class_families()
    train, validation = ilsvrc.NUM_TRAIN_IMAGES, ilsvrc.NUM_VALIDATION_IMAGES
    known = by_name.Description(
        spec, tuple(families), tuple(families.values()), train + validation
    )
    return known, (
        f"Note: {spec} is not prepared here: to train, make a store of it with"
        " yosinski-prepare and give --dataset=store:STORE. The plan uses its known"
        f" numbers: {len(families):,} classes, {train:,} images for training and"
        f" {validation:,} for validation."
    )


def description_of(images: ImageSet) -> by_name.Description:
    """The description of images that are loaded, see `describe_images`."""
    count = len(images.train_labels) + len(images.validation_labels)
    return by_name.Description(
        images.name,
        images.class_names,
        images.families,
        count,
        decoding_version=images.decoding_version,
    )


def check_images(images: ImageSet, records: Iterable[Record]) -> None:
    """Refuses a data set that is not the one that the records name.

    Raises:
      UserError: If a record has another fingerprint.
    """
    for record in records:
        if record.dataset_fingerprint != images.fingerprint:
            since = f"{record.run_id} was trained"
            raise image_source.changed(images, since, record.dataset_fingerprint)


def make_study_folder(
    runs: pathlib.Path,
    settings: StudySettings,
    images: ImageSet,
    signed: str | None = None,
    threads: Threads | None = None,
) -> StudySettings:
    """Makes the settings and the images of a study folder that lacks them.

    The source had the signature `signed` before its images were read. A new folder
    gets `threads`, unless the settings say how many.

    Returns:
      The settings that the folder has.

    Raises:
      UserError: If the folder cannot be written to, or was made with other
        settings or images.
    """
    try:
        make_folder(runs)
        with room_for(runs / SETTINGS_NAME):
            made_with = check_folder(runs, settings)
            copy = runs / IMAGES_FOLDER
            stored = _copy_of_images(runs, settings)
            if stored is not None:
                image_source.check_same(runs, settings, stored, images)
            elif made_with is None or not study_copy.holds(copy, images):
                study_copy.save(copy, images)
            image_source.note(runs, settings, signed, new=made_with is None)
            if made_with is not None:
                return made_with
            if settings.network_request:
                network_file.write(runs, settings.network, settings.network_request)
            if settings.source is not None:
                given_source.save(runs, settings.source)
            if threads is not None:
                number = settings.threads.number or threads.number
                threads = Threads(number, threads.per_operation)
                settings = dataclasses.replace(settings, threads=threads)
            text = json.dumps(settings.to_json(), indent=1)
            # Written last: a folder with settings is complete.
            write_atomically(runs / SETTINGS_NAME, text.encode())
            return settings
    except OSError as error:
        raise errors.UserError(
            f"cannot write to the study folder {runs} ({error.strerror}): name a"
            " writable folder on a disk with room"
        ) from None


def _unturned_note(
    settings: StudySettings, data: by_name.Description | ImageSet
) -> str:
    drawn = settings.data.kind == "embedded"
    if drawn or data.decoding_version >= decoding.UPRIGHT_SINCE:
        return ""
    return f"Note: of {settings.data.spec}, {decoding.UNTURNED}."


def _copy_of_images(runs: pathlib.Path, settings: StudySettings) -> ImageSet | None:
    """The copy in a folder that is complete; None if there is none, as of a store."""
    if settings.data.kind == "store" or not (runs / SETTINGS_NAME).exists():
        return None
    return study_copy.load(runs / IMAGES_FOLDER)
