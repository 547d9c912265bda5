"""Checks that a store fits onto the disk before it is made."""

import pathlib
import shutil
from collections.abc import Sequence

import numpy as np

from yosinski_tf.data.prepare import shards
from yosinski_tf.data.prepare.listing import ListedImages, Listing
from yosinski_tf.data.store.format import num_ranks
from yosinski_tf.system.errors import UserError

# Images that are encoded to estimate the size of all images.
_SAMPLE = 16
# The estimate from a sample is not exact.
_MARGIN = 1.1
# Bytes per record besides the image: name, label, digest, listing and manifest.
_RECORD_BYTES = 300
_FILE_BYTES = 2**18


def check_space(
    listing: Listing,
    tasks: Sequence[shards.ShardTask],
    settings: shards.StoreSettings,
    folder: pathlib.Path,
) -> None:
    """Refuses to begin shards, in `folder`, that are probably too large for the disk.

    Raises:
      UserError: If less is free than the rest of the store probably needs.
    """
    counts = np.bincount(listing.parts["train"].labels)
    # Sums of pixels, 4 bytes each.
    rows = len(listing.class_names) + num_ranks(counts)
    needed = rows * settings.image_size**2 * 3 * 4 + len(tasks) * _FILE_BYTES
    if tasks:
        images = sum(len(task.images) for task in tasks)
        each = image_bytes(listing.parts["train"], settings) + _RECORD_BYTES
        needed += round(images * each)
    require(
        "the store",
        needed,
        folder.parent,
        "give an --out on another disk, or choose a smaller --image_size or --quality",
    )


def require(what: str, needed: int, folder: pathlib.Path, remedy: str) -> None:
    """Raises a UserError with the remedy if a folder has too few free bytes."""
    home = next(p for p in (folder, *folder.parents) if p.is_dir())
    free = shutil.disk_usage(home).free
    if needed > free:
        raise UserError(
            f"{what} needs about {megabytes(needed)} in {folder}, found"
            f" {megabytes(free)} free: make room, {remedy}"
        )


def megabytes(count: float) -> str:
    """A number of bytes for people: `12.3 MB`, `4.5 GB`."""
    if count >= 1e9:
        return f"{count / 1e9:,.1f} GB"
    return f"{count / 1e6:,.1f} MB"


def image_bytes(images: ListedImages, settings: shards.StoreSettings) -> float:
    """The expected bytes of an encoded image, estimated from a sample."""
    raw = settings.image_size**2 * 3
    if settings.encoding == "raw":
        return raw
    sizes = []
    for row in np.linspace(0, len(images) - 1, min(_SAMPLE, len(images))).astype(int):
        try:
            pixels = shards.read_image(images, row, settings.image_size)
        except shards.UNREADABLE:
            continue  # Reported when its shard is made.
        sizes.append(len(shards.encode(pixels, settings)))
    return _MARGIN * np.mean(sizes) if sizes else raw
