"""The shapes that filters are fitted by, with derivatives, starts and bounds."""

import itertools
from collections.abc import Callable

import numpy as np

# Bounds in pixels: waves as short as a grid can hold, envelopes of about one pixel
# (a Gabor along its stripes, the mean of both widths of a blob).
_SHORTEST_WAVE = 2.0
_NARROWEST = 0.5
# Standard deviation of the envelope across the stripes, in waves (Ringach 2002: n_x).
# Below, an even Gabor is a Gaussian, and the wavelength of an odd one is arbitrary.
_FEWEST_WAVES = 0.25
_MOST_WAVES = 3.0
# The longest blob is twice as long as it is wide.
_LONGEST_BLOB = 0.5 * np.log(2)


def pixels_of(height: int, width: int) -> np.ndarray:
    """Rows and columns of the pixels, [2, pixels]."""
    return np.indices((height, width)).reshape(2, -1).astype(np.float64)


Drawn = tuple[np.ndarray, Callable[[], np.ndarray]]
"""Values [..., pixels], and a function for their derivatives [..., p, pixels], as
starts are only drawn."""


def gabor(p: np.ndarray, pixels: np.ndarray) -> Drawn:
    """Gabor functions at pixels [2, pixels].

    p [..., 7]: row, column, angle, log frequency, log waves (standard deviation across
    the stripes by wavelength), log width along the stripes, phase.
    """
    frequency = 2 * np.pi * np.exp(p[..., 3, None])
    u, v, envelope, by_envelope = _envelope(p, p[..., 4] - p[..., 3], p[..., 5], pixels)
    wave = frequency * u + p[..., 6, None]
    even = np.cos(wave)

    def derivatives() -> np.ndarray:
        odd = -np.sin(wave) * envelope
        along = odd * frequency
        row, column, angle, log_s, log_t = (each * even for each in by_envelope())
        cosine, sine = np.cos(p[..., 2, None]), np.sin(p[..., 2, None])
        by_each = (
            row - along * sine,
            column - along * cosine,
            angle + along * v,
            along * u - log_s,
            log_s,
            log_t,
            odd,
        )
        return np.stack(by_each, axis=-2)

    return envelope * even, derivatives


def blob(p: np.ndarray, pixels: np.ndarray) -> Drawn:
    """Blobs at pixels [2, pixels].

    p [..., 5]: row, column, angle, (log s + log t) / 2, (log s - log t) / 2.
    """
    log_s, log_t = p[..., 3] + p[..., 4], p[..., 3] - p[..., 4]
    _, _, envelope, by_envelope = _envelope(p, log_s, log_t, pixels)

    def derivatives() -> np.ndarray:
        row, column, angle, by_s, by_t = by_envelope()
        return np.stack((row, column, angle, by_s + by_t, by_s - by_t), axis=-2)

    return envelope, derivatives


def _envelope(p, log_s, log_t, pixels):
    """u, v; the envelope; its derivatives by row, column, angle, log s and log t."""
    down, right = pixels[0] - p[..., 0, None], pixels[1] - p[..., 1, None]
    cosine, sine = np.cos(p[..., 2, None]), np.sin(p[..., 2, None])
    u, v = right * cosine + down * sine, down * cosine - right * sine
    by_u, by_v = u * np.exp(-2 * log_s[..., None]), v * np.exp(-2 * log_t[..., None])
    envelope = np.exp(-(u * by_u + v * by_v) / 2)

    def derivatives() -> tuple[np.ndarray, ...]:
        return (
            (by_u * sine + by_v * cosine) * envelope,
            (by_u * cosine - by_v * sine) * envelope,
            (by_v * u - by_u * v) * envelope,
            u * by_u * envelope,
            v * by_v * envelope,
        )

    return u, v, envelope, derivatives


def gabor_starts(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parameters to start from, by their wavelength, and their bounds.

    Returns:
      Starts [wavelengths, starts, 7], lower bounds [7] and upper bounds [7].
    """
    longest = 2.0 * max(height, width, 2)
    waves = np.geomspace(_SHORTEST_WAVE * 1.2, longest * 0.8, 6)
    others = itertools.product(
        _places(height),
        _places(width),
        np.arange(8) * np.pi / 8,
        np.log((0.35, 0.7)),
        np.log(np.array((0.15, 0.3)) * max(height, width)),
        np.arange(4) * np.pi / 4,
    )
    row, column, angle, log_waves, log_width, phase = np.array(list(others)).T
    starts = [
        np.stack((row, column, angle, f + 0 * row, log_waves, log_width, phase), axis=1)
        for f in -np.log(waves)
    ]
    ranges = (
        (-0.5, height - 0.5),
        (-0.5, width - 0.5),
        (-np.inf, np.inf),
        (-np.log(longest), -np.log(_SHORTEST_WAVE)),
        np.log((_FEWEST_WAVES, _MOST_WAVES)),
        np.log((_NARROWEST, longest / 2)),
        (-np.inf, np.inf),
    )
    lower, upper = np.array(ranges).T
    return np.clip(starts, lower, upper), lower, upper


def blob_starts(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `gabor_starts`, [widths, starts, 5], [5] and [5]."""
    widest = max(height, width, 2)
    places = list(itertools.product(_places(height), _places(width)))
    starts = [
        [(row, column, 0.3, np.log(s), 0.1) for row, column in places]
        for s in np.geomspace(_NARROWEST * 1.2, widest * 0.7, 4)
    ]
    ranges = (
        (-0.5, height - 0.5),
        (-0.5, width - 0.5),
        (-np.inf, np.inf),
        np.log((_NARROWEST, widest)),
        (-_LONGEST_BLOB, _LONGEST_BLOB),
    )
    lower, upper = np.array(ranges).T
    return np.clip(starts, lower, upper), lower, upper


def _places(length: int) -> np.ndarray:
    return (np.arange(4) + 0.5) * length / 4 - 0.5
