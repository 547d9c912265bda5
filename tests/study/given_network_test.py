"""The network and the source that a study is given, and what it starts from.

Files are models of plain Keras, trained for two steps. They are read in this process,
but for one test: a process of its own takes seconds to load TensorFlow.
"""

import concurrent.futures
import dataclasses
import json
import shutil
import sys

import keras
import numpy as np
import pytest
import tiny
import tiny_keras
from refusals import assert_refused

from yosinski_tf.data.sources import study_copy
from yosinski_tf.models import surgery
from yosinski_tf.models.resnet_mini import resnet_mini
from yosinski_tf.study import given_network, given_source, network_file
from yosinski_tf.study.folder import make_study_folder
from yosinski_tf.study.given_network import Request, resolve
from yosinski_tf.study.settings import DataSource, check_folder, make_settings
from yosinski_tf.training import cohort_setup, trainer

RESNET = resnet_mini((16, 16, 3), 7, blocks=1, width=8)
MODULE = """
import keras
from keras import layers

def build(shape, classes):
    image = keras.Input(shape)
    x = layers.Conv2D(4, 3, 2, activation="relu", name="one")(image)
    x = layers.Conv2D(6, 3, 2, activation="relu", name="two")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, layers.Dense(classes, name="out")(x))
"""


class InThisProcess(concurrent.futures.Executor):
    """Calls at once; instead of the process that reads a network."""

    def __init__(self, *arguments, **options):
        pass

    def submit(self, function, *arguments):
        future = concurrent.futures.Future()
        future.set_result(function(*arguments))
        return future


class Never(InThisProcess):
    def submit(self, function, *arguments):
        raise AssertionError("the network was read again")


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch, request):
    if "own_process" not in request.node.name:
        set_reader(monkeypatch, InThisProcess)


def set_reader(monkeypatch, reader):
    monkeypatch.setattr(given_network.concurrent.futures, "ProcessPoolExecutor", reader)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The path of a residual network that Keras trained for two steps."""
    random = np.random.default_rng(0)
    model = keras.models.clone_model(RESNET)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(
        random.normal(size=(8, 16, 16, 3)),
        random.integers(0, 7, 8),
        batch_size=4,
        verbose=0,
    )
    path = tmp_path_factory.mktemp("model") / "trained.keras"
    model.save(path)
    return path


def variables_of(path):
    """All variables of a file but the classifier's, as `layer/variable`."""
    return {
        f"{layer.name}/{variable.name}": np.asarray(variable)
        for layer in keras.models.load_model(path).layers
        for variable in layer.weights
        if layer.name != "fc"
    }


def request(network="", source="", stages="block", pixels="tf"):
    return Request(network, stages, source, pixels, 16)


def settings_of(given):
    data = DataSource("embedded", image_size=16)
    return make_settings(
        data,
        given.network,
        dataclasses.replace(tiny.RECIPE, image_size=16),
        source=given.source,
        network_request=given.request,
    )


def make_folder(runs, given, images):
    make_study_folder(runs, settings_of(given), study_copy.load(images))


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return tiny.draw_images(tmp_path_factory.mktemp("images"))


def test_a_file_brings_its_network_and_all_its_weights(tmp_path, trained):
    given = resolve(tmp_path, request(source=f"file:{trained}"))
    assert given.network.name == "file:trained.keras"
    assert given.network.stage_names == (
        "stem_conv",
        "block1",
        "block2",
        "block3",
        "fc",
    )
    assert given.network.pixels == "tf"
    assert given.source.spec == f"file:{trained}"
    assert given.source.mean is None
    weights = variables_of(trained)
    tiny.assert_same(weights, dict(given.source.weights))
    # The two steps have moved the statistics.
    assert weights["block3_conv2_bn/moving_mean"].any()
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_in_its_own_process_it_is_read_the_same(tmp_path, trained, monkeypatch):
    # Keras builds there as here, whatever its user likes.
    (tmp_path / "keras.json").write_text('{"image_data_format": "channels_first"}')
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    network = "resnet_mini(blocks=1,width=8)"
    given = resolve(tmp_path / "runs", request(network, f"file:{trained}"))
    tiny.assert_same(variables_of(trained), dict(given.source.weights))


def test_copies_start_with_the_weights_of_the_file(tmp_path, trained, images):
    given = resolve(tmp_path, request(source=f"file:{trained}"))
    given_source.save(tmp_path, given.source)
    names = ["P2B", "P2B+", "P1B~1"]
    job = tiny_keras.make_job(tmp_path, images, given.network, names, source=True)
    model = cohort_setup.set_up(job).model
    weights = variables_of(trained)
    copied = tiny_keras.below(given.network, 2, weights)
    assert len(copied) == 5 + 10 and "block1_conv2_bn/moving_variance" in copied
    for name in names:
        found = model.weights(name)
        tiny.assert_same(copied, {key: found[key] for key in copied})
        above = {key for key in weights if key.startswith("block3")}
        assert len(above) == 15
        for key in above:
            assert (found[key] != weights[key]).any(), key
    digest = surgery.digest(copied)
    assert cohort_setup.frozen_digests(job, model)[:2] == [digest, None]


