"""Random numbers for many images at once, the same on every machine.

NumPy promises that a bit generator's raw words never change, and promises no
such thing of the distributions drawn from them. So everything random about an
image comes from raw words of a generator of its own, turned into float32 by
exact steps.
"""

from collections.abc import Sequence

import numpy as np

_TAN_EIGHTH_TURN = 0.41421356


class ImageRandom:
    """A batch of independent sources of numbers, one per image.

    Every draw takes the next words of each image's own stream, so an image
    does not depend on which others are made with it. Results are float32 of
    shape [count, *shape]; with no shape they broadcast against
    [count, rows, columns].
    """

    def __init__(self, words: np.ndarray):
        """Wraps words, uint32 [count, words per image]."""
        self._words = words
        self._used = 0

    @classmethod
    def seeded(
        cls, keys: Sequence[Sequence[int]], words_per_image: int
    ) -> "ImageRandom":
        """One stream per key; a key is any sequence of non-negative integers."""
        raw = np.stack(
            [
                np.random.PCG64(np.random.SeedSequence(key)).random_raw(
                    words_per_image // 2
                )
                for key in keys
            ]
        )
        return cls(raw.astype("<u8").view("<u4"))

    def __len__(self) -> int:
        """The number of images."""
        return len(self._words)

    def split_off(self, words: int) -> "ImageRandom":
        """Takes the next words away into a source of their own."""
        return ImageRandom(self._take(words))

    def of_images(self, chosen: np.ndarray) -> "ImageRandom":
        """The same source for some of the images only, unused words onwards."""
        return ImageRandom(self._words[chosen, self._used :])

    def uniform(self, low: float, high: float, *shape: int) -> np.ndarray:
        """Uniform over low..high; the lattice is 2**-24 of the span."""
        shape = shape or (1, 1)
        words = self._take(int(np.prod(shape))).reshape(len(self), *shape)
        fraction = (words >> 8).astype(np.float32) * 2.0**-24
        return fraction * (high - low) + low

    def sign(self) -> np.ndarray:
        """-1 or 1, each half of the time."""
        return np.where(self.uniform(0, 1) < 0.5, np.float32(-1), np.float32(1))

    def choice(self, options: int) -> np.ndarray:
        """An integer in 0..options-1 for each image, int32 [count]."""
        return np.floor(self.uniform(0, options, 1)[:, 0]).astype(np.int32)

    def bell(self, *shape: int) -> np.ndarray:
        """Nearly normal, mean 0 and deviation 1, within -3.5..3.5.

        The sum of a word's four bytes: exact integers, unlike a normal draw.
        """
        words = self._take(int(np.prod(shape))).reshape(len(self), *shape)
        pairs = (words & 0x00FF00FF) + ((words >> 8) & 0x00FF00FF)
        total = (pairs & 0xFFFF) + (pairs >> 16)
        return (total.astype(np.float32) - 510.0) * (1.0 / 147.8)

    def turn(self, tan_half: float) -> tuple[np.ndarray, np.ndarray]:
        """Cosine and sine of an angle whose half has a tangent +-tan_half.

        From the tangent, because division is exactly rounded everywhere and
        `np.sin` is not.
        """
        t = self.uniform(-tan_half, tan_half)
        scale = 1.0 / (1.0 + t * t)
        return (1.0 - t * t) * scale, 2.0 * t * scale

    def direction(self) -> tuple[np.ndarray, np.ndarray]:
        """Cosine and sine of the angle of an undirected line, any angle."""
        cos, sin = self.turn(_TAN_EIGHTH_TURN)
        swap = self.uniform(0, 1) < 0.5
        return np.where(swap, -sin, cos), np.where(swap, cos, sin)

    def _take(self, words: int) -> np.ndarray:
        start, self._used = self._used, self._used + words
        if self._used > self._words.shape[1]:
            raise RuntimeError(
                f"an image wants {self._used} random words and has"
                f" {self._words.shape[1]}: give it more"
            )
        return self._words[:, start : self._used]
