"""The stateless order of training: (seed, epoch, position) decides everything.

The position of an image in its epoch decides which image it is, where it is
cropped and whether it is mirrored, wherever the images are kept.
"""

import dataclasses

import tensorflow as tf

_CROP_DOMAIN = 2**30


@dataclasses.dataclass(frozen=True)
class Order:
    """How the images of a part follow each other, epoch after epoch.

    Attributes:
      count: Images of the part; every epoch is a permutation of all of them.
      free: Places that a crop may have along one side, 1 for the whole image.
      mirror: Whether half of the images are mirrored.
      seed: Decides all of it.
    """

    count: int
    free: int
    mirror: bool
    seed: int

    @property
    def crops(self) -> bool:
        """Whether anything is drawn besides the image."""
        return self.free > 1 or self.mirror

    @property
    def views(self) -> int:
        """How many different crops of one image there may be."""
        return self.free**2 * (2 if self.mirror else 1)

    def view(self, top: tf.Tensor, left: tf.Tensor, flip: tf.Tensor) -> tf.Tensor:
        """Number of a crop among all views of its image, int64 [n], from 0.

        Args:
          top: Top row, int64 [n].
          left: Left column, int64 [n].
          flip: Whether it is mirrored, bool [n].
        """
        place = top * self.free + left
        return 2 * place + tf.cast(flip, tf.int64) if self.mirror else place

    def draw(
        self, number: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """What the images at some places of the endless order are.

        Args:
          number: int64 [n], places counted from 0 through all epochs.

        Returns:
          For each place which image of the part it is, top row and left column
          of its crop, int64 [n], and whether it is mirrored, bool [n].
        """
        epoch, position = number // self.count, number % self.count
        chosen = self._shuffled(position, epoch, 0, self.count - 1)
        if not self.crops:
            zero = tf.zeros_like(number)
            return chosen, zero, zero, zero > 0
        random = self._shuffled(position, epoch, 1, _CROP_DOMAIN - 1)
        top, left = random % self.free, (random // self.free) % self.free
        half = (random // self.free**2) % 2 == 1
        return chosen, top, left, half if self.mirror else tf.zeros_like(half)

    def _shuffled(self, position, epoch, purpose, most):
        same = tf.ones_like(epoch)
        # The raw operation, since its wrapper refuses a seed per position.
        return tf.raw_ops.RandomIndexShuffle(
            index=position,
            seed=tf.stack([same * self.seed, epoch, same * purpose], axis=1),
            max_index=tf.constant(most, tf.int64),
            rounds=4,
        )


class EveryView(Order):
    """Every view of every image once, image after image, and then all again."""

    def draw(
        self, number: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """What stands at some places, see `Order.draw`; nothing is random."""
        chosen = number // self.views % self.count
        view = number % self.views
        place, flip = (
            (view // 2, view % 2 == 1)
            if self.mirror
            else (view, tf.zeros_like(view) > 0)
        )
        return chosen, place // self.free, place % self.free, flip
