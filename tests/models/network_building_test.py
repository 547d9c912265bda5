"""From a spec to a model, and what is said of one that cannot be built."""

import sys

import keras
import numpy as np
import pytest
from refusals import assert_refused

from yosinski_tf.models import network_building, user_function

build = network_building.build


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    """A current folder of its own; its modules are forgotten at the end."""
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("user_"):
            del sys.modules[name]


def test_a_network_of_keras():
    model = build("keras:MobileNetV2(alpha=0.35)", 48, 5)
    assert model.input_shape == (None, 48, 48, 3)
    assert model.output_shape == (None, 5)
    assert model.get_layer("Conv1").filters == 16


def test_the_own_network():
    spec = "resnet_mini(blocks=1, width=4, stochastic_depth=0.3)"
    model = build(spec, 24, 5)
    assert model.output_shape == (None, 5)
    assert model.get_layer("block3_depth").rate == 0.3
    assert model.get_layer("block1").output.shape == (None, 12, 12, 4)


@pytest.mark.parametrize(
    "spec, words",
    [
        ("keras:vgg16", "keras: needs a network of keras.applications, found 'vgg16'"),
        ("keras:ResNet18", "found 'ResNet18': take one of ResNet1"),
        ("keras:Zyzzyva", "take one of ConvNeXtBase, ConvNeXtLarge"),
        ("keras:InceptionV3", "needs images of at least 75 x 75, found 32 x 32: raise"),
        ("keras:Xception", "keras:Xception needs images of at least 71 x 71"),
        (
            "keras:MobileNetV3Small(minimal=True)",
            "takes the arguments alpha, minimalistic, dropout_rate,"
            " classifier_activation, include_preprocessing, found minimal, which it"
            " does not have",
        ),
        (
            "keras:VGG16(weights='imagenet')",
            "takes the arguments classifier_activation, found weights, which is set",
        ),
        (
            "keras:MobileNetV2(alpha='wide')",
            r"keras:MobileNetV2\(alpha='wide'\) cannot be built for images of 32 x 32"
            " and 5 classes: Keras says TypeError",
        ),
        (
            "resnet_mini(depth=3)",
            "takes the arguments blocks, width, dropout, stochastic_depth, found depth",
        ),
    ],
)
def test_what_cannot_be_built(spec, words):
    assert_refused(words, build, spec, 32, 5)


def test_too_small_for_the_family_with_another_message():
    words = "keras:MobileNetV3Small needs images of at least 32 x 32, found 24 x 24"
    assert_refused(words, build, "keras:MobileNetV3Small", 24, 5)


def test_a_function_in_the_current_folder(in_folder):
    (in_folder / "user_nets.py").write_text(
        "import keras\n"
        "import user_parts\n"
        "def small(shape, classes):\n"
        "    import user_late\n"
        "    image = keras.Input(shape)\n"
        "    flat = keras.layers.Flatten()(image)\n"
        "    return keras.Model(image, keras.layers.Dense(classes)(flat))\n"
        "number = 3\n"
        "def nothing(shape, classes): pass\n"
        "def fails(shape, classes): raise KeyError('so\\nbad')\n"
    )
    (in_folder / "user_parts.py").touch()
    (in_folder / "user_late.py").touch()
    path = list(sys.path)
    model = build("python:user_nets:small", 6, 4)
    assert model.input_shape == (None, 6, 6, 3)
    assert model.output_shape == (None, 4)
    assert sys.path == path
    for name, words in (
        ("other", "needs a function other in the module user_nets, found no such"),
        ("number", "needs a function number in the module user_nets, found int"),
        ("nothing", r"found that nothing\(\(6, 6, 3\), 4\) returns a NoneType"),
        ("fails", r"that fails\(\(6, 6, 3\), 4\) fails \(KeyError: 'so.nbad'\)"),
    ):
        assert_refused(words, build, f"python:user_nets:{name}", 6, 4)


def test_modules_that_cannot_be_imported(in_folder):
    (in_folder / "user_broken.py").write_text("1 +\n")
    (in_folder / "user_needs.py").write_text("import user_absent\n")
    (in_folder / "user_exits.py").write_text("raise SystemExit('no')\n")
    load = user_function.import_module
    words = "needs the module user_absent, .*No module named 'user_absent'.*: start the"
    assert_refused(words, load, "user_absent")
    assert_refused("SyntaxError: invalid syntax .user_broken.py", load, "user_broken")
    words = "No module named 'user_absent'.*make 'import user_needs' work"
    assert_refused(words, load, "user_needs")
    assert_refused("SystemExit: no", load, "user_exits")


def test_a_file_keeps_its_weights(tmp_path):
    image = keras.Input((6, 6, 3))
    flat = keras.layers.Flatten()(image)
    model = keras.Model(image, keras.layers.Dense(2)(flat))
    path = tmp_path / "a.keras"
    model.save(path)
    loaded = build(f"file:{path}", 6, 9)
    images = np.ones((1, 6, 6, 3))
    np.testing.assert_array_equal(loaded(images), model(images))
    words = "a.keras needs images of 6 x 6, found 8 x 8: give --crop_size=6"
    assert_refused(words, build, f"file:{path}", 8, 9)


def test_eight_layers_are_no_single_model():
    with pytest.raises(ValueError, match="mini is no Keras model"):
        build("mini", 32, 5)
