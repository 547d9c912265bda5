"""A network of Keras under the JAX backend, through the binaries."""

import importlib.util
import json

import commands
import numpy as np
import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("jax") is None,
        reason="needs JAX: pip install 'yosinski_tf[jax]'",
    ),
]
NETWORK = "resnet_mini(blocks=1,width=8,dropout=0.4,stochastic_depth=0.5)"
# With larger steps, differences of rounding would grow.
FLAGS = (
    *("--image_size=16", "--stages=block", "--steps=6", "--batch_size=6"),
    *("--validate_every=6", "--learning_rate=0.002", "--precision=float32"),
)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return commands.draw_folder(tmp_path_factory.mktemp("images") / "images", 6)


def train(runs, images, treatments):
    """Trains; returns the weights by treatment."""
    commands.succeed(
        "study",
        f"--runs={runs}",
        f"--dataset=folder:{images}",
        f"--network={NETWORK}",
        f"--treatments={','.join(treatments)}",
        *FLAGS,
        environment={"KERAS_BACKEND": "jax"},
    )
    found = {}
    for name in treatments:
        folder = runs / f"random-0_{name}_seed0"
        record = json.loads((folder / "record.json").read_text())
        assert (record["backend"], record["status"]) == ("jax", "finished")
        found[name] = dict(np.load(folder / "weights.npz"))
    return found


def test_what_is_dropped_follows_from_network_and_step(tmp_path, images):
    together = train(tmp_path / "together", images, ["baseB", "R2B", "B3B"])
    alone = train(tmp_path / "alone", images, ["baseB"])
    for name, values in together["baseB"].items():
        # JAX compiles another program for a cohort, which rounds otherwise; with other
        # masks, most weights would differ in their second digit.
        np.testing.assert_allclose(
            values, alone["baseB"][name], rtol=1e-3, atol=1e-5, err_msg=name
        )
    frozen = [name for name in together["B3B"] if name.startswith(("stem", "block1"))]
    assert len(frozen) == 15
    for name in frozen:
        assert (together["B3B"][name] == together["baseB"][name]).all(), name
