"""Outputs of frozen layers computed once: the weights have the same bits.

The networks have dropout; their crops are mirrored, so an image has 18 views. Batches
are of sizes at which an image's place in them does not matter.
"""

import dataclasses
import shutil

import commands
import numpy as np
import pytest
import tiny

from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.models import feature_rule
from yosinski_tf.models.place_in_batch import place_matters
from yosinski_tf.training import cohort_setup, trainer

# Without AVX-512 oneDNN multiplies six rows at a time: of such batches none remains.
IMAGE_MEAN = dataclasses.replace(tiny.RECIPE, mean="image", batch_size=6)
# Two trunks, a network that needs images, dropout in a trunk and above it.
COHORT = ("A2B", "A7B", "B6B", "B1B+")


@pytest.fixture(scope="module")
def bases(tmp_path_factory, images):
    runs = tmp_path_factory.mktemp("bases")
    for base in ("baseA", "baseB"):
        trainer.train(tiny.make_job(runs, images, [base], IMAGE_MEAN))
    return runs


def train(runs, images, names, mode, recipe=IMAGE_MEAN, bases=None, **changes):
    if bases:
        shutil.copytree(bases, runs)
    job = tiny.make_job(runs, images, names, recipe)
    job = dataclasses.replace(job, feature_cache=mode, **changes)
    trainer.train(job)
    return runs


@pytest.fixture(scope="module")
def plain(tmp_path_factory, images, bases):
    runs = tmp_path_factory.mktemp("plain") / "runs"
    return train(runs, images, COHORT, "off", bases=bases)


def test_the_place_does_not_matter_in_the_batches_of_these_tests():
    for recipe in (IMAGE_MEAN, tiny.LONG_RECIPE):
        assert not place_matters(tiny.NETWORK, recipe, range(1, 7)), (
            "choose another size"
        )


def test_a_cohort_ends_with_the_same_weights(tmp_path, images, bases, plain, capfd):
    runs = train(tmp_path / "runs", images, COHORT, "on", bases=bases)
    tiny.assert_same_runs(runs, plain, COHORT)
    for name in COHORT:
        record = tiny.record_of(runs, name)
        assert record.cohort["kept_layers"] == {"A": ["conv2", "conv5"], "B": ["conv5"]}
        assert record.frozen_sha256_before == record.frozen_sha256_after
        kept = tiny.record_of(plain, name).cohort["kept_layers"]
        assert kept == {"A": [], "B": []}
    told = capfd.readouterr().out
    assert "frozen stages computed once: conv2, conv5 of A (saves" in told


def test_so_does_a_network_alone_that_sees_no_image(tmp_path, images, bases, plain):
    runs = train(tmp_path / "runs", images, ["A7B"], "on", bases=bases)
    tiny.assert_same_runs(runs, plain, ["A7B"])


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [6, pytest.param(8, marks=pytest.mark.slow)])
def test_auto_changes_no_bit_on_any_processor(
    tmp_path, images, bases, monkeypatch, batch_size
):
    # As if keeping cost nothing; 170 batches have more images than there are views.
    for cost in ("LEAST_SAVED", "_FETCHED", "_STORED", "_COMPILED"):
        monkeypatch.setattr(feature_rule, cost, 0)
    recipe = dataclasses.replace(IMAGE_MEAN, batch_size=batch_size, steps=170)
    names = ["A7B", "A2B"]
    runs, plain = (
        train(tmp_path / mode, images, names, mode, recipe, bases)
        for mode in ("auto", "off")
    )
    tiny.assert_same_runs(runs, plain, names)
    exact = not place_matters(tiny.NETWORK, recipe, (2, 5))
    kept = tiny.record_of(runs, "A7B").cohort["kept_layers"]
    assert kept == {"A": ["conv2", "conv5"] if exact else []}


