"""The error for images that cannot be read, all of them at once."""

from collections.abc import Sequence

from yosinski_tf.system.errors import UserError

_SHOWN = 20


class NeedsMemory(UserError):
    """A good image that needs more memory than there is."""


class Unreadable(UserError):
    """Some images cannot be read.

    Attributes:
      images: The name and the reason of each.
    """

    def __init__(self, message: str, images: Sequence[tuple[str, str]]):
        """`message` is the last sentence, below the first of the images."""
        told = [why if name in why else f"{name}: {why}" for name, why in images]
        if len(told) > _SHOWN:
            told[_SHOWN:] = [f"... and {len(told) - _SHOWN:,} more"]
        super().__init__(message, told)
        self.images = list(images)


def unreadable(images: Sequence[tuple[str, str]]) -> Unreadable:
    """The error for images of a source that is read into memory.

    One image is told of in one sentence.
    """
    skip = "make a store without {} with yosinski-prepare --skip_corrupt"
    if len(images) == 1:
        ((_, why),) = images
        found = Unreadable(f"{why}, or {skip.format('it')}", images)
        found.details = ()
        return found
    return Unreadable(
        f"{len(images):,} images cannot be read: replace or remove them, or"
        f" {skip.format('them')}",
        images,
    )
