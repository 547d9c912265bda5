"""Surroundings of all tests, set before anything imports TensorFlow."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "2")
# Bit-identical results are promised on a processor only.
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


# They train through the binaries or for long: begun first, neither of two workers is
# left alone with one of them in the end.
LONG = (
    "binaries_test training_test stored_study_test jax_backend_test"
    " mixed_precision_test feature_cache_test distribution_test resume_test"
    " bad_input_test loss_scaling_test deciding_test divergence_test"
    " imagenet_tars_test prepare_binary_test train_benchmark_test scheduler_test"
).split()


def pytest_collection_modifyitems(items):
    """Puts the tests of long files first, all else in its order."""

    def place(item):
        name = item.path.stem
        return LONG.index(name) if name in LONG else len(LONG)

    items.sort(key=place)


def pytest_configure(config):
    """Silences what Keras itself says when a variable is read as an array."""
    config.addinivalue_line(
        "filterwarnings", "ignore:__array__ implementation:DeprecationWarning"
    )