@pytest.mark.slow
def test_a_record_has_the_digest_of_the_first_stages_of_the_file(
    tmp_path, trained, images
):
    given = resolve(tmp_path, request(source=f"file:{trained}"))
    given_source.save(tmp_path, given.source)
    trainer.train(
        tiny_keras.make_job(tmp_path, images, given.network, ["P2B"], source=True)
    )
    copied = tiny_keras.below(given.network, 2, variables_of(trained))
    record = tiny.record_of(tmp_path, "P2B")
    assert record.frozen_sha256_before == surgery.digest(copied)
    assert record.frozen_sha256_after == surgery.digest(copied)
    assert record.source_sha256 == given.source.sha256


def test_the_second_start_needs_the_file_no_more(
    tmp_path, trained, images, monkeypatch
):
    path, runs = tmp_path / "moved.keras", tmp_path / "runs"
    shutil.copy(trained, path)
    asked = request(source=f"file:{path}")
    first = resolve(runs, asked)
    make_folder(runs, first, images)
    set_reader(monkeypatch, Never)
    for _ in range(2):
        again = resolve(runs, asked)
        assert again.network == first.network
        assert again.source.sha256 == first.source.sha256
        tiny.assert_same(dict(first.source.weights), dict(again.source.weights))
        assert check_folder(runs, settings_of(again)) is not None
        path.unlink(missing_ok=True)


