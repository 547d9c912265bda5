"""The derivatives of the shapes against differences."""

import numpy as np
import pytest

from yosinski_tf.explain import filter_shapes

SHAPES = [
    (filter_shapes.gabor, [2.5, 3.1, 0.7, -1.3, -0.9, 0.6, 0.4]),
    (filter_shapes.blob, [2.5, 3.1, 0.7, 0.3, 0.2]),
]


@pytest.mark.parametrize(("shape", "p"), SHAPES)
def test_derivatives_are_those_of_the_values(shape, p):
    pixels = filter_shapes.pixels_of(5, 7)
    assert pixels[:, 8].tolist() == [1, 1]
    _, derivatives = shape(np.array(p), pixels)
    steps = 1e-6 * np.eye(len(p))
    up, _ = shape(p + steps, pixels)
    down, _ = shape(p - steps, pixels)
    assert derivatives() == pytest.approx((up - down) / 2e-6, abs=1e-8)


def test_starts_are_within_their_bounds():
    for starts in (filter_shapes.gabor_starts, filter_shapes.blob_starts):
        for size in ((3, 3), (11, 5)):
            p, lower, upper = starts(*size)
            assert (lower <= p).all() and (p <= upper).all()
