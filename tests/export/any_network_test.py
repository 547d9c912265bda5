"""Exports of networks of many kinds answer as the network that was trained.

Every network is exported twice: as a SavedModel and as a `.keras` file.
"""

import dataclasses
import functools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from any_network import MARGIN, NAMES, draw_weights, finish_run, read_network
from commands import python

from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.export import keras_model, saved_model
from yosinski_tf.models import cohort
from yosinski_tf.models.network_reading import describe
from yosinski_tf.models.plain_network import plain_network
from yosinski_tf.study.finished_run import read_finished_run

WIDTHS = (4, 8, 8, 8, 8, 12, 8)
RESNET = "resnet_mini(width=8,blocks=1,dropout=0.3,stochastic_depth=0.4)"
MEAN = [100.5, 110.25, 120.0]


def exported_before():
    """A network of which an export is the source: its layers have the same names."""
    network = read_network(RESNET, 32, "torch")
    model = plain_network(
        network, draw_weights(network, 32), input_size=32, num_classes=5, mean=MEAN
    )
    return describe(model, name="file:exported.keras", pixels="own")


# With the side of the crops and the mean.
QUICK = {
    "mini": (
        functools.partial(get_network, "mini", widths=WIDTHS, lrn=True, num_outputs=9),
        *(32, "pixel"),
    ),
    # All three of its poolings reach over the border.
    "resnet_mini": (functools.partial(read_network, RESNET, 32), 32, "image"),
}
SLOW = {
    "caffenet at 71": (
        functools.partial(get_network, "caffenet", widths=WIDTHS, num_outputs=7),
        *(71, "pixel"),
    ),
    "mini with ELU": (
        functools.partial(get_network, "mini", widths=WIDTHS, activation="elu"),
        *(31, "image"),
    ),
    "caffenet": (
        functools.partial(get_network, "caffenet", widths=WIDTHS),
        *(67, "image"),
    ),
    "caffe": (functools.partial(read_network, RESNET, 32, "caffe"), 32, "pixel"),
    "exported before": (exported_before, 32, "pixel"),
    "MobileNetV2": (
        functools.partial(read_network, "keras:MobileNetV2(alpha=0.35)", 32),
        *(32, "pixel"),
    ),
    "MobileNetV3Small": (
        functools.partial(read_network, "keras:MobileNetV3Small(alpha=0.35)", 32),
        *(32, "pixel"),
    ),
}
NETWORKS = {**QUICK, **SLOW}
NAMES_OF_NETWORKS = [
    *QUICK,
    *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW),
]
_WITH_KERAS_ALONE = """
import json, pathlib, sys
import keras, numpy as np
for folder in sys.argv[1:]:
    folder = pathlib.Path(folder)
    model = keras.models.load_model(folder / "model.keras")
    images = np.load(folder / "images.npy")
    assert images.dtype == np.uint8
    answers = [model.predict(images, verbose=0), model(images.astype("float32"))]
    np.savez(folder / "answers.npz", *answers)
    (folder / "about.json").write_text(json.dumps({
        "input": model.input.name,
        "output": model.output_names,
        "nested": [each.name for each in model.layers if hasattr(each, "layers")],
        "frozen": [e.name for e in model.layers if e.weights and not e.trainable],
        "values": sum(each.size for each in model.get_weights()),
    }))
assert not {"yosinski_tf"} & {name.split(".")[0] for name in sys.modules}
"""


@dataclasses.dataclass(frozen=True, eq=False)
class Exported:
    """Two exports of a run, and what they are compared with.

    Attributes:
      logits: Of the network that was trained, for the classes.
      saved: The loaded SavedModel.
      answer: What it answers.
      probabilities: Of the `.keras` file, from uint8 and from float32.
      about: What Keras sees in the file.
    """

    network: object
    weights: dict
    logits: np.ndarray
    saved: object
    answer: dict
    probabilities: list
    about: dict


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Exports a network, with those that are as quick."""

    @functools.cache
    def export(group):
        folders = {name: tmp_path_factory.mktemp("export") for name in group}
        for name, folder in folders.items():
            _export(folder, *NETWORKS[name])
        done = python(_WITH_KERAS_ALONE, *map(str, folders.values()), cwd="/")
        assert done.returncode == 0, done.stderr
        return {name: _compared(folder) for name, folder in folders.items()}

    return lambda name: export(tuple(QUICK if name in QUICK else SLOW))[name]


def _export(folder, make, side, mean):
    made = finish_run(folder, make(), side, mean)
    saved_model.export(folder, made.run_id, folder / "model")
    keras_model.export(folder, made.run_id, folder / "model.keras")
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (4, side, side, 3), np.uint8)
    np.save(folder / "images.npy", images)


def _compared(folder):
    (record,) = folder.glob("*/record.json")
    run = read_finished_run(folder, record.parent.name)
    images = np.load(folder / "images.npy")
    model = cohort.build_network(
        run.network, run.weights, input_size=images.shape[1], mean=run.mean
    )
    logits = keras.ops.convert_to_numpy(model(images, training=False))
    saved = tf.saved_model.load(str(folder / "model"))
    margin = (0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)
    with np.load(folder / "answers.npz") as answers:
        probabilities = [answers[name] for name in answers.files]
    return Exported(
        run.network,
        run.weights,
        logits[:, : len(NAMES)],
        saved,
        saved.signatures["serving_default"](images=tf.constant(np.pad(images, margin))),
        probabilities,
        json.loads((folder / "about.json").read_text()),
    )


@pytest.mark.parametrize("name", NAMES_OF_NETWORKS)
def test_a_saved_model_has_the_answers_and_the_variables_of_the_run(exported, name):
    found = exported(name)
    np.testing.assert_allclose(found.answer["logits"], found.logits, 1e-6, 1e-5)
    # Different images, different answers.
    assert np.ptp(found.logits, axis=0).max() > 0.01
    assert set(found.saved.weights) == set(found.weights)
    for key, values in found.weights.items():
        np.testing.assert_array_equal(found.saved.weights[key], values)


@pytest.mark.parametrize("name", NAMES_OF_NETWORKS)
def test_keras_alone_answers_as_the_saved_model(exported, name):
    found = exported(name)
    for probabilities in found.probabilities:
        np.testing.assert_allclose(
            probabilities, found.answer["probabilities"], rtol=0, atol=1e-5
        )
        np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES_OF_NETWORKS)
def test_keras_sees_the_layers_of_the_run(exported, name):
    found = exported(name)
    about = found.about
    assert (about["input"], about["output"]) == ("images", ["probabilities"])
    assert about["nested"] == []
    values = sum(each.size for each in found.weights.values())
    _, side, mean = NETWORKS[name]
    if mean == "image":
        # With a variance each, and a count.
        values += 2 * 3 * side**2 + 1
    assert about["values"] == values
    assert {*about["frozen"]} == {*found.network.layers_below(2)}
