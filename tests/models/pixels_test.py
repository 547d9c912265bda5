"""How pixels are scaled: against Keras, and what is seen of a network."""

import importlib

import keras
import numpy as np
import pytest

from yosinski_tf.experiment import keras_networks
from yosinski_tf.experiment.network_specs import parse_spec
from yosinski_tf.models import applications, pixels

layers = keras.layers
FILE = parse_spec("file:a.keras")
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), np.uint8)
# One network of every family, not a large one.
NETWORKS = {
    "convnext": "ConvNeXtTiny",
    "densenet": "DenseNet121",
    "efficientnet": "EfficientNetB0",
    "efficientnet_v2": "EfficientNetV2B0",
    "inception_resnet_v2": "InceptionResNetV2",
    "inception_v3": "InceptionV3",
    "mobilenet": "MobileNet",
    "mobilenet_v2": "MobileNetV2",
    "mobilenet_v3": "MobileNetV3Small",
    "nasnet": "NASNetMobile",
    "resnet": "ResNet50",
    "resnet_v2": "ResNet50V2",
    "vgg16": "VGG16",
    "vgg19": "VGG19",
    "xception": "Xception",
}


def scaled(mode, dtype="uint8"):
    inputs = keras.Input((4, 5, 3), dtype=dtype)
    model = keras.Model(inputs, pixels.apply_pixels(inputs, mode))
    # A saved model must not need a class of this project.
    model = keras.Model.from_config(model.get_config())
    result = model(IMAGES.astype(dtype)).numpy()
    assert result.dtype == np.float32
    return result


def base(name, **options):
    function = getattr(keras.applications, name)
    shape = (96, 96, 3)
    return function(weights=None, include_top=False, input_shape=shape, **options)


@pytest.mark.parametrize("module", NETWORKS)
def test_every_family_is_scaled_as_keras_does(module):
    mode = applications.FAMILIES[module].pixels
    preprocess = getattr(keras.applications, module, None)
    if preprocess is None:
        preprocess = importlib.import_module(f"keras.applications.{module}")
    expected = preprocess.preprocess_input(IMAGES.astype(np.float32))
    np.testing.assert_allclose(scaled(mode), expected, atol=1e-4)


def test_all_families_of_keras_are_known():
    names = [name for name in dir(keras.applications) if name[0].isupper()]
    functions = [getattr(keras.applications, name) for name in names]
    modules = {function.__module__.rpartition(".")[2] for function in functions}
    assert modules == applications.FAMILIES.keys() == NETWORKS.keys()


def test_the_other_ways_by_hand():
    expected = IMAGES.astype(np.float32)
    np.testing.assert_array_equal(scaled("0..255"), expected)
    np.testing.assert_array_equal(scaled("own", "float32"), expected)
    np.testing.assert_allclose(scaled("0..1", "float32"), expected / 255, rtol=1e-6)
    for mode in ("mean", "bgr"):
        with pytest.raises(ValueError, match="no way to scale pixels"):
            scaled(mode)


def test_float32_under_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        result = scaled("torch")
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(result, scaled("torch"))


@pytest.mark.parametrize(
    "module",
    [
        "convnext",
        "mobilenet_v2",
        "vgg16",
        *(
            pytest.param(module, marks=pytest.mark.slow)
            for module in NETWORKS
            if module not in ("convnext", "mobilenet_v2", "vgg16")
        ),
    ],
)
def test_a_nested_network_of_keras_is_recognised(module):
    inner = base(NETWORKS[module])
    model = keras.Sequential([layers.RandomFlip(), inner, layers.Dense(2)])
    mode, why = pixels.guess_pixels(model, FILE)
    assert mode in keras_networks.PIXELS
    assert mode == applications.FAMILIES[module].pixels
    if mode == "own":
        assert why.endswith("scales them")
    else:
        named = "vgg16" if module == "vgg19" else module
        assert why == f"its layers are named as in keras.applications.{named}"


def test_without_its_preprocessing_nothing_is_known():
    name = "MobileNetV3Small"
    model = base(name, include_preprocessing=False)
    spec = parse_spec(f"keras:{name}(include_preprocessing=False)")
    for each in (spec, FILE):
        mode, why = pixels.guess_pixels(model, each)
        assert mode is None
        assert why.endswith("has a layer for it, this model none")


def test_a_model_that_scales_before_a_network_of_keras():
    inner = keras.Sequential(
        [keras.Input((4, 5, 3)), layers.Conv2D(2, 1, name="bn_Conv1")]
    )
    image = keras.Input((4, 5, 3))
    augmented = layers.RandomFlip()(image)
    assert pixels.guess_pixels(keras.Model(image, inner(augmented)), FILE)[0] == "tf"
    for scale in (
        layers.Rescaling(1 / 255, name="scale"),
        layers.Normalization(mean=1.0, variance=2.0, name="scale"),
        keras.applications.mobilenet_v2.preprocess_input,
        keras.applications.vgg16.preprocess_input,
        lambda x: x / 255,
    ):
        model = keras.Model(image, inner(scale(augmented)))
        assert pixels.guess_pixels(model, FILE)[0] == "own"


def test_what_is_known_of_other_networks():
    image = keras.Input((4, 5, 3))
    convolved = layers.Conv2D(3, 1)(image)
    model = keras.Model(image, layers.Rescaling(2.0)(convolved))
    assert pixels.guess_pixels(model, FILE)[0] is None
    assert pixels.guess_pixels(model, parse_spec("python:m:f"))[0] is None
    assert pixels.guess_pixels(model, parse_spec("resnet_mini"))[0] == "mean"
    vgg = parse_spec("keras:VGG19")
    expected = ("caffe", "as in keras.applications.vgg19")
    assert pixels.guess_pixels(model, vgg) == expected
