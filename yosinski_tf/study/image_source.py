"""Whether the source of a study's images is still the one that was read.

A study keeps its images, so a source is read again only if its files have changed.
A folder of images may be moved, or have another path on another machine.
"""

import dataclasses
import json
import os
import pathlib

from yosinski_tf.data import decoding
from yosinski_tf.data.copies import Copies
from yosinski_tf.data.sources import by_name, signature, study_copy
from yosinski_tf.data.sources.image_set import ImageSet
from yosinski_tf.data.sources.source_spec import split_spec
from yosinski_tf.study.settings import StudySettings, moved_from, noted_data
from yosinski_tf.system import errors, files
from yosinski_tf.system.user_text import same_name

IMAGES_FOLDER = "dataset"
SOURCE_NAME = "source.json"
_REMEDY = "or choose another --runs folder"


def sign(settings: StudySettings) -> str | None:
    """The signature of a study's source, see `signature.sign`.

    A store has none: its fingerprint is compared each time.
    """
    if settings.data.kind == "store":
        return None
    named = settings.data_as_named
    return signature.sign(named.spec, named.data_dir)


def decoding_version(runs: pathlib.Path) -> int:
    """The version of `decoding` that read a study's images.

    It is the present one if the study folder does not have them.

    Raises:
      UserError: If the description of the images is damaged.
    """
    found = study_copy.decoding_version(runs / IMAGES_FOLDER)
    return decoding.VERSION if found is None else found


def copies(runs: pathlib.Path) -> Copies | None:
    """Which of a study's images are the same; None if that is not known."""
    return study_copy.copies(runs / IMAGES_FOLDER)


def check_there(runs: pathlib.Path) -> None:
    """Refuses a study whose copy of the images and whose source folder are both gone.

    It reads no image.

    Raises:
      UserError: If both are.
    """
    copy, source = runs / IMAGES_FOLDER, noted_data(runs)
    _, place = split_spec(source.spec)
    if source.kind == "folder" and not copy.is_dir() and not os.path.isdir(place):
        raise errors.UserError(
            f"needs the images of the study, found neither their copy {copy} nor their"
            f" source {place}: move one of them back to where it was"
        )


def looks_known(
    runs: pathlib.Path, settings: StudySettings, signed: str | None
) -> bool:
    """Whether a source need not be read, since its signature or place is known.

    Without a signature the source does not exist any more, or cannot be signed.
    """
    if signed is not None:
        return signed in _noted(runs, "signatures")
    if moved_from(runs, settings) is None:
        return True
    return settings.data.spec in _noted(runs, "places")


def check_same(
    runs: pathlib.Path, settings: StudySettings, stored: ImageSet, images: ImageSet
) -> None:
    """Refuses images from the source that are not the stored ones.

    Raises:
      UserError: If the fingerprints differ.
    """
    if images.fingerprint == stored.fingerprint:
        return
    if stored.decoding_version != images.decoding_version:
        raise errors.UserError(
            f"the images of {images.name} cannot be compared with those of the study"
            f" folder {runs}, which an earlier version read, since photographs are now"
            " turned upright: restore the files with their names, sizes and times,"
            f" {_REMEDY}"
        )
    if before := moved_from(runs, settings):
        needed, found = stored.fingerprint[:12], images.fingerprint[:12]
        why = f"needs fingerprint {needed}, found {found}"
        raise _not_the_same(runs, settings, before, why)
    made = f"the study folder {runs} was made"
    raise changed(images, made, stored.fingerprint)


def changed(images: ImageSet, since: str, fingerprint: str) -> errors.UserError:
    """The error for a data set that had another fingerprint before."""
    return errors.UserError(
        f"the data set {images.name} has changed since {since}: needs fingerprint"
        f" {fingerprint[:12]}, found {images.fingerprint[:12]}: restore it, {_REMEDY}"
    )


def check_alike(
    runs: pathlib.Path, settings: StudySettings, known: by_name.Description
) -> None:
    """Refuses a folder in a new place that cannot hold the known images.

    It reads no image.

    Raises:
      UserError: If the classes or the number of images differ.
    """
    before = moved_from(runs, settings)
    if before is None or looks_known(runs, settings, sign(settings)):
        return
    there = by_name.describe(**dataclasses.asdict(settings.data_as_named))
    needed, found = (
        f"{len(each.class_names)} classes and {each.num_images} images"
        for each in (known, there)
    )
    if needed != found:
        why = f"needs {needed}, found {found}"
        raise _not_the_same(runs, settings, before, why)
    if there.class_names != known.class_names:
        why = "its classes have other names"
        now, then = (
            sorted(map(same_name, each.class_names)) for each in (there, known)
        )
        if now == then:
            why = "the accents in its class names are written in another Unicode form"
        raise _not_the_same(runs, settings, before, why)


def note(
    runs: pathlib.Path, settings: StudySettings, signed: str | None, new: bool
) -> None:
    """Notes the signature and the place of the source whose images the study has.

    Earlier notes of a `new` study are about other images.
    """
    place = settings.data.spec if moved_from(runs, settings) else None
    notes: dict[str, list[str]] = {}
    more = False
    for name, value in (("signatures", signed), ("places", place)):
        notes[name] = [] if new else _noted(runs, name)
        if value is not None and value not in notes[name]:
            notes[name].append(value)
            more = True
    if more:
        text = json.dumps(notes, indent=1)
        files.write_atomically(runs / IMAGES_FOLDER / SOURCE_NAME, text.encode())


def _not_the_same(
    runs: pathlib.Path, settings: StudySettings, before: str, why: str
) -> errors.UserError:
    return errors.UserError(
        f"{settings.data_as_named.spec} does not hold the images of {before}, which"
        f" the study folder {runs} was made with: {why}: name a folder with the same"
        f" images, {_REMEDY}"
    )


def _noted(runs: pathlib.Path, name: str) -> list[str]:
    """All `signatures` or `places` that the source has had."""
    try:
        found = json.loads((runs / IMAGES_FOLDER / SOURCE_NAME).read_text())
        return [str(each) for each in found.get(name, [])]
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return []  # So the source is read again, which is safe.
