"""The same study under Keras' JAX backend, through the binaries."""

import importlib.util
import json

import commands
import numpy as np
import pytest

# With larger steps, differences of rounding would grow without limit.
SMOOTH = [*commands.TINY, "--learning_rate=0.002", "--dropout=0.4", "--processes=2"]
TREATMENTS = ("baseB", "R2B", "B7B+")


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    if importlib.util.find_spec("jax") is None:
        pytest.skip("needs JAX: pip install 'yosinski_tf[jax]'")
    folder = tmp_path_factory.mktemp("backends")
    images = commands.draw_folder(folder / "images", 6)
    studies = {}
    for backend in ("tensorflow", "jax"):
        runs = studies[backend] = folder / backend
        done = commands.run(
            "study",
            f"--runs={runs}",
            f"--dataset=folder:{images}",
            f"--treatments={','.join(TREATMENTS)}",
            *SMOOTH,
            environment={"KERAS_BACKEND": backend},
        )
        assert done.returncode == 0, done.stderr
    return studies


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_backends_agree_to_rounding(studies, treatment):
    records, weights = {}, {}
    for backend, runs in studies.items():
        folder = runs / f"random-0_{treatment}_seed0"
        records[backend] = json.loads((folder / "record.json").read_text())
        weights[backend] = np.load(folder / "weights.npz")
        assert records[backend]["backend"] == backend
    ours, theirs = (records[backend]["history"] for backend in studies)
    for one, other in zip(ours, theirs, strict=True):
        for name in ("train_loss", "loss"):
            assert one[name] == pytest.approx(other[name], rel=1e-5)
    ours, theirs = (weights[backend] for backend in studies)
    assert ours.files == theirs.files
    for name in ours.files:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, atol=1e-6)
