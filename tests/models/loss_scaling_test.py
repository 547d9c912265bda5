"""Loss scaling for float16: a scale per network, and networks that diverge."""

import dataclasses

import keras
import numpy as np
import pytest
import tiny

from yosinski_tf.models import loss_scaling
from yosinski_tf.models.caffe_sgd import CaffeSGD
from yosinski_tf.models.loss_scaling import ScaledSGD
from yosinski_tf.training import checkpoints, trainer
from yosinski_tf.training.save_clock import Interval

HALF = dataclasses.replace(tiny.RECIPE, precision="float16")
NAMES = ("R7B", "baseB", "R3B")
TOO_HIGH = 2.0**22


@pytest.fixture(scope="module", autouse=True)
def overflowing():
    """A first scale so high that most networks skip some steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loss_scaling, "FIRST_SCALE", TOO_HIGH)
        yield


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return tiny.draw_images(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def together(tmp_path_factory, images):
    runs = tmp_path_factory.mktemp("together")
    trainer.train(tiny.make_job(runs, images, NAMES, HALF))
    return runs


@pytest.fixture
def usual(monkeypatch):
    monkeypatch.setattr(loss_scaling, "FIRST_SCALE", 2.0**15)


class Two:
    """A network with a kernel and a bias, one with a kernel, and one optimizer."""

    def __init__(self):
        self.variables = [
            keras.Variable(np.full((2,), 1.0, np.float32), name=name)
            for name in ("kernel", "bias", "kernel")
        ]
        networks = (self.variables[:2], self.variables[2:])
        rule = {"learning_rate": 0.5, "momentum": 0.5, "weight_decay": 0.25}
        self.optimizer = ScaledSGD(networks, **rule)
        self.plain = CaffeSGD(**rule)
        self.optimizer.build(self.variables)

    def step(self, *gradients):
        """Takes a step on gradients as they are unscaled."""
        scales = self.values("loss_scale")[[0, 0, 1]]
        tensors = [
            keras.ops.convert_to_tensor(np.asarray(g, np.float32) * scale)
            for g, scale in zip(gradients, scales, strict=True)
        ]
        self.optimizer.apply(tensors, self.variables)

    def values(self, name):
        return keras.ops.convert_to_numpy(self.optimizer.per_network[name])

    def state(self):
        return [keras.ops.convert_to_numpy(v).copy() for v in self.variables] + [
            keras.ops.convert_to_numpy(self.optimizer.moments(v)["velocity"]).copy()
            for v in self.variables
        ]


FINITE, INFINITE = [1.0, 2.0], [1.0, np.inf]


def test_each_loss_has_its_own_scale(usual):
    two = Two()
    losses = keras.ops.convert_to_tensor(np.array([1.0, 0.5], np.float32))
    assert float(two.optimizer.scale_loss(losses)) == 1.5 * 2**15
    two.step(FINITE, FINITE, INFINITE)
    assert float(two.optimizer.scale_loss(losses)) == 1.25 * 2**15


def test_finite_gradients_change_everything_as_without_scaling(usual):
    two, plain = Two(), Two()
    for gradients in ([FINITE] * 3, [[-3.0, 0.5]] * 3):
        two.step(*gradients)
        plain.plain.apply(
            [keras.ops.convert_to_tensor(np.float32(g)) for g in gradients],
            plain.variables,
        )
    for one, other in zip(two.variables, plain.variables, strict=True):
        assert np.array(one).tobytes() == np.array(other).tobytes()


def test_only_a_network_with_an_infinite_gradient_skips_the_step(usual):
    two, other = Two(), Two()
    two.step(FINITE, FINITE, FINITE)
    other.step(FINITE, FINITE, FINITE)
    before = two.state()
    two.step(FINITE, INFINITE, FINITE)
    other.step(FINITE, FINITE, FINITE)
    after, undisturbed = two.state(), other.state()
    for index in (0, 1, 3, 4):  # Weights and velocities of the first network.
        assert after[index].tobytes() == before[index].tobytes()
    for index in (2, 5):
        assert after[index].tobytes() == undisturbed[index].tobytes()
        assert (after[index] != before[index]).all()
    assert two.values("loss_scale").tolist() == [2.0**14, 2.0**15]
    assert two.values("good_steps").tolist() == [0, 2]
    # A skipped step counts: the rates depend on the number of steps.
    assert int(two.optimizer.iterations) == 2


def test_a_scale_doubles_after_two_thousand_good_steps_and_no_further_than_2_24(usual):
    two = Two()
    two.step(INFINITE, FINITE, FINITE)
    for name, values in (("good_steps", [1998, 1998]), ("loss_scale", [2**14, 2**24])):
        two.optimizer.per_network[name].assign(values)
    two.step(FINITE, FINITE, FINITE)
    assert two.values("loss_scale").tolist() == [2.0**14, 2.0**24]
    assert two.values("good_steps").tolist() == [1999, 1999]
    two.step(FINITE, FINITE, FINITE)
    assert two.values("loss_scale").tolist() == [2.0**15, 2.0**24]
    assert two.values("good_steps").tolist() == [0, 0]


def test_at_the_lowest_scale_no_step_is_skipped_so_the_network_diverges(usual):
    two = Two()
    for _ in range(15):
        two.step(INFINITE, FINITE, FINITE)
    assert two.values("loss_scale").tolist() == [1.0, 2.0**15]
    assert np.array(two.variables[0]).tolist() == [1.0, 1.0]
    two.step(INFINITE, FINITE, FINITE)
    assert np.isnan(np.array(two.variables[0])).all()
    assert np.isfinite(np.array(two.variables[2])).all()


def test_float16_results_do_not_depend_on_the_other_networks(
    tmp_path, images, together
):
    trainer.train(tiny.make_job(tmp_path, images, ["R3B"], HALF))
    tiny.assert_same_runs(together, tmp_path, ["R3B"])
    assert tiny.record_of(tmp_path, "R3B").recipe["precision"] == "float16"


@pytest.mark.slow  # about 10 s
def test_float16_results_do_not_depend_on_a_restart(tmp_path, images, together):
    job = tiny.make_job(tmp_path, images, NAMES, HALF)
    job = dataclasses.replace(job, checkpoint_every=Interval(steps=2))
    tiny.stop_training(job)
    (path,) = tmp_path.glob("cohorts/*.checkpoint")
    arrays = checkpoints._read(path).arrays
    scales = {
        name: float(arrays[f"{tiny.make_run(name).run_id}/totals/loss_scale"])
        for name in NAMES
    }
    # R7B trains fc8 only, whose gradients are float32; those below it are float16.
    assert scales == {"R7B": TOO_HIGH, "baseB": TOO_HIGH / 4, "R3B": TOO_HIGH / 4}
    trainer.train(job)
    tiny.assert_same_runs(together, tmp_path, NAMES)
    assert all(tiny.record_of(tmp_path, name).status == "finished" for name in NAMES)
