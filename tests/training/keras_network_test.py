"""Training of networks of Keras: cohorts, networks alone, stopped ones, freezing.

All variables are compared, the statistics of batch normalisation too, bit for bit, on a
processor in float32.
"""

import shutil

import numpy as np
import pytest
import tiny
import tiny_keras
from tiny import record_of, weights_of
from tiny_keras import STATISTICS, below

from yosinski_tf.study import finished_run, network_file
from yosinski_tf.system.errors import UserError
from yosinski_tf.training import cohort_setup, trainer
from yosinski_tf.training.save_clock import Interval

# Of the stages of P2B~1, two are frozen and the third is copied and trained.
COHORT = ["R2B", "P2B~1", "P2B+"]
SLOW = pytest.mark.slow


def job_of(runs, images, names, make=tiny_keras.resnet):
    every = Interval(steps=2)
    return tiny_keras.make_job(
        runs, images, make(), names, source=True, checkpoint_every=every
    )


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A study folder with a source P, and its weights."""
    folder = tmp_path_factory.mktemp("source")
    return folder, tiny_keras.give_source(folder, tiny_keras.resnet())


@pytest.fixture(scope="module")
def study(tmp_path_factory, images, source):
    """The study folder of a cohort."""
    runs = tmp_path_factory.mktemp("study") / "runs"
    shutil.copytree(source[0], runs)
    trainer.train(job_of(runs, images, COHORT))
    return runs


@pytest.mark.slow
@pytest.mark.parametrize("name", COHORT)
def test_a_network_of_a_cohort_is_the_network_trained_alone(
    tmp_path, images, source, study, name
):
    runs = shutil.copytree(source[0], tmp_path / "runs")
    trainer.train(job_of(runs, images, [name]))
    tiny.assert_same(weights_of(study, name), weights_of(runs, name))
    assert record_of(study, name).cohort["size"] == 3
    assert record_of(runs, name).cohort["size"] == 1


@pytest.mark.parametrize("names", [["P2B+"], pytest.param(COHORT, marks=SLOW)])
def test_a_network_that_was_stopped_ends_with_the_same_weights(
    tmp_path, images, source, study, names
):
    runs = shutil.copytree(source[0], tmp_path / "runs")
    job = job_of(runs, images, names)
    tiny.stop_training(job, answers=1)
    # In the midst of the steps to the validation at step 4.
    assert min(tiny.checkpoint_steps(runs)) == 2
    trainer.train(job)
    tiny.assert_same_runs(study, runs, names)


def test_frozen_stages_keep_every_bit(study, source):
    network, (_, weights) = tiny_keras.resnet(), source
    frozen = below(network, 2, weights)
    tiny.assert_same(frozen, below(network, 2, weights_of(study, "P2B~1")))
    kinds = {name.rpartition("/")[2] for name in frozen}
    assert kinds == {"kernel", "gamma", "beta", *STATISTICS}
    record = record_of(study, "P2B~1")
    assert record.frozen_sha256_before == record.frozen_sha256_after


def test_random_frozen_stages_keep_the_values_that_were_drawn(study):
    frozen = below(tiny_keras.resnet(), 2, weights_of(study, "R2B"))
    first = {"gamma": 1, "beta": 0, "moving_mean": 0, "moving_variance": 1}
    for name, values in frozen.items():
        kind = name.rpartition("/")[2]
        if kind == "kernel":
            # He's normal initial values, which the network names.
            deviation = np.sqrt(2 / np.prod(values.shape[:-1]))
            assert values.std() == pytest.approx(deviation, rel=0.2)
        else:
            assert (values == first[kind]).all(), name
    record = record_of(study, "R2B")
    assert record.frozen_sha256_before == record.frozen_sha256_after


def test_the_initial_weights_of_a_finished_run_are_drawn_again(
    study, images, monkeypatch
):
    setup = cohort_setup.set_up(job_of(study, images, ["P2B+"]))
    before = setup.model.weights("P2B+")
    network_file.write(study, tiny_keras.resnet(), {})
    run = finished_run.read_finished_run(study, tiny.make_run("P2B+").run_id)
    again = finished_run.initial_weights(run)
    copied = below(tiny_keras.resnet(), 2, before)
    assert again.keys() == before.keys() - copied.keys()
    tiny.assert_same(again, {name: before[name] for name in again})
    redrawn = finished_run.redrawn_weights(run, seed=1)
    assert redrawn.keys() == before.keys()
    assert not np.array_equal(redrawn["fc/kernel"], again["fc/kernel"])
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    with pytest.raises(UserError, match="needs the backend tensorflow, found jax: set"):
        finished_run.initial_weights(run)


@pytest.mark.parametrize("name, frozen, copied", [("P2B+", 0, 2), ("P2B~1", 2, 3)])
def test_copied_stages_that_are_trained_move_with_their_statistics(
    study, source, name, frozen, copied
):
    network, (_, weights) = tiny_keras.resnet(), source
    trained = weights_of(study, name)
    still, close = (below(network, n, weights) for n in (frozen, copied))
    for key in close.keys() - still.keys():
        moved = np.abs(trained[key] - weights[key])
        assert moved.max() > 0, key
        # After a few small steps; statistics follow the images faster.
        assert key.endswith(STATISTICS) or moved.max() < 0.1, key
    # Above them everything is new.
    for key in weights.keys() - close.keys():
        if key.endswith("kernel"):
            assert np.abs(trained[key] - weights[key]).max() > 0.2, key


def test_new_stages_differ_and_have_statistics_of_their_images(study):
    weights = [weights_of(study, name) for name in COHORT]
    above = [key for key in weights[0] if key.startswith(("block3", "fc"))]
    assert len(above) == 17
    for key in above:
        assert len({each[key].tobytes() for each in weights}) == 3, key
        if key.endswith(STATISTICS):
            first = float(key.endswith("variance"))
            assert all((each[key] != first).all() for each in weights), key


@pytest.mark.slow
@pytest.mark.parametrize("stopped", [False, True])
def test_an_attention_that_drops_is_the_same_alone(tmp_path, images, stopped):
    network, runs, alone = tiny_keras.vit(), tmp_path / "runs", tmp_path / "alone"
    weights = tiny_keras.give_source(runs, network)
    shutil.copytree(runs, alone)
    trainer.train(job_of(runs, images, ["P3B", "P3B+"], tiny_keras.vit))
    frozen = below(network, 3, weights_of(runs, "P3B"))
    tiny.assert_same(below(network, 3, weights), frozen)
    # It drops in the stage that is fine-tuned.
    job = job_of(alone, images, ["P3B+"], tiny_keras.vit)
    if stopped:
        tiny.stop_training(job, answers=1)
        assert min(tiny.checkpoint_steps(alone)) == 2
    trainer.train(job)
    tiny.assert_same_runs(runs, alone, ["P3B+"])


@pytest.mark.slow
def test_copies_of_a_base_network(tmp_path, images):
    for names in (["baseA"], ["A2B", "A2B+"]):
        network = tiny_keras.resnet()
        trainer.train(tiny_keras.make_job(tmp_path, images, network, names))
    base, frozen, tuned = (
        below(tiny_keras.resnet(), 2, weights_of(tmp_path, name))
        for name in ("baseA", "A2B", "A2B+")
    )
    tiny.assert_same(base, frozen)
    assert all((base[key] != tuned[key]).any() for key in base)
