"""Gabor functions and colour blobs, fitted to the filters of a first layer.

Krizhevsky et al. (2012, figure 3) and Yosinski et al. (2014) say what first layers look
like, not how much of a filter that is. Here both shapes are fitted by least squares, as
Jones and Palmer (1987) did for cells of the visual cortex.
"""

import dataclasses
import functools
from collections.abc import Mapping

import numpy as np

from yosinski_tf.explain import filter_shapes, separable_fit
from yosinski_tf.models import surgery

MEANING = (
    "Each filter of the first layer is fitted by a Gabor function, a striped patch of "
    "one colour direction, and by a blob, a round patch of one colour; the variance "
    "explained is the share of the filter's sum of squares that a fit accounts for "
    "(Jones and Palmer 1987). A filter is named after a fit only if it explains at "
    "least half of the filter, and more than of 99 in 100 filters of random values of "
    "the same size."
)
GABOR = "gabor"
BLOB = "blob"
NEITHER = "neither"
TOO_SMALL = "too small to tell"
KINDS = (GABOR, BLOB, NEITHER, TOO_SMALL)

# A fit that leaves more than half of a filter unexplained does not describe it.
_LEAST_EXPLAINED = 0.5
# Any Gabor function with long waves is nearly a blob: stripes count if they explain
# this share of the filter that the blob does not.
_LEAST_GAIN = 0.05
# If noise is explained so far, a fit says nothing.
_ALL_EXPLAINED = 0.95
_NOISE_SHARE = 0.99


@dataclasses.dataclass(frozen=True)
class GaborFit:
    """color amplitude exp(-u^2 / 2 s^2 - v^2 / 2 t^2) cos(2 pi u / wavelength + phase).

    u and v are the distances from the centre along the wave and along its stripes.

    Attributes:
      center: row and column in pixels; the first pixel is (0, 0).
      orientation: angle of the wave (u) in radians, [0, pi): 0 is to the right, so
        that stripes stand upright; pi / 2 is downwards.
      wavelength: in pixels, from 2 to twice the longer side of the filter.
      phase: radians, (-pi / 2, pi / 2], so that the centre has the sign of `color`.
      widths: standard deviations s, t of the envelope in pixels.
      color: unit vector with one value per channel.
      amplitude: not negative, in units of the filter's weights.
      variance_explained: share of the filter's sum of squares, 0 to 1. It is about
        zero, not about the mean: a filter's mean is its answer to an even colour.
    """

    center: tuple[float, float]
    orientation: float
    wavelength: float
    phase: float
    widths: tuple[float, float]
    color: tuple[float, ...]
    amplitude: float
    variance_explained: float

    def values(self, height: int, width: int) -> np.ndarray:
        """The fitted filter, float64 [height, width, channels]."""
        geometry = np.array(
            [
                *self.center,
                self.orientation,
                -np.log(self.wavelength),
                np.log(self.widths[0] / self.wavelength),
                np.log(self.widths[1]),
                self.phase,
            ]
        )
        return _values(
            filter_shapes.gabor, geometry, self.amplitude, self.color, height, width
        )


@dataclasses.dataclass(frozen=True)
class BlobFit:
    """color amplitude exp(-u^2 / 2 s^2 - v^2 / 2 t^2), with s <= 2 t and t <= 2 s.

    The attributes are those of `GaborFit`. `orientation` is the direction of u.
    """

    center: tuple[float, float]
    orientation: float
    widths: tuple[float, float]
    color: tuple[float, ...]
    amplitude: float
    variance_explained: float

    def values(self, height: int, width: int) -> np.ndarray:
        """The fitted filter, float64 [height, width, channels]."""
        s, t = np.log(self.widths)
        geometry = np.array([*self.center, self.orientation, (s + t) / 2, (s - t) / 2])
        return _values(
            filter_shapes.blob, geometry, self.amplitude, self.color, height, width
        )


@dataclasses.dataclass(frozen=True)
class FilterFit:
    """Both fits of one filter, and its kind, one of `KINDS`."""

    gabor: GaborFit
    blob: BlobFit
    kind: str


