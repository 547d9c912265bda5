"""Files that others wrote: what is read, what is refused, and that nothing runs."""

import json
import os
import sys
import zipfile

import keras
import numpy as np
import pytest
from refusals import assert_refused

from yosinski_tf.models import keras_archive, keras_file


@keras.saving.register_keras_serializable("test_keras_file")
class Registered(keras.layers.Layer):
    def call(self, inputs):
        return inputs


class Unregistered(keras.layers.Layer):
    def call(self, inputs):
        return inputs


def custom(inputs):
    return inputs


def custom_loss(truth, answers):
    return keras.ops.sum(answers - truth)


def save(folder, *layers, name="a.keras", side=6):
    """Saves a model with some layers between its input and its classifier."""
    x = inputs = keras.Input((side, side, 3))
    for layer in layers:
        x = layer(x)
    outputs = keras.layers.Dense(2)(keras.layers.Flatten()(x))
    model = keras.Model(inputs, outputs)
    path = str(folder / name)
    model.save(path)
    return path, model


def rewritten(path, change):
    """Changes the description in a file."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    change(config)
    with zipfile.ZipFile(path, "w") as archive:
        for name, values in members.items():
            data = json.dumps(config) if name == "config.json" else values
            archive.writestr(name, data)
    return path


def test_a_model_gives_the_same_numbers_as_before(tmp_path):
    layers = keras.layers
    nested = keras.Sequential([keras.Input((6, 6, 3)), layers.BatchNormalization()])
    path, model = save(
        tmp_path,
        layers.Rescaling(1 / 255),
        nested,
        Registered(),
        layers.Conv2D(4, 3, activation="gelu", kernel_regularizer="l2"),
        layers.Activation(keras.activations.silu),
        lambda x: keras.ops.sqrt(keras.ops.abs(x * 2)),
    )
    images = np.random.default_rng(0).integers(0, 256, (2, 6, 6, 3), np.uint8)
    loaded = keras_file.load(path)
    np.testing.assert_array_equal(loaded(images), model(images))
    assert not loaded.compiled


def test_losses_of_the_users_own_are_left_out(tmp_path):
    path, model = save(tmp_path)
    model.compile("sgd", loss=custom_loss)
    model.save(path)
    assert not keras_file.load(path).compiled


def test_a_lambda_is_refused_and_does_not_run(tmp_path):
    witness = str(tmp_path / "ran")
    leave = keras.layers.Lambda(lambda x: (open(witness, "w"), x)[1], name="leave")
    path, _ = save(tmp_path, leave, keras.layers.Conv2D(4, 3))
    os.remove(witness)  # It is there, since the layer ran here.
    assert_refused(
        "without code of its own, found a.keras with the layer leave of the class"
        " Lambda",
        keras_file.load,
        path,
    )
    assert not os.path.exists(witness)


def test_a_lambda_in_a_nested_model_is_refused(tmp_path):
    inner = keras.Sequential(
        [keras.Input((6, 6, 3)), keras.layers.Lambda(custom, name="deep")]
    )
    path, _ = save(tmp_path, inner)
    assert_refused("the layer deep of the class Lambda", keras_file.load, path)


def test_a_layer_that_loads_another_file_is_refused(tmp_path):
    def change(config):
        described = config["config"]["layers"][1]
        described["class_name"] = "TFSMLayer"
        described["config"] = {"name": "other", "filepath": "/somewhere"}

    path = rewritten(save(tmp_path)[0], change)
    assert_refused("the layer other of the class TFSMLayer", keras_file.load, path)


@pytest.mark.parametrize(
    "layer, words",
    [
        (
            Unregistered(),
            "a.keras needs the class Unregistered of the module .*keras_file_test",
        ),
        (
            keras.layers.Activation(custom),
            "needs the function custom, which Keras does not have: register it"
            " with keras.saving.register_keras_serializable in the module of"
            " --network=python:",
        ),
    ],
)
def test_what_is_not_of_keras_is_refused(tmp_path, layer, words):
    path, _ = save(tmp_path, layer)
    assert_refused(words, keras_file.load, path)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.classifier = keras.layers.Dense(2)

    def call(self, inputs):
        return self.classifier(keras.ops.mean(inputs, (1, 2)))


def test_a_subclassed_model_needs_no_registration_but_a_graph(tmp_path):
    model, path = Subclassed(), str(tmp_path / "a.keras")
    model(np.zeros((1, 6, 6, 3)))
    model.save(path)
    words = "^needs a graph of layers, found a.keras with Subclassed, a .* copy the"
    assert_refused(words, keras_file.load, path)


def test_a_registered_name_that_is_not_registered_here(tmp_path):
    def change(config):
        config["config"]["layers"][1]["registered_name"] = "other>Registered"

    path = rewritten(save(tmp_path, Registered())[0], change)
    assert_refused("needs the class Registered", keras_file.load, path)


def test_no_module_that_a_file_names_is_imported(tmp_path, monkeypatch):
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)

    def change(config):
        described = config["config"]["layers"][1]
        described |= {"module": "evil", "registered_name": None}

    path = rewritten(save(tmp_path)[0], change)
    words = "a.keras needs the class Flatten of the module evil, which Keras"
    assert_refused(words, keras_file.load, path)
    assert "evil" not in sys.modules


def test_a_function_of_a_module_is_not_called(tmp_path):
    def change(config):
        config["config"]["layers"][-1]["config"]["activation"] = {
            "module": "os",
            "class_name": "function",
            "config": "abort",
            "registered_name": "abort",
        }

    path = rewritten(save(tmp_path)[0], change)
    assert_refused("needs the function abort of the module os", keras_file.load, path)


def test_a_description_that_keras_cannot_build_is_one_sentence(tmp_path):
    def change(config):
        config["config"]["layers"][-1]["config"]["units"] = -3

    path = rewritten(save(tmp_path)[0], change)
    words = r"a.keras, which is damaged or something else \(Keras says Received"
    assert_refused(words, keras_file.load, path)


def test_files_that_are_none(tmp_path):
    load = keras_file.load
    assert_refused("No such file", load, str(tmp_path / "b.keras"))
    assert_refused("found the folder .*: a SavedModel", load, str(tmp_path))
    assert_refused(r"found a\.h5: load it with", load, "a.h5")
    assert_refused("whose name ends in .keras, found a.pb", load, "a.pb")
    text = tmp_path / "text.keras"
    text.write_text("no zip")
    assert_refused(r"damaged .* \(File is not a zip file\)", load, str(text))
    with zipfile.ZipFile(text, "w") as archive:
        archive.writestr("config.json", "[" * 100_000)
    assert_refused("damaged or something else", load, str(text))
    with zipfile.ZipFile(text, "w") as archive:
        archive.writestr("config.json", "[1]")
    assert_refused("describes no model", load, str(text))


def test_half_a_file(tmp_path):
    path, _ = save(tmp_path)
    data = (tmp_path / "a.keras").read_bytes()
    (tmp_path / "a.keras").write_bytes(data[: len(data) // 2])
    assert_refused("damaged or something else", keras_file.load, path)


def test_weights_that_are_missing(tmp_path):
    path, _ = save(tmp_path)
    with zipfile.ZipFile(path) as archive:
        config = archive.read("config.json")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config)
    assert_refused("damaged .*model.weights.h5", keras_file.load, path)


def test_the_side_of_the_images(tmp_path):
    layers = keras.layers
    assert keras_archive.input_side(save(tmp_path, side=9)[0]) == 9
    path = str(tmp_path / "b.keras")

    def side_of(shape):
        image = keras.Input(shape)
        pooled = layers.GlobalAveragePooling2D()(image)
        keras.Model(image, layers.Dense(2)(pooled)).save(path)
        return keras_archive.input_side(path)

    assert side_of((None, None, 3)) is None
    assert side_of((8, 6, 3)) is None
    base = keras.Sequential([keras.Input((7, 7, 3)), layers.Conv2D(2, 3)])
    keras.Sequential([base, layers.Flatten(), layers.Dense(2)]).save(path)
    assert keras_archive.input_side(path) == 7
    two = [keras.Input((5, 5, 3)), keras.Input((5, 5, 3))]
    keras.Model(two, layers.Add()(two)).save(path)
    assert keras_archive.input_side(path) is None
