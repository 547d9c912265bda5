"""Least squares for many filters at once, each a shape times a colour.

A filter K [pixels, channels] is fitted by g(p) a^T: a shape g of all pixels, with a few
geometric parameters p, times a colour a. For given p the best a is linear, so only p is
searched (variable projection: Golub and Pereyra 1973, with the Jacobian of Kaufman
1975). SciPy fits one filter at a time; here all filters and all their starts take the
steps of Levenberg and Marquardt together, a hundred times faster.
"""

import functools
from collections.abc import Callable

import numpy as np

from yosinski_tf.explain.filter_shapes import Drawn

_FIRST_STEPS = 8
_STEPS = 40
_STARTS_KEPT = 2
_FILTERS_AT_ONCE = 64

Shape = Callable[[np.ndarray, np.ndarray], Drawn]
"""Draws shapes from parameters [..., p] at pixels [2, pixels]."""


def best_fits(
    shape: Shape,
    filters: np.ndarray,
    pixels: np.ndarray,
    starts: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best fits of filters of length 1.

    Args:
      shape: the function that draws shapes.
      filters: [filters, pixels, channels].
      pixels: [2, pixels].
      starts: parameters [groups, starts, parameters]; of each group the best is used.
      lower: bounds [parameters].
      upper: bounds [parameters].

    Returns:
      Parameters [filters, parameters], colours [filters, channels] and the variance
      explained [filters].
    """
    firsts = np.stack([_best(shape, filters, pixels, group) for group in starts], 1)
    parts = []
    for some in range(0, len(filters), _FILTERS_AT_ONCE):
        p, part = (each[some : some + _FILTERS_AT_ONCE] for each in (firsts, filters))
        climb = functools.partial(_climb, shape, part, pixels, lower, upper)
        p, explained = climb(p, _FIRST_STEPS)
        kept = np.argsort(-explained, axis=1)[:, :_STARTS_KEPT]
        p, explained = climb(np.take_along_axis(p, kept[..., None], 1), _STEPS)
        best = np.arange(len(part)), explained.argmax(1)
        drawn, _ = shape(p[best], pixels)
        colors = np.einsum("fp,fpc->fc", drawn, part)
        colors /= np.square(drawn).sum(-1, keepdims=True)
        parts.append((p[best], colors, explained[best]))
    p, colors, explained = (np.concatenate(each) for each in zip(*parts, strict=True))
    return p, colors, explained


def _best(shape, filters, pixels, starts):
    """Those of the starts that explain most of each filter, [filters, parameters]."""
    drawn, _ = shape(starts, pixels)
    drawn /= np.linalg.norm(drawn, axis=-1, keepdims=True)
    channels = np.moveaxis(filters, 2, 0)
    explained = sum(np.square(drawn @ channel.T) for channel in channels)
    return starts[explained.argmax(0)]


def _climb(shape: Shape, filters, pixels, lower, upper, p, steps):
    """Steps of Levenberg and Marquardt for p [filters, starts, parameters].

    Returns:
      The better parameters, and the variance that they explain [filters, starts].
    """
    damping = np.full(p.shape[:2], 1e-2)
    system = _normal_equations(shape, filters, pixels, p)
    for _ in range(steps):
        explained, hessian, gradient = system
        # A parameter at its bound stays there if it would leave.
        held = (p <= lower) & (gradient < 0) | (p >= upper) & (gradient > 0)
        free = np.where(held, 0.0, 1.0)
        damped = hessian * free[..., None] * free[..., None, :]
        diagonal = np.einsum("...ii->...i", damped)
        diagonal += damping[..., None] * diagonal + 1e-9
        step = np.linalg.solve(damped, (gradient * free)[..., None])[..., 0]
        tried = np.clip(p + np.clip(step, -1, 1), lower, upper)
        other = _normal_equations(shape, filters, pixels, tried)
        better = other[0] > explained
        gained = np.where(better, other[0] - explained, 0)
        p = np.where(better[..., None], tried, p)
        system = tuple(
            np.where(better.reshape(better.shape + (1,) * (new.ndim - 2)), new, old)
            for new, old in zip(other, system, strict=True)
        )
        damping = np.clip(np.where(better, damping / 5, damping * 4), 1e-9, 1e6)
        if ((gained < 1e-7) & (better | (damping > 1))).all():
            break
    return p, system[0]


def _normal_equations(shape: Shape, filters, pixels, p):
    """Variance explained, and the normal equations of the next step.

    With g of length 1 the colour is a = K^T g, and a^T a of K is explained. Changes of
    p change the residual K - g a^T by D a^T, D = (I - g g^T) dg/dp.
    """
    drawn, by_each = shape(p, pixels)
    lengths = np.linalg.norm(drawn, axis=-1, keepdims=True) + 1e-30
    drawn = drawn / lengths
    derivatives = by_each() / lengths[..., None]
    derivatives -= (derivatives @ drawn[..., None]) * drawn[..., None, :]
    colors = drawn @ filters  # [filters, starts, channels]
    explained = np.square(colors).sum(-1)
    along = colors @ filters.swapaxes(1, 2)  # K a, [filters, starts, pixels]
    gradient = (derivatives @ along[..., None])[..., 0]
    hessian = derivatives @ derivatives.swapaxes(-1, -2)
    return explained, hessian * explained[..., None, None], gradient
