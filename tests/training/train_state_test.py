"""Which arrays of a cohort a checkpoint holds, by their names."""

import dataclasses

import numpy as np
import pytest
import tiny
import tiny_keras

from yosinski_tf.models import cohort_graph
from yosinski_tf.models.cohort import build_cohort
from yosinski_tf.models.optimizers import optimizer_for
from yosinski_tf.training import train_state

ADAMW = dataclasses.replace(tiny.RECIPE, optimizer="adamw")
SHARED = {"optimizer/iterations", "totals/images"}


def make_cohort(recipe, *frozen, network=tiny.NETWORK):
    """A compiled cohort of networks with so many frozen stages."""
    members = [
        cohort_graph.Member(str(n), "trunk" if n else None, n, f"network {n}")
        for n in frozen
    ]
    options = dict(input_size=16, num_classes=5, mean=(0.0, 0.0, 0.0))
    cohort = build_cohort(network, members, **options)
    cohort.training.compile(optimizer_for(recipe, cohort.trained), jit_compile=False)
    cohort.training.optimizer.build(cohort.training.trainable_variables)
    return cohort


def numbered(arrays):
    """Other values for all arrays, each different."""
    return {
        name: np.full_like(array, number)
        for number, (name, array) in enumerate(arrays.items(), 1)
    }


# What earlier versions wrote: their checkpoints can be read.
PLAIN = {
    *("run/fc8/kernel", "run/fc8/kernel/velocity", "run/fc8/bias"),
    *("run/fc8/bias/velocity", "run/totals/loss", "run/totals/finite"),
}
WITH_MOMENTUM = PLAIN | {"run/fc8/kernel/momentum", "run/fc8/bias/momentum"}


@pytest.mark.parametrize(
    ("recipe", "names"), [(tiny.RECIPE, PLAIN), (ADAMW, WITH_MOMENTUM)]
)
def test_trained_weights_and_what_the_optimizer_keeps_for_each(recipe, names):
    cohort = make_cohort(recipe, 7)
    assert train_state.capture(cohort, ["run"]).keys() == SHARED | names


def test_a_cohort_takes_its_own_arrays_from_those_of_more_networks():
    two = make_cohort(ADAMW, 7, 6)
    stored = numbered(train_state.capture(two, ["seven", "six"]))
    one = make_cohort(ADAMW, 6)
    train_state.restore(one, ["six"], stored)
    found = train_state.capture(one, ["six"])
    own = {name for name in stored if not name.startswith("seven/")}
    assert found.keys() == own and "six/fc7/kernel/momentum" in own
    for name in own:
        assert found[name].tobytes() == stored[name].tobytes(), name
    del stored["six/fc7/kernel/momentum"]
    with pytest.raises(ValueError, match="six/fc7/kernel/momentum needs shape"):
        train_state.restore(one, ["six"], stored)


def test_statistics_of_trained_stages_are_held():
    # The stages block2, block3 and fc are trained.
    cohort = make_cohort(tiny.RECIPE, 2, network=tiny_keras.resnet())
    stored = numbered(train_state.capture(cohort, ["run"]))
    start = "run/block2_conv1_bn/"
    assert {name.removeprefix(start) for name in stored if name.startswith(start)} == {
        *("gamma", "gamma/velocity", "beta", "beta/velocity"),
        *("moving_mean", "moving_variance"),
    }
    assert not any("stem" in name or "block1" in name for name in stored)
    # Nor is anything random: it follows from the step.
    assert not any("seed" in name or "depth" in name for name in stored)
    train_state.restore(cohort, ["run"], stored)
    found = train_state.capture(cohort, ["run"])["run/block3_conv1_bn/moving_mean"]
    assert found.tolist() == stored["run/block3_conv1_bn/moving_mean"].tolist()
