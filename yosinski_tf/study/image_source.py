"""What the source of a study's images looks like, and where it has been found.

A study keeps its images, so a source that looks as it did is not read again; a
folder of images may be moved, or be named by another path on another machine.
"""

import json
import pathlib
from typing import Any

from yosinski_tf.data.sources import by_name, signature
from yosinski_tf.data.sources.by_name import Description
from yosinski_tf.data.sources.image_set import ImageSet
from yosinski_tf.study.settings import canonical, in_store, moved_from
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import write_atomically

IMAGES_FOLDER = "dataset"
SOURCE_NAME = "source.json"


def sign(wanted: dict[str, Any]) -> str | None:
    """The signature of a study's source, see `data.signature.sign`.

    A store has none: its fingerprint is compared each time.
    """
    dataset = wanted["dataset"]
    if in_store(wanted):
        return None
    return signature.sign(dataset["spec"], dataset.get("data_dir"))


def looks_known(runs: pathlib.Path, wanted: dict[str, Any], signed: str | None) -> bool:
    """Whether a source is, as far as can be told unread, that of the stored images.

    Args:
      runs: The study folder.
      wanted: Result of `settings`.
      signed: Result of `sign`.
    """
    if signed is not None:
        return signed in _noted(runs, "signatures")
    # One that is gone, or cannot be signed.
    spec = canonical(wanted)["dataset"]["spec"]
    return moved_from(runs, wanted) is None or spec in _noted(runs, "places")


def check_same(
    runs: pathlib.Path, wanted: dict[str, Any], stored: ImageSet, images: ImageSet
) -> None:
    """Refuses images that are not those of the study.

    Args:
      runs: The study folder.
      wanted: Result of `settings`.
      stored: The images that the folder holds.
      images: Those that were read from the source.

    Raises:
      UserError: If the fingerprints differ.
    """
    if images.fingerprint == stored.fingerprint:
        return
    prints = (
        f"wanted fingerprint {stored.fingerprint[:12]}, got {images.fingerprint[:12]}"
    )
    if before := moved_from(runs, wanted):
        raise _not_the_same(runs, wanted, before, prints)
    raise UserError(
        f"the data set {images.name} has changed since the study folder {runs} was"
        f" made: {prints}: restore it, or choose another --runs folder"
    )


def check_alike(runs: pathlib.Path, wanted: dict[str, Any], known: Description) -> None:
    """Refuses a folder in a new place that cannot hold the images; reads none.

    Args:
      runs: The study folder.
      wanted: Result of `settings`.
      known: Of the images that the study folder holds.

    Raises:
      UserError: If the classes or the number of images differ.
    """
    before = moved_from(runs, wanted)
    if before is None or looks_known(runs, wanted, sign(wanted)):
        return
    found = by_name.describe(**wanted["dataset"])
    one, other = (
        f"{len(each.class_names)} classes and {each.num_images} images"
        for each in (known, found)
    )
    if one != other:
        raise _not_the_same(runs, wanted, before, f"wanted {one}, got {other}")
    if found.class_names != known.class_names:
        raise _not_the_same(runs, wanted, before, "its classes have other names")


def note(
    runs: pathlib.Path, wanted: dict[str, Any], signed: str | None, new: bool
) -> None:
    """Notes where the source is and what it looks like, as far as that is new.

    Args:
      runs: The study folder, which holds the very images of the source.
      wanted: Result of `settings`.
      signed: Result of `sign`.
      new: Whether earlier notes are of other images.
    """
    notes: dict[str, list[str]] = {}
    changed = False
    place = None
    if moved_from(runs, wanted):
        place = canonical(wanted)["dataset"]["spec"]
    for name, value in (("signatures", signed), ("places", place)):
        notes[name] = [] if new else _noted(runs, name)
        if value is not None and value not in notes[name]:
            notes[name].append(value)
            changed = True
    if changed:
        text = json.dumps(notes, indent=1)
        write_atomically(runs / IMAGES_FOLDER / SOURCE_NAME, text.encode())


def _not_the_same(
    runs: pathlib.Path, wanted: dict[str, Any], before: str, why: str
) -> UserError:
    return UserError(
        f"{wanted['dataset']['spec']} does not hold the images of {before}, which the"
        f" study folder {runs} was made with: {why}: name a folder with the same"
        " images, or choose another --runs folder"
    )


def _noted(runs: pathlib.Path, name: str) -> list[str]:
    """All `signatures` or `places` that the source of the stored images has had."""
    try:
        found = json.loads((runs / IMAGES_FOLDER / SOURCE_NAME).read_text())
        return [str(each) for each in found.get(name, [])]
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        # Then the source is read again, which is the safe way.
        return []
