"""Whether a store fits onto the disk, asked before it is made."""

import pathlib
import shutil
from collections.abc import Sequence

import numpy as np

from yosinski_tf.data import decoding
from yosinski_tf.data.prepare.listing import Images, Listing
from yosinski_tf.data.prepare.read_back import sums_bytes
from yosinski_tf.data.prepare.shards import ShardTask, StoreSettings, encode
from yosinski_tf.data.store import record_files
from yosinski_tf.system.errors import UserError

# Images that are encoded to learn how large they become.
_SAMPLE = 16
# An estimate from so few is not exact.
_MARGIN = 1.1
# Of a record beside its image: name, label, digest, listing and manifest.
_RECORD_BYTES = 300
_FILE_BYTES = 2**18


def check_space(
    listing: Listing,
    tasks: Sequence[ShardTask],
    settings: StoreSettings,
    folder: pathlib.Path,
) -> None:
    """Refuses to begin what the disk has no room for.

    Args:
      listing: All of the source.
      tasks: The shards that are not there yet.
      settings: What is done to every image.
      folder: Where they are made.

    Raises:
      UserError: If less is free than is likely to be needed.
    """
    counts = np.bincount(listing.splits["train"].labels)
    sums = sums_bytes(len(listing.class_names), int(counts.max()), settings.image_size)
    needed = sums + len(tasks) * _FILE_BYTES
    if tasks:
        images = sum(len(task.images) for task in tasks)
        each = image_bytes(listing.splits["train"], settings) + _RECORD_BYTES
        needed += round(images * each)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"the store needs about {megabytes(needed)} more, {folder.parent} has"
            f" {megabytes(free)} free: make room, give an --out on another disk, or"
            " choose a smaller --image_size or --quality"
        )


def megabytes(count: float) -> str:
    """A number of bytes to read: `12.3 MB`, `4.5 GB`."""
    if count >= 1e9:
        return f"{count / 1e9:,.1f} GB"
    return f"{count / 1e6:,.1f} MB"


def image_bytes(images: Images, settings: StoreSettings) -> float:
    """How large an encoded image is likely to be, from a few of them."""
    if settings.encoding == "raw":
        return settings.image_size**2 * 3
    sizes = []
    for row in np.linspace(0, len(images) - 1, min(_SAMPLE, len(images))).astype(int):
        name = images.file_names[row]
        try:
            content = images.place.content(row)
            pixels = decoding.decode_image(content, name, settings.image_size)
        except (UserError, record_files.DamagedFile, ValueError):
            continue  # it will be named when its turn comes
        sizes.append(len(encode(pixels, settings)))
    # No readable image in the sample: as large as the pixels.
    return _MARGIN * np.mean(sizes) if sizes else settings.image_size**2 * 3
