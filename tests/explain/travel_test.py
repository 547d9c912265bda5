"""Weight travel against vectors whose lengths and angles are known."""

import math

import numpy as np
import pytest

from yosinski_tf.explain.travel import weight_travel

ALL = {"one": ["conv1"]}


def weights(kernel, bias=(0.0,), **others):
    made = {"conv1/kernel": kernel, "conv1/bias": bias} | others
    return {name: np.array(values, np.float32) for name, values in made.items()}


def moved(start, end, stages=ALL):
    return weight_travel(start, end, stages)


@pytest.mark.parametrize(
    "end, relative, degrees",
    [
        ([[3, 4]], 0, 0),
        ([[6, 8]], 1, 0),
        ([[-3, -4]], 2, 180),
        ([[-4, 3]], math.sqrt(2), 90),
        ([[0, 5]], math.sqrt(10) / 5, math.degrees(math.acos(0.8))),
    ],
)
def test_a_kernel_of_two_values(end, relative, degrees):
    found = moved(weights([[3, 4]]), weights(end))["one"]
    assert found.relative == pytest.approx(relative, abs=1e-7)
    assert found.degrees == pytest.approx(degrees, abs=1e-5)


def test_all_trained_variables_of_a_stage_are_one_vector_and_statistics_are_not():
    start = weights([[3.0]], [4.0]) | {
        "norm/gamma": np.float32([12]),
        "norm/moving_mean": np.float32([100]),
        "norm/moving_variance": np.float32([1]),
        "head/kernel": np.float32([1]),
    }
    end = start | {
        "conv1/bias": np.float32([9]),
        "norm/gamma": np.float32([0]),
        "norm/moving_mean": np.float32([-7]),
        # A classifier for other classes is not compared.
        "head/kernel": np.float32([1, 2]),
    }
    found = moved(start, end, {"block": ["conv1", "norm"], "conv": ["conv1"]})
    assert list(found) == ["block", "conv"]
    assert found["block"].relative == pytest.approx(1)
    cosine = (9 + 36) / (13 * math.sqrt(90))
    assert found["block"].degrees == pytest.approx(math.degrees(math.acos(cosine)))
    assert found["conv"].relative == pytest.approx(1)


def test_small_angles_keep_their_digits():
    start = np.zeros((3, 1_000_000))
    start[0, 0] = 1
    end = start.copy()
    end[2, -1] = 1e-6
    found = moved(weights(start), weights(end))["one"]
    assert found.relative == pytest.approx(1e-6)
    assert found.degrees == pytest.approx(math.degrees(1e-6))


def test_zeros_have_no_direction():
    zero, one = weights([[0, 0]]), weights([[0, 1]])
    assert math.isnan(moved(zero, one)["one"].relative)
    assert math.isnan(moved(zero, one)["one"].degrees)
    assert moved(one, zero)["one"].relative == 1
    assert math.isnan(moved(one, zero)["one"].degrees)


@pytest.mark.parametrize(
    "end, stages",
    [(weights([[1, 2, 3]]), ALL), ({}, ALL), (weights([[1, 2]]), {"one": ["conv"]})],
)
def test_weights_of_other_networks_are_refused(end, stages):
    with pytest.raises(ValueError, match="stage one needs the same weights"):
        moved(weights([[1, 2]]), end, stages)
