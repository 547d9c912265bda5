"""One batch on two devices: the results of one, within rounding."""

import importlib.util
import json

import commands
import numpy as np
import pytest

# Where a step is large, rounding grows to anything; here it stays rounding.
SMOOTH = [*commands.TINY, "--learning_rate=0.002", "--dropout=0.4", "--threads=1"]
# Halves have 3 classes, so 9 images to validate on: one short of dividing by 2.
TREATMENTS = ("baseB", "R2B")
BACKENDS = ("tensorflow", "jax")


def train(runs, images, *more, backend="tensorflow"):
    done = commands.run(
        "study",
        f"--runs={runs}",
        f"--dataset=folder:{images}",
        f"--treatments={','.join(TREATMENTS)}",
        *SMOOTH,
        *more,
        environment={"KERAS_BACKEND": backend},
    )
    assert done.returncode == 0, done.stderr
    return done


def read(runs, treatment):
    folder = runs / f"random-0_{treatment}_seed0"
    record = json.loads((folder / "record.json").read_text())
    with np.load(folder / "weights.npz") as stored:
        return record, dict(stored)


def assert_close(ours, theirs):
    (record, weights), (other, others) = ours, theirs
    for one, two in zip(record["history"], other["history"], strict=True):
        assert one["step"] == two["step"]
        assert one["top1"] == two["top1"]
        for name in ("train_loss", "loss"):
            assert one[name] == pytest.approx(two[name], rel=1e-5)
    assert weights.keys() == others.keys()
    for name, values in weights.items():
        np.testing.assert_allclose(values, others[name], rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return commands.draw_folder(tmp_path_factory.mktemp("images") / "images", 6)


@pytest.fixture(scope="module")
def alone(tmp_path_factory, images):
    runs = tmp_path_factory.mktemp("alone")
    train(runs, images)
    return runs


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_devices_are_one_within_rounding(tmp_path, images, alone, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip("wants JAX: pip install 'yosinski_tf[jax]'")
    train(tmp_path, images, "--distribution=mirrored", "--devices=2", backend=backend)
    for treatment in TREATMENTS:
        ours = read(tmp_path, treatment)
        assert ours[0]["distribution"] == "mirrored"
        assert ours[0]["replicas"] == 2
        assert_close(ours, read(alone, treatment))
        assert read(alone, treatment)[0]["distribution"] == "none"
        assert read(alone, treatment)[0]["replicas"] == 1