# Computing the outputs takes 28 batches of training images and one of validation.
@pytest.mark.parametrize(
    "answers, step", [(1, 0), pytest.param(30, 100, marks=pytest.mark.slow)]
)
def test_a_stopped_training_computes_them_again(tmp_path, images, answers, step):
    # Mirrored without crops: two views.
    recipe = dataclasses.replace(tiny.LONG_RECIPE, crop_size=18)
    plain = train(tmp_path / "plain", images, ["R6B", "R3B"], "off", recipe)
    job = dataclasses.replace(
        tiny.make_job(tmp_path / "parts", images, ["R6B", "R3B"], recipe),
        feature_cache="on",
    )
    tiny.stop_training(job, answers)
    assert [*tiny.checkpoint_steps(job.runs)] == [step]
    trainer.train(job)
    tiny.assert_same_runs(job.runs, plain, ["R6B", "R3B"])


def set_up(job):
    setup = cohort_setup.set_up(job)
    return setup.model, {s: kept.stages for s, kept in setup.kept_features.items()}


def test_a_cohort_that_needs_no_image_gets_none(tmp_path, images, bases):
    shutil.copytree(bases, tmp_path / "runs")
    network = get_network("mini", widths=(4, 4, 4, 4, 4, 8, 8), dropout=0.0, lrn=True)
    job = tiny.make_job(tmp_path / "runs", images, ["A7B", "A2B"], IMAGE_MEAN)
    job = dataclasses.replace(job, feature_cache="on")
    names = ["features_0", "features_1", "indices"]
    for described, kept in ((tiny.NETWORK, (2, 5)), (network, (2, 7))):
        model, found = set_up(dataclasses.replace(job, network=described))
        assert found == {"A": kept}
        assert [value.name for value in model.training.inputs] == names
        assert not model.extractors[0].needs_images
    job = dataclasses.replace(
        tiny.make_job(tmp_path / "runs", images, ["R1B", "baseB"], IMAGE_MEAN),
        feature_cache="on",
    )
    model, _ = set_up(job)
    names = ["images", "places", "features_0", "indices"]
    assert [value.name for value in model.training.inputs] == names


def test_kept_outputs_leave_the_network_whole(tmp_path, images, bases):
    shutil.copytree(bases, tmp_path / "runs")
    job = tiny.make_job(tmp_path / "runs", images, ["A7B"], IMAGE_MEAN)
    found = []
    for mode in ("on", "off"):
        model, _ = set_up(dataclasses.replace(job, feature_cache=mode))
        pixels = np.random.default_rng(1).integers(0, 256, (3, 16, 16, 3), np.uint8)
        found.append(np.asarray(model.single("A7B")(pixels)))
        assert set(model.weights("A7B")) == set(tiny.weights_of(bases, "baseA"))
    assert (found[0] == found[1]).all()


def test_an_accelerator_keeps_nothing_by_default(tmp_path, images, monkeypatch):
    recipe = dataclasses.replace(
        tiny.RECIPE, steps=10**7, rate_drops=(), validate_every=10**6
    )
    job = tiny.make_job(tmp_path, images, ["R5B"], recipe)
    assert set_up(job)[1] == {"R": (5,)}
    monkeypatch.setattr(cohort_setup, "accelerators", lambda: ["GPU"])
    assert set_up(job)[1] == {"R": ()}
    job = dataclasses.replace(job, feature_cache="on")
    assert set_up(job)[1] == {"R": (5,)}


@pytest.mark.slow
def test_the_flag_changes_no_weight(tmp_path):
    images = commands.draw_folder(tmp_path / "images", 4)
    found = {}
    for mode in ("on", "off"):
        runs = tmp_path / mode
        done = commands.run(
            "random",
            f"--runs={runs}",
            f"--dataset=folder:{images}",
            "--treatments=R6B",
            "--mirror",
            "--dropout=0.4",
            f"--feature_cache={mode}",
            *commands.TINY,
        )
        assert done.returncode == 0, done.stderr
        (record,) = runs.glob("*/record.json")
        found[mode] = np.load(record.parent / "weights.npz")
        kept = '"conv5"' in record.read_text().partition("kept_layers")[2]
        assert kept == (mode == "on")
    tiny.assert_same(*(dict(found[mode]) for mode in ("on", "off")))
