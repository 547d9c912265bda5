"""Surroundings of all tests, set before anything imports TensorFlow."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "2")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "2")
# Bit-identical results are promised on a processor only.
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


def pytest_configure(config):
    """Silences what Keras itself says when a variable is read as an array."""
    config.addinivalue_line(
        "filterwarnings", "ignore:__array__ implementation:DeprecationWarning"
    )
