"""A study folder: what it was made with, what it holds, what is still missing."""

import json
import pathlib
import re
from collections.abc import Callable, Iterable
from typing import Any

from yosinski_tf import ilsvrc
from yosinski_tf.data import cache, sources
from yosinski_tf.data.image_set import ImageSet
from yosinski_tf.data.sources import Description
from yosinski_tf.errors import UserError
from yosinski_tf.networks import Network
from yosinski_tf.recipes import Recipe
from yosinski_tf.records import RECORD_NAME, Record, read_records, write_atomically

SETTINGS_NAME = "study.json"
IMAGES_FOLDER = "dataset"
_IMAGENET = re.compile(r"tfds:imagenet2012(:[^/]*)?")


def settings(
    dataset: dict[str, Any], network: Network, recipe: Recipe
) -> dict[str, Any]:
    """What all runs of a folder have in common, as plain JSON values.

    Args:
      dataset: The source and its options.
      network: The network's description.
      recipe: The recipe.
    """
    values = {
        "dataset": dataset,
        "network": network.settings(),
        "recipe": recipe.settings(),
    }
    return json.loads(json.dumps(values))


def check_folder(runs: pathlib.Path, wanted: dict[str, Any]) -> None:
    """Refuses a folder that was made with other settings; writes nothing.

    Raises:
      UserError: If the path is not a folder, or holds records but no settings,
        or settings that differ: each difference is named.
    """
    if runs.exists() and not runs.is_dir():
        raise UserError(f"--runs wants a folder, got the file {runs}: name another")
    path = runs / SETTINGS_NAME
    if not path.exists():
        if runs.is_dir() and any(runs.glob(f"*/{RECORD_NAME}")):
            raise UserError(
                f"{runs} holds runs but no {SETTINGS_NAME} that says how they were"
                " made: choose another --runs folder"
            )
        return
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(
            f"cannot read {path} ({error}): choose another --runs folder"
        ) from None
    if _stored(found) and _stored(wanted):
        # A store may be moved: its fingerprint says whether it is the same.
        found["dataset"]["spec"] = wanted["dataset"]["spec"]
    differences = _differences(found, wanted)
    if differences:
        raise UserError(
            f"{runs} was made with other settings: {'; '.join(differences)}: use"
            " those settings, or choose another --runs folder"
        )


def load_images(
    runs: pathlib.Path,
    wanted: dict[str, Any],
    progress: Callable[[int, int], None] | None = None,
) -> ImageSet:
    """The data set of a study, from its folder if it was decoded before.

    Args:
      runs: The study folder.
      wanted: Result of `settings`.
      progress: Called while images are read, with those read and those in all.

    Raises:
      UserError: If the data set cannot be loaded.
    """
    if (runs / SETTINGS_NAME).exists() and not _stored(wanted):
        images = cache.load(runs / IMAGES_FOLDER)
        if images is not None:
            return images
    return sources.load(**wanted["dataset"], progress=progress)


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
    if (runs / SETTINGS_NAME).exists() and not _stored(wanted):
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
    runs: pathlib.Path, wanted: dict[str, Any], images: ImageSet
) -> None:
    """Makes the folder with its settings and its data set, where not yet done.

    Raises:
      UserError: If the folder cannot be written to, or was begun with a store of
        other content.
    """
    if (runs / SETTINGS_NAME).exists() and cache.holds(runs / IMAGES_FOLDER, images):
        return
    try:
        cache.save(runs / IMAGES_FOLDER, images)
        text = json.dumps(wanted, indent=1)
        write_atomically(runs / SETTINGS_NAME, text.encode())
    except OSError as error:
        raise UserError(
            f"cannot write to the study folder {runs} ({error.strerror}): name a"
            " folder on a disk with room that may be written to"
        ) from None


def finished(runs: pathlib.Path) -> dict[str, Record]:
    """The records of a study folder by run id; empty if there is no folder.

    Raises:
      UserError: If a record is broken.
    """
    if not runs.is_dir():
        return {}
    return {record.run_id: record for record in read_records(runs)}


def _stored(settings: Any) -> bool:
    """Whether the images are in a store."""
    dataset = settings.get("dataset") if isinstance(settings, dict) else None
    spec = dataset.get("spec") if isinstance(dataset, dict) else None
    return isinstance(spec, str) and spec.startswith("store:")


def _differences(found: Any, wanted: Any, name: str = "") -> list[str]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        parts = []
        for key in sorted(found.keys() | wanted.keys()):
            inner = f"{name}.{key}" if name else key
            parts += _differences(found.get(key), wanted.get(key), inner)
        return parts
    if isinstance(found, list) and isinstance(wanted, list):
        if len(found) == len(wanted):
            parts = []
            for index, pair in enumerate(zip(found, wanted, strict=True)):
                parts += _differences(*pair, f"{name}[{index}]")
            return parts
    if found == wanted:
        return []
    return [f"{name} was {found!r}, now {wanted!r}"]
