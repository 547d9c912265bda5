"""A network whose loss is not finite ends; this does not change the others."""

import dataclasses

import keras
import numpy as np
import pytest
import tiny

from yosinski_tf.models import surgery
from yosinski_tf.models.training_model import TrainingModel
from yosinski_tf.system.errors import UserError
from yosinski_tf.training import checkpoints, stopwatch, trainer

OTHERS = ("R7B", "R3B")


@pytest.fixture(scope="module")
def without(tmp_path_factory, images):
    """The others, trained without the network that diverges."""
    runs = tmp_path_factory.mktemp("without")
    trainer.train(tiny.make_job(runs, images, OTHERS, tiny.LONG_RECIPE))
    return runs


def assert_others_unchanged(without, runs):
    tiny.assert_same_runs(without, runs, OTHERS)
    assert all(tiny.record_of(runs, name).status == "finished" for name in OTHERS)


def test_a_network_that_starts_too_large_diverges_alone(
    tmp_path, images, without, monkeypatch
):
    start = surgery.starting_weights

    def too_large(treatment, *arguments):
        weights = start(treatment, *arguments)
        if str(treatment) == "baseB":
            weights = {k: v * np.float32(1e12) for k, v in weights.items()}
        return weights

    monkeypatch.setattr(surgery, "starting_weights", too_large)
    trainer.train(
        tiny.make_job(tmp_path, images, ("R7B", "baseB", "R3B"), tiny.LONG_RECIPE)
    )
    assert_others_unchanged(without, tmp_path)
    record = tiny.record_of(tmp_path, "baseB")
    assert (record.status, record.steps, record.loss) == ("diverged", 1, None)
    assert (record.top1, record.weights_sha256) == (0.0, "")
    assert len(record.history) == 1
    assert not tiny.folder_of(tmp_path, "baseB").joinpath("weights.npz").exists()
    with pytest.raises(UserError, match="baseB_seed3, its status is diverged"):
        trainer.train(tiny.make_job(tmp_path, images, ["B3B"]))


@pytest.mark.slow
def test_a_network_that_diverges_later_is_diverged_after_every_restart(
    tmp_path, images, without
):
    job = tiny.make_job(tmp_path, images, ("R7B", "baseB", "R3B"), tiny.LONG_RECIPE)
    tiny.stop_training(job)
    run, folder = tiny.make_run("baseB").run_id, tmp_path / "cohorts"
    ids = [each.run_id for each in job.cohort.runs]
    (path,) = folder.iterdir()
    settings = checkpoints._read(path).settings
    found = checkpoints.newest(folder, "cohort", ids, settings).checkpoint
    assert found.step == 64
    # As if the weights had grown: the loss of step 65 is not finite.
    found.arrays[f"{run}/fc8/kernel"][:] = np.inf
    checkpoints.write(folder, "cohort", found)
    tiny.stop_training(job)
    # As if the weights had become small again: later losses are finite.
    found = checkpoints.newest(folder, "cohort", ids, settings).checkpoint
    assert found.step == 100 and found.meta["validated"] == 0
    for name, array in found.arrays.items():
        if name.startswith(run) and array.dtype == np.float32 and array.ndim:
            array[:] = 0
    checkpoints.write(folder, "cohort", found)
    trainer.train(job)
    assert_others_unchanged(without, tmp_path)
    record = tiny.record_of(tmp_path, "baseB")
    assert (record.status, record.steps) == ("diverged", 65)
    assert [entry["step"] for entry in record.history] == [65]


def test_a_cohort_ends_when_all_have_diverged(tmp_path, images, monkeypatch):
    monkeypatch.setattr(stopwatch, "SECONDS_PER_REPORT", 1e-9)
    recipe = dataclasses.replace(tiny.LONG_RECIPE, learning_rate=1e30)
    steps = []
    records = trainer.train(
        tiny.make_job(tmp_path, images, ["baseA"], recipe),
        report=lambda progress: steps.append(progress.step),
    )
    (record,) = records
    assert record.status == "diverged"
    # The first step makes the weights too large for the second.
    assert record.steps == 2
    assert len(steps) < 5
    assert tiny.record_of(tmp_path, "baseA").history == record.history


def test_networks_with_a_weight_that_is_not_finite_have_diverged(
    tmp_path, images, monkeypatch
):
    values = {"baseB": np.nan, "R4B": np.inf, "R5B": -np.inf}
    conclude = trainer.conclude

    def broken(job, setup, *rest, **options):
        for name, value in values.items():
            weights = setup.model.weights(name)
            kernel = weights["fc7/kernel"] = weights["fc7/kernel"].copy()
            kernel[-1, -1] = value
            setup.model.assign(name, weights)
        return conclude(job, setup, *rest, **options)

    # After the last loss: ReLU drops a NaN on some processors and keeps it on others.
    monkeypatch.setattr(trainer, "conclude", broken)
    *broken_ones, other = trainer.train(
        tiny.make_job(tmp_path, images, [*values, "R3B"])
    )
    for record in broken_ones:
        assert record.loss is not None and record.history[-1]["train_loss"] is not None
        assert (record.status, record.weights_sha256) == ("diverged", "")
    assert other.status == "finished"
    (path,) = tmp_path.glob("*/weights.npz")
    assert path.parent == tiny.folder_of(tmp_path, "R3B")


def test_steps_are_counted_up_to_the_first_loss_that_is_not_finite():
    value = keras.Input((1,))
    model = TrainingModel(inputs=value, outputs=value)
    model.make_totals(3)
    for losses in ([1, 1, 1], [1, np.inf, 1], [1, 1, np.nan], [1, -np.inf, 1]):
        model.totals.update_state({"loss": np.array(losses, np.float32)}, 4)
    assert np.array(model.totals.finite).tolist() == [4, 1, 2]
    model.totals.reset_state()
    assert np.array(model.totals.finite).tolist() == [0, 0, 0]
