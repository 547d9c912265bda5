"""Keras starts without packages that it only passes on; they work afterwards."""

import pytest
from commands import ENVIRONMENT, python

_START = """
import sys
from yosinski_tf.machine import keras_start
keras_start.load()
import keras
from yosinski_tf.training import trainer
names = "tensorflow", "jax", "sklearn", "matplotlib"
print(keras.backend.backend(), *(name for name in names if name in sys.modules))
import jax, matplotlib.pyplot, sklearn
keras_start.load()
print(sys.modules["jax"] is jax)
"""


@pytest.mark.parametrize(
    ("backend", "loaded"), [("tensorflow", "tensorflow"), ("jax", "tensorflow jax")]
)
def test_what_is_loaded(backend, loaded):
    done = python(_START, env=ENVIRONMENT | {"KERAS_BACKEND": backend})
    assert done.stdout == f"{backend} {loaded}\nTrue\n", done.stderr
