"""A batch on two devices gives the results of one device, within rounding."""

import importlib.util
import json

import commands
import numpy as np
import pytest

# With larger steps, differences of rounding would grow without limit.
SMOOTH = [*commands.TINY, "--learning_rate=0.002", "--dropout=0.4", "--threads=1"]
# Halves have 3 classes, so 9 validation images: they do not divide by 2.
TREATMENT = "baseB"


def train(runs, images, *more, backend="tensorflow"):
    environment = {"KERAS_BACKEND": backend}
    flags = [*arguments(runs, images), *more]
    done = commands.run("base", *flags, environment=environment)
    assert done.returncode == 0, done.stderr
    return read(runs)


def arguments(runs, images, settings=(f"--treatments={TREATMENT}", *SMOOTH)):
    return [f"--runs={runs}", f"--dataset=folder:{images}", *settings]


def read(runs, treatment=TREATMENT):
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
    trained = train(tmp_path_factory.mktemp("alone"), images)
    assert trained[0]["distribution"] == "none"
    assert trained[0]["replicas"] == 1
    return trained


@pytest.mark.parametrize(
    "backend", ["tensorflow", pytest.param("jax", marks=pytest.mark.slow)]
)
def test_two_devices_give_the_results_of_one(tmp_path, images, alone, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip("needs JAX: pip install 'yosinski_tf[jax]'")
    mirrored = ("--distribution=mirrored", "--devices=2")
    trained = train(tmp_path, images, *mirrored, backend=backend)
    assert trained[0]["distribution"] == "mirrored"
    assert trained[0]["replicas"] == 2
    assert trained[0]["backend"] == backend
    assert_close(trained, alone)


MASKS = """
import keras, numpy as np, tensorflow as tf
from yosinski_tf.models.cohort import build_cohort
from yosinski_tf.models.cohort_graph import Member
from yosinski_tf.models.network_reading import describe
from yosinski_tf.training.shared_batch import Distribution
from yosinski_tf.training.distribution import make_devices

devices = make_devices(Distribution("mirrored", devices=2))
image = keras.Input((8, 8, 3))
x = keras.layers.Conv2D(4, 3, 2)(image)
x = keras.layers.Conv2D(4, 3, 1)(x)
x = keras.layers.Dropout(0.5)(keras.layers.Flatten()(x))
network = describe(keras.Model(image, keras.layers.Dense(2)(x)), name="small")
with devices.scope():
    members = [Member("alone", None, 0, "alone")]
    sizes = {"input_size": 8, "num_classes": 2, "mean": [0.0] * 3}
    cohort = build_cohort(network, members, **sizes)
    devices.adopt(cohort)
    inputs = [np.full((2, 8, 8, 3), 200, np.uint8), np.full((2, 2), 7, np.int32)]
    strategy = tf.distribute.get_strategy()

    @tf.function
    def logits():
        return strategy.run(lambda: cohort.training(inputs, training=True)["000"])

    found = [strategy.experimental_local_results(logits()) for _ in range(2)]
for one, other in found:
    print(bool(np.allclose(one, other)))
print(bool(np.array_equal(found[0][0], found[1][0])))
"""


@pytest.mark.slow
def test_each_device_draws_masks_of_its_own_in_a_given_network():
    done = commands.python(MASKS, check=True)
    # The last: the same step has the same masks again.
    assert done.stdout.split() == ["False", "False", "True"]