def test_the_second_start_needs_the_module_no_more(tmp_path, images, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, runs = tmp_path / "my_module.py", tmp_path / "runs"
    path.write_text(MODULE)
    asked = request("python:my_module:build")
    first = resolve(runs, asked)
    assert first.network.stage_names == ("one", "two", "out")
    assert (first.network.modules, first.source) == ((), None)
    make_folder(runs, first, images)
    path.unlink()
    del sys.modules["my_module"]
    set_reader(monkeypatch, Never)
    again = resolve(runs, asked)
    assert again.network == first.network
    assert check_folder(runs, settings_of(again)) is not None


def change_file(trained, path):
    model = keras.models.load_model(trained)
    norm = model.get_layer("block3_conv2_bn")
    norm.moving_mean.assign(norm.moving_mean + 1)
    model.save(path)


def test_a_changed_file_is_refused(tmp_path, trained, images):
    path, runs = tmp_path / "changed.keras", tmp_path / "runs"
    shutil.copy(trained, path)
    asked = request(source=f"file:{path}")
    make_folder(runs, resolve(runs, asked), images)
    change_file(trained, path)
    again = resolve(runs, asked)
    words = "was made with other settings: source was '.*', now '.*': use those"
    assert_refused(words, check_folder, runs, settings_of(again))


def test_another_cut_is_refused(tmp_path, trained, images):
    make_folder(tmp_path, resolve(tmp_path, request("resnet_mini")), images)
    again = resolve(tmp_path, request("resnet_mini", stages="block1,block2"))
    words = "was made with other settings: network.sha256 was"
    assert_refused(words, check_folder, tmp_path, settings_of(again))


@pytest.mark.parametrize(
    "stages, words",
    [
        (
            "block1,blok2",
            r"found 'blok2', .* \(did you mean block2 or .*\?\): give some of stem_",
        ),
        ("block1,block2_conv1", "found block2_conv1, around which .*: give block2_add"),
    ],
)
def test_stages_that_are_no_cuts_are_refused(tmp_path, trained, stages, words):
    asked = request(source=f"file:{trained}", stages=stages)
    assert_refused(words, resolve, tmp_path, asked)


def test_a_file_needs_to_be_told_what_its_input_is(tmp_path, trained):
    asked = request(source=f"file:{trained}", pixels="")
    assert_refused("needs --pixels, which says", resolve, tmp_path, asked)


@pytest.fixture(scope="module")
def run(tmp_path_factory, images):
    """The folder of a finished run of another study, with a mean image."""
    runs = tmp_path_factory.mktemp("runs")
    recipe = dataclasses.replace(
        tiny_keras.RECIPE, steps=1, rate_drops=(), mean="image"
    )
    network = tiny_keras.vit()
    network_file.write(runs, network, {})
    trainer.train(tiny_keras.make_job(runs, images, network, ["baseA"], recipe))
    return tiny.folder_of(runs, "baseA")


def test_a_run_brings_its_network_weights_and_mean(tmp_path, run, images):
    asked = request(source=f"run:{run}", stages="size", pixels="")
    assert given_network.own_images(tmp_path, asked) == {
        "image_size": 18,
        "crop_size": 16,
        "mean": "image",
    }
    given = resolve(tmp_path, asked)
    assert given.network == tiny_keras.vit()
    weights = surgery.read_weights(run / "weights.npz")
    tiny.assert_same(
        tiny_keras.below(given.network, 4, weights), dict(given.source.weights)
    )
    given_source.save(tmp_path, given.source)
    recipe = dataclasses.replace(tiny_keras.RECIPE, mean="image")
    record = json.loads((run / "record.json").read_text())
    mean_image = np.load(run / "mean_image.npy")
    job = tiny_keras.make_job(
        tmp_path, images, given.network, ["baseB"], recipe, source=True
    )
    setup = cohort_setup.set_up(job)
    # The mean of half A, for the networks of half B.
    assert setup.mean_pixel == pytest.approx(record["mean_pixel"], abs=1e-4)
    assert setup.mean_image.tobytes() == mean_image.tobytes()
    own = cohort_setup.set_up(dataclasses.replace(job, source=False))
    assert np.abs(own.mean_image - mean_image).max() > 1


def test_a_mean_pixel_of_the_source_is_that_of_all_networks(tmp_path, images):
    network = tiny_keras.vit()
    weights, mean = tiny_keras.drawn_weights(network), np.array([10.0, 20.0, 30.0])
    given_source.save(tmp_path, given_source.make_source("run:a/b", weights, mean))
    job = tiny_keras.make_job(tmp_path, images, network, ["P2B", "baseB"], source=True)
    setup = cohort_setup.set_up(job)
    assert (setup.mean_pixel, setup.mean_image) == ((10.0, 20.0, 30.0), None)
    assert setup.model.mean.tolist() == [10.0, 20.0, 30.0]


def test_a_run_brings_its_own_network(tmp_path, run):
    asked = request("resnet_mini", source=f"run:{run}")
    assert_refused(
        "brings its own network, .* found --network", resolve, tmp_path, asked
    )


def test_there_must_be_such_a_run(tmp_path, run):
    asked = request(source=f"run:{run.parent / 'baseZ'}", stages="size", pixels="")
    assert_refused("no finished run 'baseZ'", resolve, tmp_path, asked)
    for named in ("run:", "model.keras", "tfds:model"):
        refused = rf"--source needs file:MODEL.keras or run:.* found '{named}'"
        asked = request(source=named)
        assert_refused(refused, given_network.own_images, tmp_path, asked)


def test_a_copied_run_is_not_read_again(tmp_path, run, images):
    runs, other = tmp_path / "runs", tmp_path / "other"
    shutil.copytree(run.parent, other)
    runs.mkdir()
    asked = request(source=f"run:{other / run.name}", stages="size", pixels="")
    given = resolve(runs, asked)
    network_file.write(runs, given.network, given.request)
    given_source.save(runs, given.source)
    shutil.rmtree(other)
    again = resolve(runs, asked)
    assert again.network == given.network
    assert again.source.sha256 == given.source.sha256
    assert_refused("found --stages too", resolve, runs, request(source=asked.source))


def saved(path, *layers):
    """The path of a sequential model of these layers."""
    keras.Sequential(layers).save(path)
    return path


CONV = keras.layers.Conv2D(4, 3, 2)


@pytest.mark.parametrize(
    "layers, words",
    [
        (
            [keras.Input((16, 16, 3)), CONV, keras.layers.GlobalMaxPooling2D()],
            "network file:m.keras ends without a classifier, found conv2d",
        ),
        (
            [CONV, keras.layers.GlobalMaxPooling2D(), keras.layers.Dense(2)],
            "network file:m.keras needs the shape of its input, found a Sequential",
        ),
    ],
)
def test_a_network_that_cannot_be_used_is_refused_before_its_pixels_are_asked_for(
    tmp_path, layers, words
):
    path = saved(tmp_path / "m.keras", *layers)
    asked = request(source=f"file:{path}", pixels="")
    assert_refused(words, resolve, tmp_path / "runs", asked)


def test_beside_a_network_the_source_is_named_and_gives_the_size(tmp_path, trained):
    asked = request("keras:MobileNetV2(alpha=0.35)", f"file:{trained}")
    found = given_network.own_images(tmp_path, asked)
    assert found == {"image_size": 16, "crop_size": 16}
    asked = dataclasses.replace(asked, network="resnet_mini(blocks=1,width=8)")
    assert_refused(
        f"network file:{trained} needs images of 16 x 16, found 12 x 12: give"
        " --image_size=16 and leave out --crop_size",
        resolve,
        tmp_path,
        dataclasses.replace(asked, input_size=12),
    )
    other = dataclasses.replace(asked, network="resnet_mini(blocks=2,width=8)")
    words = rf"found \[3, 3, 8, 16\] in file:{trained}: name the network that the"
    assert_refused(words, resolve, tmp_path, other)


def test_a_layer_with_the_name_of_a_stage_that_ends_elsewhere_is_told(tmp_path):
    network = "keras:MobileNetV2(alpha=0.35)"
    asked = Request(network, "Conv_1,block_2", "", "tf", 32)
    given = resolve(tmp_path, asked)
    assert given.network.stage_names == ("block_2_add", "Conv_1", "predictions")
    assert [note for note in given.notes if "cut" in note] == [
        "Note: Conv_1 is cut behind the layer of this name; the stage that"
        " --stages=block calls so ends at global_average_pooling2d."
    ]
