"""Random numbers for many images at once, the same on every machine.

NumPy guarantees that the raw words of a bit generator never change, but not the
distributions that it draws from them. So each image has a generator, and its raw
words become float32 numbers by exact operations.
"""

from collections.abc import Sequence

import numpy as np

_TAN_EIGHTH_TURN = 0.41421356


class ImageRandom:
    """A batch of independent random streams, one per image.

    Every draw takes the next words of each stream, so an image does not depend on
    the other images of the batch. Results are float32 of shape [count, *shape];
    without a shape they broadcast against [count, rows, columns].
    """

    def __init__(self, words: np.ndarray):
        """Reads the streams from words, uint32 [count, words per image]."""
        self._words = words
        self._used = 0

    @classmethod
    def seeded(
        cls, keys: Sequence[Sequence[int]], words_per_image: int
    ) -> "ImageRandom":
        """Makes one stream per key, a sequence of non-negative integers."""
        streams = (np.random.PCG64(np.random.SeedSequence(key)) for key in keys)
        raw = np.stack([stream.random_raw(words_per_image // 2) for stream in streams])
        return cls(raw.astype("<u8").view("<u4"))

    def __len__(self) -> int:
        """The number of images."""
        return len(self._words)

    def split_off(self, words: int) -> "ImageRandom":
        """Moves the next words of every stream into new streams."""
        return ImageRandom(self._take(words))

    def of_images(self, chosen: np.ndarray) -> "ImageRandom":
        """The unused words of some of the images' streams."""
        return ImageRandom(self._words[chosen, self._used :])

    def uniform(self, low: float, high: float, *shape: int) -> np.ndarray:
        """Uniform over low..high, in steps of 2**-24 of the range."""
        shape = shape or (1, 1)
        words = self._take(int(np.prod(shape))).reshape(len(self), *shape)
        fraction = (words >> 8).astype(np.float32) * 2.0**-24
        return fraction * (high - low) + low

    def sign(self) -> np.ndarray:
        """-1 or 1, with equal probability."""
        return np.where(self.uniform(0, 1) < 0.5, np.float32(-1), np.float32(1))

    def choice(self, options: int) -> np.ndarray:
        """A uniform integer in 0..options-1 for each image, int32 [count]."""
        return np.floor(self.uniform(0, options, 1)[:, 0]).astype(np.int32)

    def bell(self, *shape: int) -> np.ndarray:
        """Approximately normal, mean 0 and standard deviation 1, in -3.5..3.5.

        It is the scaled sum of a word's four bytes, whose arithmetic is exact.
        """
        words = self._take(int(np.prod(shape))).reshape(len(self), *shape)
        pairs = (words & 0x00FF00FF) + ((words >> 8) & 0x00FF00FF)
        total = (pairs & 0xFFFF) + (pairs >> 16)
        return (total.astype(np.float32) - 510.0) * (1.0 / 147.8)

    def turn(self, tan_half: float) -> tuple[np.ndarray, np.ndarray]:
        """Cosine and sine of a random angle.

        They are computed from the tangent of half the angle, at most `tan_half` in
        size: division is exactly rounded on every machine, `np.sin` is not.
        """
        t = self.uniform(-tan_half, tan_half)
        scale = 1.0 / (1.0 + t * t)
        return (1.0 - t * t) * scale, 2.0 * t * scale

    def direction(self) -> tuple[np.ndarray, np.ndarray]:
        """Cosine and sine of the angle of an undirected line, of any angle."""
        cos, sin = self.turn(_TAN_EIGHTH_TURN)
        swap = self.uniform(0, 1) < 0.5
        return np.where(swap, -sin, cos), np.where(swap, cos, sin)

    def _take(self, words: int) -> np.ndarray:
        start, self._used = self._used, self._used + words
        if self._used > self._words.shape[1]:
            raise RuntimeError(
                f"an image needs {self._used} random words and has"
                f" {self._words.shape[1]}"
            )
        return self._words[:, start : self._used]
