"""Fits of Gabor functions and of blobs to filters made from known parameters."""

import collections
import dataclasses

import numpy as np
import pytest
from scipy import optimize

from yosinski_tf.explain import gabor
from yosinski_tf.explain.gabor import fit_filters


@dataclasses.dataclass(frozen=True)
class Known:
    """A Gabor function; a blob has the wavelength infinity."""

    row: float
    column: float
    orientation: float
    wavelength: float
    phase: float
    widths: tuple[float, float]
    color: tuple[float, ...]

    def drawn(self, size):
        # By complex numbers, unlike the code.
        y, x = np.mgrid[:size, :size]
        z = (x - self.column) + 1j * (y - self.row)
        z = z * np.exp(-1j * self.orientation)
        s, t = self.widths
        envelope = np.exp(-0.5 * ((z.real / s) ** 2 + (z.imag / t) ** 2))
        wave = np.exp(1j * (2 * np.pi * z.real / self.wavelength + self.phase)).real
        return np.multiply.outer(envelope * wave, self.color)


def _known(rng, size, blob=False, channels=3):
    color = rng.normal(size=channels)
    wavelength = np.inf if blob else rng.uniform(2.6, 0.9 * size)
    s = 0.2 * size if blob else rng.uniform(0.3, 0.7) * wavelength
    t = s * rng.uniform(0.7, 1.4) if blob else rng.uniform(0.18, 0.35) * size
    return Known(
        *rng.uniform(0.35 * (size - 1), 0.65 * (size - 1), 2),
        rng.uniform(0, np.pi),
        wavelength,
        0.0 if blob else rng.uniform(-np.pi / 2, np.pi / 2),
        (s, t),
        tuple(color / np.linalg.norm(color)),
    )


def _noisy(rng, filters, share):
    """[size, size, channels, filters], with noise of that share of the variance."""
    noise = rng.normal(size=(len(filters), *filters[0].shape))
    sizes = np.linalg.norm(np.reshape([filters, noise], (2, len(filters), -1)), axis=2)
    noise *= np.reshape(np.sqrt(share) * sizes[0] / sizes[1], (-1, 1, 1, 1))
    return np.moveaxis(filters + noise, 0, -1).astype(np.float32)


def _kinds(fits):
    return collections.Counter(fit.kind for fit in fits)


def _turn(a, b, period):
    return abs((a - b + period / 2) % period - period / 2)


def test_a_gabor_function_is_recovered_exactly():
    known = Known(4.3, 5.6, 2.1, 4.5, -0.8, (2.2, 3.1), (0.6, -0.8, 0.0))
    (fit,) = fit_filters(7 * known.drawn(11)[..., None])
    assert fit.kind == "gabor"
    found = fit.gabor
    assert found.center == pytest.approx((4.3, 5.6), abs=1e-3)
    assert found.orientation == pytest.approx(2.1, abs=1e-3)
    assert found.wavelength == pytest.approx(4.5, abs=1e-3)
    assert found.phase == pytest.approx(-0.8, abs=1e-3)
    assert found.widths == pytest.approx((2.2, 3.1), abs=1e-3)
    assert found.color == pytest.approx((0.6, -0.8, 0.0), abs=1e-3)
    assert found.amplitude == pytest.approx(7, abs=1e-2)
    assert found.variance_explained == pytest.approx(1, abs=1e-6)
    assert found.values(11, 11) == pytest.approx(7 * known.drawn(11), abs=1e-2)


def test_a_blob_is_recovered_exactly():
    known = Known(3.2, 2.9, 0.4, np.inf, 0.0, (1.2, 1.9), (0.0, 0.8, -0.6))
    (fit,) = fit_filters(0.01 * known.drawn(7)[..., None])
    assert fit.kind == "blob"
    found = fit.blob
    assert found.center == pytest.approx((3.2, 2.9), abs=1e-3)
    short = found.orientation + (np.pi / 2 if found.widths[0] > found.widths[1] else 0)
    assert _turn(short, 0.4, np.pi) < 1e-3
    assert sorted(found.widths) == pytest.approx((1.2, 1.9), abs=1e-3)
    assert found.color == pytest.approx((0.0, 0.8, -0.6), abs=1e-3)
    assert found.amplitude == pytest.approx(0.01, rel=1e-3)
    assert found.values(7, 7) == pytest.approx(0.01 * known.drawn(7), abs=1e-5)


# The errors that 9 in 10 filters stay below: pixels, degrees, share of the wavelength,
# degrees between colours.
@pytest.mark.parametrize(
    ("size", "place", "angle", "wave", "color"),
    [(5, 0.3, 3, 0.06, 6), (7, 0.3, 2, 0.03, 4), (11, 0.4, 1.5, 0.03, 3)],
)
def test_noisy_gabor_functions_are_recovered(size, place, angle, wave, color):
    rng = np.random.default_rng(size)
    known = [_known(rng, size) for _ in range(24)]
    fits = fit_filters(_noisy(rng, [each.drawn(size) for each in known], 0.1))
    assert _kinds(fits) == {"gabor": 24}
    errors = []
    for each, fit in zip(known, fits, strict=True):
        found = fit.gabor
        errors.append(
            (
                np.hypot(found.center[0] - each.row, found.center[1] - each.column),
                np.rad2deg(_turn(found.orientation, each.orientation, np.pi)),
                abs(found.wavelength / each.wavelength - 1),
                np.rad2deg(np.arccos(min(1, abs(np.dot(found.color, each.color))))),
            )
        )
        assert found.variance_explained == pytest.approx(1 / 1.1, abs=0.05)
    high = np.quantile(errors, 0.9, axis=0)
    assert (high < (place, angle, wave, color)).all(), high


