"""Keras' settings: those of the user's that are used, refused and replaced."""

import pathlib

import pytest
from commands import ENVIRONMENT, python
from refusals import assert_refused

from yosinski_tf.machine import keras_settings


@pytest.fixture
def file(monkeypatch, tmp_path) -> pathlib.Path:
    """The `keras.json` that Keras would read; there is none yet."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.delenv("KERAS_NNX_ENABLED", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path / "keras.json"


def test_the_backend_is_the_one_that_keras_will_use(file, monkeypatch):
    assert keras_settings.backend() == "tensorflow"
    file.write_text('{"backend": "jax"}')
    assert keras_settings.backend() == "jax"
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert keras_settings.backend() == "tensorflow"


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "\udcff",
        "{}",
        '{"image_data_format": "channels_first", "floatx": "float16", "epsilon": 1e-3}',
        '{"backend": "jax", "nnx_enabled": false}',
    ],
)
def test_what_keras_can_use_is_allowed(file, text):
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    keras_settings.check()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"backend": "torch"}', "tensorflow or jax, found 'torch' in .*/keras.json"),
        ('{"backend": "tensorflo"}', "'tensorflo' .*: set KERAS_BACKEND=tensorflow"),
        ('{"backend": null}', "tensorflow or jax, found 'None' in"),
        ('{"image_data_format": "x"}', "image_data_format channels_last or .*, found"),
        ('{"image_data_format": ["a"]}', r"found \['a'\]: correct the line, or remove"),
        ('{"floatx": "bfloat16"}', "keras.json needs floatx float16 or .*'bfloat16'"),
        ('{"epsilon": 1}', "needs epsilon a number such as 1e-7, found 1:"),
        ('{"nnx_enabled": true}', "needs nnx_enabled false, found True"),
        ("[]", "keras.json needs settings by name, found a list"),
    ],
)
def test_what_keras_cannot_use_is_refused(file, text, words):
    file.write_text(text)
    assert_refused(words, keras_settings.check)


@pytest.mark.parametrize("name", ["torch", "numpy", "openvino", "TensorFlow"])
def test_another_backend_in_the_environment_is_refused(file, monkeypatch, name):
    monkeypatch.setenv("KERAS_BACKEND", name)
    assert_refused(f"found '{name}' in KERAS_BACKEND: set", keras_settings.check)


def test_a_backend_that_is_not_installed_is_refused(file, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert_refused("the package jax, which KERAS_BACKEND", keras_settings.check)


def test_a_file_that_cannot_be_read_is_refused(file):
    file.mkdir()
    assert_refused(
        "keras.json, found that it cannot .Is a directory", keras_settings.check
    )


def test_networks_are_built_with_the_same_settings_whatever_the_file_says(file):
    text = (
        '{"image_data_format": "channels_first", "floatx": "float16", "epsilon": 0.1}'
    )
    file.write_text(text)
    limit = {"KERAS_MAX_STEPS_PER_EPOCH": "2"}
    done = python(
        "from yosinski_tf.machine import keras_settings; keras_settings.set_up()\n"
        "import keras; print(keras.config.image_data_format(), keras.config.floatx(),"
        " keras.config.epsilon(), keras.layers.Dense(1).compute_dtype,"
        " keras.config.max_steps_per_epoch())",
        env={**ENVIRONMENT, "KERAS_HOME": str(file.parent), **limit},
    )
    assert done.stdout == "channels_last float32 1e-07 float32 None\n", done.stderr
    assert file.read_text() == text
