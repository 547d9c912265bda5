"""Outputs of frozen stages of a Keras network kept, in memory and on disk.

The trunk has batch normalisation, and layers that would drop something if it were
trained. Batches are of a size at which an image's place in them does not matter.
"""

import dataclasses
import shutil

import pytest
import tiny
import tiny_keras

from yosinski_tf.models.place_in_batch import place_matters
from yosinski_tf.training import cohort_setup, trainer

# Nine views of an image.
RECIPE = dataclasses.replace(tiny_keras.RECIPE, mirror=False)
NAMES = ["P1B", "P3B"]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    tiny_keras.give_source(folder, tiny_keras.resnet())
    return folder


def make_job(runs, source, images, mode, names=NAMES):
    shutil.copytree(source, runs)
    network = tiny_keras.resnet()
    return tiny_keras.make_job(
        runs, images, network, names, RECIPE, source=True, feature_cache=mode
    )


@pytest.fixture(scope="module")
def plain(tmp_path_factory, source, images):
    """The study folder of a training that keeps nothing."""
    runs = tmp_path_factory.mktemp("plain") / "runs"
    trainer.train(make_job(runs, source, images, "off"))
    return runs


def test_the_place_does_not_matter_in_the_batches_of_these_tests():
    assert not place_matters(tiny_keras.resnet(), RECIPE, (1, 3)), "choose another size"


# On disk are two outputs for training and two for validation.
@pytest.mark.parametrize(
    "memory, files",
    [
        pytest.param(10**9, 0, id="memory", marks=pytest.mark.slow),
        pytest.param(0, 4, id="disk"),
    ],
)
def test_kept_outputs_change_no_bit(
    tmp_path, source, images, plain, monkeypatch, memory, files
):
    monkeypatch.setattr(cohort_setup, "available_memory", lambda: memory)
    runs, seen = tmp_path / "runs", []

    def look():
        # They have no name.
        with open("/proc/self/maps") as maps:
            found = [line for line in maps if str(runs) in line]
        seen.append(sum("(deleted)" in line for line in found))
        return False

    trainer.train(make_job(runs, source, images, "on"), should_stop=look)
    tiny.assert_same_runs(plain, runs, NAMES)
    for name in NAMES:
        kept = tiny.record_of(runs, name).cohort["kept_layers"]
        assert kept == {"P": ["stem_conv", "block2"]}
    assert seen[-1] == files


@pytest.mark.slow
@pytest.mark.parametrize("memory", [10**9, 0], ids=["memory", "disk"])
# Computing the outputs takes 83 batches of training images and one of validation.
@pytest.mark.parametrize("answers, step", [(1, 0), (85, 4)])
def test_a_stopped_training_ends_with_the_same_bits(
    tmp_path, source, images, plain, monkeypatch, memory, answers, step
):
    monkeypatch.setattr(cohort_setup, "available_memory", lambda: memory)
    runs = tmp_path / "runs"
    job = make_job(runs, source, images, "on")
    tiny.stop_training(job, answers)
    assert [*tiny.checkpoint_steps(runs)] == [step]
    trainer.train(job)
    tiny.assert_same_runs(plain, runs, NAMES)


@pytest.mark.slow
def test_kept_outputs_beside_images_change_no_bit(tmp_path, source, images):
    # A network that needs images, and one of whose trunk a copied stage is left out.
    names = ["baseB", "P2B~1"]
    plain, runs = (tmp_path / mode for mode in ("off", "on"))
    for folder in (plain, runs):
        trainer.train(make_job(folder, source, images, folder.name, names))
    tiny.assert_same_runs(plain, runs, names)
    assert tiny.record_of(runs, "P2B~1").cohort["kept_layers"] == {"P": ["block1"]}
