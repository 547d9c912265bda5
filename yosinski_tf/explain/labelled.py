"""Features with labels, as probes and scores take them: classes, blocks, checks."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from yosinski_tf.system.errors import UserError

_BLOCK_BYTES = 64 * 2**20


def targets_of(
    labels: np.ndarray, dtype: npt.DTypeLike
) -> tuple[np.ndarray, np.ndarray]:
    """The classes, and 1 for the class of each image, [images, classes].

    Raises:
      UserError: With one class only.
    """
    classes, numbers = np.unique(labels, return_inverse=True)
    if classes.size < 2:
        raise UserError(
            f"probes and scores need images of two classes, found {classes.size}: take"
            " a half with more classes"
        )
    return classes, np.eye(classes.size, dtype=dtype)[numbers]


def blocks(rows: int, row_bytes: int) -> Iterator[slice]:
    """Slices of so few rows, of so many bytes each, that they stay within 64 MiB."""
    size = max(1, _BLOCK_BYTES // row_bytes)
    for start in range(0, rows, size):
        yield slice(start, start + size)


def check_finite(values: np.ndarray) -> None:
    """Refuses values that are not finite.

    Raises:
      UserError: If there is one.
    """
    if not np.isfinite(values).all():
        raise UserError(
            "probes and scores need features that are finite numbers, found others:"
            " leave out a run that has diverged"
        )