@pytest.mark.parametrize(("size", "channels"), [(5, 1), (5, 3), (7, 3), (11, 3)])
def test_noisy_blobs_are_blobs(size, channels):
    rng = np.random.default_rng(size)
    known = [_known(rng, size, True, channels).drawn(size) for _ in range(20)]
    assert _kinds(fit_filters(_noisy(rng, known, 0.1))) == {"blob": 20}


SLOW = [pytest.param(size, 3, 400, marks=pytest.mark.slow) for size in (5, 7, 11)]


# Noise of one channel is the hardest.
@pytest.mark.parametrize(
    ("size", "channels", "count"), [(5, 1, 200), (7, 3, 60), (11, 3, 20), *SLOW]
)
def test_noise_is_neither(size, channels, count):
    rng = np.random.default_rng(size)
    shape = (size, size, channels, count // 2)
    # As He's and as Glorot's initial values.
    noise = np.concatenate((rng.normal(size=shape), rng.uniform(-1, 1, shape)), axis=3)
    assert _kinds(fit_filters(noise))["neither"] > 0.95 * count


def test_the_thresholds_are_what_a_simulation_finds():
    assert gabor.noise_thresholds(3, 3) == (0.998, 0.918)
    found = gabor.simulated_thresholds(4, 4, 150, seed=5)
    assert gabor.noise_thresholds(4, 4) == pytest.approx(found, abs=0.07)
    assert gabor.noise_thresholds(7, 7) == (0.5, 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("size", [3, 4, 5, 6, 7])
def test_the_table_of_thresholds_is_reproduced(size):
    found = gabor.simulated_thresholds(size, size, 4000)
    assert gabor.noise_thresholds(size, size) == pytest.approx(found, abs=6e-4)


def test_small_filters_are_not_told_apart():
    known = Known(1.0, 1.0, 0.5, 3.0, 0.3, (1.0, 1.2), (0.6, 0.8, 0.0))
    (fit,) = fit_filters(known.drawn(3)[..., None])
    assert fit.kind == "too small to tell"
    assert fit.gabor.variance_explained > 0.999


def test_the_variance_explained_is_of_the_residual_about_zero():
    rng = np.random.default_rng(4)
    kernels = rng.normal(0.3, 1, size=(6, 9, 3, 40))
    for number, fit in enumerate(fit_filters(kernels)):
        kernel = kernels[..., number]
        for found in (fit.gabor, fit.blob):
            left = (
                np.square(kernel - found.values(6, 9)).sum() / np.square(kernel).sum()
            )
            assert found.variance_explained == pytest.approx(1 - left, abs=1e-9)


def test_scipy_finds_no_better_gabor_function_from_there():
    rng = np.random.default_rng(3)
    known = _noisy(rng, [_known(rng, 7).drawn(7) for _ in range(4)], 0.3)
    for number, fit in enumerate(fit_filters(known)):
        kernel, found = known[..., number], fit.gabor

        def residual(p, kernel=kernel):
            made = Known(*p[:5], tuple(p[5:7]), tuple(p[7:]))
            return (made.drawn(7) - kernel).ravel()

        start = [*found.center, found.orientation, found.wavelength, found.phase]
        start += [*found.widths, *np.multiply(found.amplitude, found.color)]
        # Variances are 1 - 2 cost / total.
        best = optimize.least_squares(residual, start).cost
        total = np.square(kernel).sum()
        assert found.variance_explained >= 1 - 2 * best / total - 1e-3


def test_zeros_and_scales():
    kernels = np.random.default_rng(2).normal(size=(5, 5, 3, 3))
    kernels[..., 1] = 0
    fits = fit_filters(kernels)
    assert fits[1].kind == "neither"
    assert fits[1].gabor.variance_explained == fits[1].gabor.amplitude == 0
    small = fit_filters(1e-6 * kernels.astype(np.float32))
    for one, other in zip(fits, small, strict=True):
        explained = other.gabor.variance_explained
        assert explained == pytest.approx(one.gabor.variance_explained, abs=1e-4)


def test_a_filter_is_fitted_alike_in_any_company():
    kernels = np.random.default_rng(2).normal(size=(5, 5, 3, 70))
    alone = [fit_filters(kernels[..., i : i + 1])[0] for i in (0, 69)]
    together = fit_filters(kernels)
    for one, other in zip(alone, (together[0], together[69]), strict=True):
        assert one.kind == other.kind
        assert one.gabor.variance_explained == pytest.approx(
            other.gabor.variance_explained, abs=1e-4
        )


@pytest.mark.parametrize(
    ("kernels", "message"),
    [
        (np.zeros((5, 5, 3)), r"found an array \[5, 5, 3\]"),
        (np.zeros((5, 5, 3, 0)), r"found an array \[5, 5, 3, 0\]"),
        (np.full((5, 5, 3, 2), np.nan), "needs finite filters"),
    ],
)
def test_what_is_not_a_first_layer_is_refused(kernels, message):
    with pytest.raises(ValueError, match=message):
        fit_filters(kernels)
