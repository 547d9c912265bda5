"""Networks with one stage taken back: which arrays change, and which do not."""

import numpy as np
import pytest

from yosinski_tf.explain.criticality import variants, with_stage_taken_back
from yosinski_tf.system.errors import UserError

VARIABLES = (
    "conv/kernel",
    "conv/bias",
    "norm/gamma",
    "norm/beta",
    "norm/moving_mean",
    "norm/moving_variance",
    "head/kernel",
    "head/bias",
)


def network(number):
    return {name: np.full((2, 3), number, np.float32) for name in VARIABLES}


def values(weights):
    return {name: float(array[0, 0]) for name, array in weights.items()}


def test_each_stage_alone_goes_back_without_its_statistics():
    trained, untrained = network(1), network(0)
    stages = {"block": ["conv", "norm"], "head": ["head"]}
    found = {
        stage: {name for name, value in values(made).items() if value == 0}
        for stage, made in variants(trained, untrained, stages)
    }
    assert found == {
        "block": {"conv/kernel", "conv/bias", "norm/gamma", "norm/beta"},
        "head": {"head/kernel", "head/bias"},
    }
    assert set(values(trained).values()) == {1}
    assert set(values(untrained).values()) == {0}


def test_every_variable_stays_in_its_place():
    made = with_stage_taken_back(network(1), network(0), ["norm"])
    assert list(made) == list(VARIABLES)
    assert made["norm/moving_mean"][0, 0] == 1
    assert made["head/kernel"].dtype == np.float32


def test_a_stage_of_another_shape_is_refused():
    other = network(0) | {"conv/kernel": np.zeros((5, 3), np.float32)}
    with pytest.raises(UserError, match="copying conv/kernel needs one shape"):
        with_stage_taken_back(network(1), other, ["conv"])
