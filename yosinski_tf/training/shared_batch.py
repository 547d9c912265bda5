"""How devices share a batch, as a value read from flags."""

import dataclasses

from yosinski_tf.system.errors import UserError

DISTRIBUTIONS = ("none", "mirrored")


@dataclasses.dataclass(frozen=True)
class Distribution:
    """How devices share a batch. Results are those of one device, within rounding.

    Attributes:
      kind: `none` or `mirrored`.
      devices: How many devices `mirrored` uses: the first accelerators, or parts
        that the processor is divided into; None for all accelerators, or one.
    """

    kind: str = "none"
    devices: int | None = None


def check_batch(batch_size: int, count: int) -> None:
    """Raises a `UserError` if a batch does not divide into `count` equal parts."""
    if batch_size % count:
        raise UserError(
            f"--batch_size needs a multiple of the {count} devices, found {batch_size}:"
            f" set a multiple of {count}, or other --devices"
        )