def first_kernel(weights: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """The kernel of the first layer that sees colours; None if there is none."""
    found = surgery.first_filters(weights)
    return found[1] if found else None


def fit_filters(kernels: np.ndarray) -> tuple[FilterFit, ...]:
    """Fits every filter of a first layer and says which of both it is.

    A filter is a `gabor` if the Gabor function explains at least half of it, more
    than of 99 in 100 noise filters (`noise_thresholds`), and 0.05 more than the blob
    does. Else it is a `blob` if that explains at least half and more than of noise.
    Else it is `neither`. Filters are `too small to tell` where the Gabor function
    explains noise to 0.95: up to 3 x 3. A filter of zeros is `neither`.

    Memory is under 100 MiB for filters of up to 16 x 16 pixels, however many.

    Args:
      kernels: finite floats [height, width, channels, filters].

    Returns:
      One fit for each filter, in the order of the filters.

    Raises:
      ValueError: the array has not four axes or is empty; a value is not finite.
    """
    kernels = np.asarray(kernels, np.float64)
    if kernels.ndim != 4 or not kernels.size:
        raise ValueError(
            "needs filters [height, width, channels, filters], found an array "
            f"{list(kernels.shape)}"
        )
    if not np.isfinite(kernels).all():
        raise ValueError("needs finite filters, found values that are not")
    height, width = kernels.shape[:2]
    limits = noise_thresholds(height, width)
    return tuple(
        FilterFit(gabor, blob, _kind(gabor, blob, limits))
        for gabor, blob in _fits(kernels)
    )


# `simulated_thresholds(n, n, 4000)` of filters of n x n: half a minute each.
_THRESHOLDS = {
    3: (0.998, 0.918),
    4: (0.875, 0.718),
    5: (0.718, 0.542),
    6: (0.575, 0.5),
}
# From so many pixels on no fit explains half of the noise.
_MANY_PIXELS = 49


def noise_thresholds(height: int, width: int) -> tuple[float, float]:
    """The variance that the two fits explain of 99 in 100 filters of normal noise.

    The noise has one channel. That of three is fitted less well, unless its channels
    are alike: this is the noise that a Gabor function of one colour fits best.

    Returns:
      The thresholds for Gabor functions and for blobs, not below one half: those of
      squares are in a table, others are simulated with 400 filters in seconds.
    """
    if height * width >= _MANY_PIXELS and min(height, width) > 2:
        return _LEAST_EXPLAINED, _LEAST_EXPLAINED
    if height == width and height in _THRESHOLDS:
        return _THRESHOLDS[height]
    return simulated_thresholds(height, width, 400)


@functools.cache
def simulated_thresholds(
    height: int, width: int, filters: int, seed: int = 0
) -> tuple[float, float]:
    """`noise_thresholds` from so many filters of normal noise."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 1, filters))
    explained = [(g.variance_explained, b.variance_explained) for g, b in _fits(noise)]
    gabor, blob = np.quantile(explained, _NOISE_SHARE, axis=0)
    return max(_LEAST_EXPLAINED, float(gabor)), max(_LEAST_EXPLAINED, float(blob))


def _kind(gabor: GaborFit, blob: BlobFit, limits: tuple[float, float]) -> str:
    if limits[0] > _ALL_EXPLAINED:
        return TOO_SMALL
    gain = gabor.variance_explained - blob.variance_explained
    if gabor.variance_explained >= limits[0] and gain >= _LEAST_GAIN:
        return GABOR
    return BLOB if blob.variance_explained >= limits[1] else NEITHER


def _fits(kernels: np.ndarray) -> list[tuple[GaborFit, BlobFit]]:
    height, width, channels, count = kernels.shape
    pixels = filter_shapes.pixels_of(height, width)
    # [filters, pixels, channels], each of length 1; zeros stay zeros.
    filters = kernels.reshape(height * width, channels, count).transpose(2, 0, 1)
    sizes = np.linalg.norm(filters, axis=(1, 2))
    filters = filters / np.where(sizes > 0, sizes, 1)[:, None, None]
    gabors, blobs = (
        zip(
            *separable_fit.best_fits(shape, filters, pixels, *starts(height, width)),
            strict=True,
        )
        for shape, starts in (
            (filter_shapes.gabor, filter_shapes.gabor_starts),
            (filter_shapes.blob, filter_shapes.blob_starts),
        )
    )
    return [
        (_gabor_fit(*gabor, size), _blob_fit(*blob, size))
        for gabor, blob, size in zip(gabors, blobs, sizes, strict=True)
    ]


def _gabor_fit(geometry, color, explained, size) -> GaborFit:
    row, column, angle, log_frequency, log_waves, log_width, phase = geometry
    wavelength = np.exp(-log_frequency)
    turns = np.floor(angle / np.pi)
    # The same wave seen from the other side has the opposite phase.
    phase = phase if turns % 2 == 0 else -phase
    half_turns = np.ceil(phase / np.pi - 0.5)
    color = color if half_turns % 2 == 0 else -color
    direction, amplitude = _direction(color * size)
    return GaborFit(
        center=(float(row), float(column)),
        orientation=float(angle - turns * np.pi),
        wavelength=float(wavelength),
        phase=float(phase - half_turns * np.pi),
        widths=(float(np.exp(log_waves) * wavelength), float(np.exp(log_width))),
        color=direction,
        amplitude=amplitude,
        variance_explained=float(explained),
    )


def _blob_fit(geometry, color, explained, size) -> BlobFit:
    row, column, angle, log_width, log_ratio = geometry
    direction, amplitude = _direction(color * size)
    return BlobFit(
        center=(float(row), float(column)),
        orientation=float(angle % np.pi),
        widths=(
            float(np.exp(log_width + log_ratio)),
            float(np.exp(log_width - log_ratio)),
        ),
        color=direction,
        amplitude=amplitude,
        variance_explained=float(explained),
    )


def _direction(color: np.ndarray) -> tuple[tuple[float, ...], float]:
    """A unit vector and a length; the first axis for a colour of zeros."""
    length = float(np.linalg.norm(color))
    unit = color / length if length > 0 else np.eye(len(color))[0]
    return tuple(map(float, unit)), length


def _values(shape, geometry, amplitude, color, height, width) -> np.ndarray:
    values, _ = shape(geometry, filter_shapes.pixels_of(height, width))
    return amplitude * values.reshape(height, width, 1) * np.array(color)
