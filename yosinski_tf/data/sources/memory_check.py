"""Whether a data set fits into memory, asked before it is loaded."""

from collections.abc import Sequence

import numpy as np

from yosinski_tf.data.sources.image_set import ImageSet
from yosinski_tf.data.store.stored_images import StoredImages
from yosinski_tf.machine.hardware import available_memory
from yosinski_tf.system.errors import UserError

# Above this share of what is free, the network and its batches have no room.
SHARE = 0.6


def check_memory(
    num_images: int, image_size: int, available_bytes: int | None = None
) -> None:
    """Refuses a data set that would not leave room for training.

    Args:
      num_images: Training and validation images together.
      image_size: Height and width in pixels; a pixel takes 3 bytes.
      available_bytes: What is free; None to ask the system.

    Raises:
      UserError: If the images need more than 60% of it.
    """
    if available_bytes is None:
        available_bytes = available_memory()
    needed = num_images * image_size * image_size * 3
    if available_bytes is None or needed <= SHARE * available_bytes:
        return
    raise UserError(
        f"{num_images:,} images of {image_size} x {image_size} pixels need"
        f" {needed / 1e9:.2f} GB of memory, wanted at most {SHARE:.0%} of the"
        f" {available_bytes / 1e9:.2f} GB available: choose a smaller image size,"
        " fewer images or a machine with more memory"
    )


def check_halves(
    images: ImageSet,
    halves: Sequence[Sequence[int]],
    processes: int,
    available_bytes: int | None = None,
) -> None:
    """Refuses to train more at a time than there is memory for their images.

    Every process holds the images of its own half, unless they are in a store.

    Args:
      images: The data set.
      halves: Class indices of what each cohort is trained on.
      processes: How many cohorts are trained at a time.
      available_bytes: What is free; None to ask the system.

    Raises:
      UserError: If the largest halves together need more than 60% of it.
    """
    if isinstance(images.train_images, StoredImages):
        return  # Read from disk, batch by batch.
    if available_bytes is None:
        available_bytes = available_memory()
        if available_bytes is not None and not isinstance(
            images.train_images, np.memmap
        ):
            # Read just now, and given back before anything is trained.
            available_bytes += images.train_images.nbytes
            available_bytes += images.validation_images.nbytes
    count = len(images.class_names)
    of_class = np.bincount(images.train_labels, minlength=count)
    of_class += np.bincount(images.validation_labels, minlength=count)
    sizes = sorted((int(of_class[list(h)].sum()) for h in halves), reverse=True)
    side = images.train_images.shape[1]
    needed = sum(sizes[:processes]) * side * side * 3
    if available_bytes is None or needed <= SHARE * available_bytes:
        return
    raise UserError(
        f"{min(processes, len(sizes))} processes, each with the images of its half,"
        f" need {needed / 1e9:.2f} GB of memory, wanted at most {SHARE:.0%} of the"
        f" {available_bytes / 1e9:.2f} GB available: choose fewer --processes, a"
        " smaller image size or a machine with more memory"
    )
