"""A finished run as a `.keras` file: its files, its layers, what it refuses."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from any_network import NAMES, draw_weights, finish_run
from commands import succeed
from keras import layers

from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.export import keras_model
from yosinski_tf.models import keras_file
from yosinski_tf.models.network_reading import describe
from yosinski_tf.models.plain_network import plain_network
from yosinski_tf.system.errors import UserError

RUN = "random-0-A2B-s0"
NETWORK = get_network("mini", widths=(4, 6, 6, 6, 6, 12, 8), lrn=True, dropout=0.3)


@keras.saving.register_keras_serializable("export_test")
class Doubled(layers.Layer):
    """A layer that Keras does not have."""

    def call(self, value):
        return 2 * value


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    finish_run(folder, NETWORK, 32)
    return folder


@pytest.fixture(scope="module")
def file(runs):
    return keras_model.export(runs, RUN, runs / "export" / f"{RUN}.keras")


def test_a_file_and_its_description(file, runs):
    assert file == runs / "export" / f"{RUN}.keras"
    about = file.with_name(f"{RUN}.export.json")
    assert {*file.parent.iterdir()} == {file, about}
    fields = json.loads(about.read_text())
    assert fields["class_names"] == NAMES
    assert fields["run_id"] == RUN
    assert (fields["image_size"], fields["crop_size"]) == (36, 32)


def test_every_layer_of_the_run_has_a_layer_of_keras_under_its_name(file):
    model = keras.models.load_model(file)
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}
    kinds = {layer.name: type(layer).__name__ for layer in model.layers}
    assert kinds["conv1"] == "Conv2D"
    assert kinds["conv1_pool"] == "MaxPooling2D"
    assert kinds["conv1_norm"] == "Multiply"
    assert kinds["fc6_dropout"] == "Dropout"
    assert model.get_layer("fc6_dropout").rate == 0.3
    weights = draw_weights(NETWORK, 32)
    assert len(model.weights) == len(weights) == 16
    np.testing.assert_array_equal(model.get_layer("fc7").bias, weights["fc7/bias"])


def test_groups_of_channels_stay():
    network = get_network("caffenet", widths=(4, 8, 8, 8, 8, 12, 8))
    model = plain_network(
        network,
        draw_weights(network, 67),
        input_size=67,
        num_classes=5,
        mean=[100.0, 110.0, 120.0],
    )
    assert [model.get_layer(f"conv{n}").groups for n in (1, 2, 3, 4, 5)] == [
        *(1, 2, 1, 2, 2)
    ]
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}


def test_the_file_trains_what_the_run_trained(file):
    model = keras.models.load_model(file)
    before = {layer.name: layer.get_weights() for layer in model.layers}
    model.compile("sgd", "sparse_categorical_crossentropy")
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    model.fit(images, np.array([0, 1, 2, 3]), verbose=0)
    moved = {
        layer.name
        for layer in model.layers
        for old, new in zip(before[layer.name], layer.get_weights(), strict=True)
        if not np.array_equal(old, new)
    }
    assert moved == {"conv3", "conv4", "conv5", "fc6", "fc7", "fc8"}


def test_the_file_can_be_the_source_of_another_study(file):
    network = describe(keras_file.load(str(file)), name="file", stages="block")
    assert network.classifier == "fc8"
    assert "conv1" in network.layers_below(1)


def test_exporting_again_does_nothing(file, runs):
    before = file.stat().st_mtime_ns
    assert keras_model.export(runs, RUN, file) == file
    assert file.stat().st_mtime_ns == before


def test_what_else_lies_there_is_left_alone(runs, tmp_path):
    for name in ("model.keras", "model.export.json"):
        (tmp_path / name).write_text("mine")
        with pytest.raises(UserError, match=f"{name} holds something else than"):
            keras_model.export(runs, RUN, tmp_path / "model.keras")
        assert [path.name for path in tmp_path.iterdir()] == [name]
        assert (tmp_path / name).read_text() == "mine"
        (tmp_path / name).unlink()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="cannot write the export .* with room"):
        keras_model.export(runs, RUN, tmp_path / "file" / "model.keras")


def test_a_full_disk_leaves_nothing_behind(runs, tmp_path, monkeypatch):
    def save(model, path):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Model, "save", save)
    with pytest.raises(UserError, match="write out.keras .No space left on device"):
        keras_model.export(runs, RUN, tmp_path / "out.keras")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("activation", [None, "own"])
def test_classes_and_functions_of_the_user_are_refused(tmp_path, activation):
    @keras.saving.register_keras_serializable("export_test")
    def own(value):
        return keras.ops.relu(value)

    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(2, 3, 2, activation=own if activation else "relu")(image)
    x = layers.Conv2D(2, 3, 2)(x if activation else Doubled()(x))
    x = layers.GlobalAveragePooling2D()(x)
    network = describe(keras.Model(image, layers.Dense(4)(x)), name="python:a:b")
    finish_run(tmp_path, network, 16)
    words = "own layers, found export_test>own" if activation else "found Doubled of "
    with pytest.raises(UserError, match=f"{words}.*in python:a:b: export a SavedModel"):
        keras_model.export(tmp_path, RUN, tmp_path / "model.keras")
    assert not (tmp_path / "model.keras").exists()


def test_windows_that_keras_cannot_place_are_refused():
    first, *others = NETWORK.layers
    caffe, *_ = get_network("caffenet", lrn=False).layers
    odd = dataclasses.replace(caffe, pool=5, filters=4)
    network = dataclasses.replace(NETWORK, layers=(odd, *others))
    with pytest.raises(UserError, match="found conv1_pool with windows of 5 pixels on"):
        plain_network(
            network,
            draw_weights(network, 65),
            input_size=65,
            num_classes=5,
            mean=[1.0, 2.0, 3.0],
        )


@pytest.mark.slow
def test_the_command_exports_a_file(runs, tmp_path):
    out = tmp_path / "model.keras"
    arguments = f"--runs={runs}", f"--run={RUN}", f"--out={out}"
    done = succeed("export", *arguments, "--format=keras")
    assert f"keras.models.load_model('{out}')" in done.stdout
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"model.keras", "model.export.json"}
