"""The stateless order of training: (seed, epoch, position) decides everything.

An image's position in its epoch decides which image it is, where it is cropped and
whether it is mirrored. It does not matter where the images are stored.
"""

import dataclasses

import tensorflow as tf

_CROP_DOMAIN = 2**30


@dataclasses.dataclass(frozen=True)
class Order:
    """The order of the images of a half, epoch after epoch.

    Attributes:
      count: Number of images; every epoch is a permutation of all of them.
      free: Number of places of a crop along one side, 1 for the whole image.
      mirror: Whether half of the images are mirrored.
      seed: Decides the order, the crops and the mirroring.
    """

    count: int
    free: int
    mirror: bool
    seed: int

    @property
    def crops(self) -> bool:
        """Whether images are cropped or mirrored."""
        return self.free > 1 or self.mirror

    @property
    def views(self) -> int:
        """Number of different crops of one image, mirrored crops included."""
        return self.free**2 * (2 if self.mirror else 1)

    def view(self, places: tf.Tensor) -> tf.Tensor:
        """Numbers, int64 [n] from 0, of the places of `draw` among all views."""
        top, left, flip = tf.unstack(places, axis=1)
        view = top * self.free + left
        return 2 * view + flip if self.mirror else view

    def draw(self, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the images at some positions of the endless order.

        Args:
          number: int64 [n], positions counted from 0 through all epochs.

        Returns:
          For each position the image's index within the half, int64 [n], and the
          place of its crop, int64 [n, 3]: top row, left column, and 1 if mirrored.
        """
        epoch, position = number // self.count, number % self.count
        chosen = self._shuffled(position, epoch, 0, self.count - 1)
        zero = tf.zeros_like(number)
        if not self.crops:
            return chosen, tf.stack([zero, zero, zero], axis=1)
        random = self._shuffled(position, epoch, 1, _CROP_DOMAIN - 1)
        top, left = random % self.free, (random // self.free) % self.free
        flip = (random // self.free**2) % 2 if self.mirror else zero
        return chosen, tf.stack([top, left, flip], axis=1)

    def crop(self, pixels: tf.Tensor, places: tf.Tensor, size: int) -> tf.Tensor:
        """Cuts squares of some size out of images [n, side, side, 3]."""
        top, left, flip = tf.split(places, 3, axis=1)
        line = tf.range(size)
        columns = left + tf.where(flip > 0, size - 1 - line, line)
        pixels = tf.gather(pixels, top + line, axis=1, batch_dims=1)
        pixels = tf.transpose(pixels, (0, 2, 1, 3))
        pixels = tf.gather(pixels, columns, axis=1, batch_dims=1)
        return tf.transpose(pixels, (0, 2, 1, 3))

    def _shuffled(self, position, epoch, purpose, most):
        same = tf.ones_like(epoch)
        # The raw operation takes a seed per position; its wrapper does not.
        return tf.raw_ops.RandomIndexShuffle(
            index=position,
            seed=tf.stack([same * self.seed, epoch, same * purpose], axis=1),
            max_index=tf.constant(most, tf.int64),
            rounds=4,
        )


class EveryView(Order):
    """All views of the first image, then of the next; after the last from the start."""

    def draw(self, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns images and places of crops as `Order.draw`; nothing is random."""
        chosen, view = number // self.views % self.count, number % self.views
        place, flip = (view // 2, view % 2) if self.mirror else (view, view * 0)
        places = tf.stack([place // self.free, place % self.free, flip], axis=1)
        return chosen, places


class Central(Order):
    """Every image once, as its central crop."""

    def draw(self, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns images and places of crops as `Order.draw`; nothing is random."""
        margin = (self.free - 1) // 2
        return number, tf.repeat([[margin, margin, 0]], tf.size(number), axis=0)

    def crop(self, pixels: tf.Tensor, places: tf.Tensor, size: int) -> tf.Tensor:
        """Cuts the same square out of all images, which is faster than gathering."""
        inside = slice((self.free - 1) // 2, (self.free - 1) // 2 + size)
        return pixels[:, inside, inside]
