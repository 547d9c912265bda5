"""Checks that a data set fits into memory before it is loaded."""

from collections.abc import Sequence

import numpy as np

from yosinski_tf.data.sources.image_set import ImageSet
from yosinski_tf.data.store.stored_images import StoredImages
from yosinski_tf.machine.hardware import IMAGES_SHARE, available_memory
from yosinski_tf.system.errors import UserError


def check_memory(num_images: int, image_size: int) -> None:
    """Refuses a data set that would leave no room for training.

    Raises:
      UserError: If the images, at 3 bytes a pixel, need more than 60% of the free
        memory.
    """
    _check(
        f"{num_images:,} images of {image_size} x {image_size} pixels need",
        num_images * image_size * image_size * 3,
        available_memory(),
        "choose a smaller image size, fewer images",
    )


def check_halves(
    images: ImageSet, halves: Sequence[Sequence[int]], processes: int
) -> None:
    """Refuses more processes than there is memory for the images of their halves.

    Every process holds the images of its own half, unless they are in a store.

    Args:
      images: The data set.
      halves: Class indices of the half that each cohort is trained on.
      processes: Number of cohorts that are trained at a time.

    Raises:
      UserError: If the largest halves need more than 60% of the free memory.
    """
    if isinstance(images.train_images, StoredImages):
        return  # Read from disk, batch by batch.
    available = available_memory()
    if available is not None and not isinstance(images.train_images, np.memmap):
        # They were just read; their memory is released before training.
        available += images.train_images.nbytes + images.validation_images.nbytes
    count = len(images.class_names)
    of_class = np.bincount(images.train_labels, minlength=count)
    of_class += np.bincount(images.validation_labels, minlength=count)
    sizes = sorted((int(of_class[list(h)].sum()) for h in halves), reverse=True)
    side = images.train_images.shape[1]
    _check(
        f"{min(processes, len(sizes))} processes need, for the images of their halves,",
        sum(sizes[:processes]) * side * side * 3,
        available,
        "choose fewer --processes, a smaller image size",
    )


def _check(what: str, needed: int, available: int | None, remedy: str) -> None:
    room = None if available is None else IMAGES_SHARE * available
    if room is not None and needed > room:
        raise UserError(
            f"{what} {needed / 1e9:.2f} GB of memory, found {room / 1e9:.2f} GB"
            f" ({IMAGES_SHARE:.0%} of the free {available / 1e9:.2f} GB): {remedy} or a"
            " machine with more memory"
        )
