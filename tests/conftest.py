"""Settings of all tests, made before anything imports TensorFlow."""

import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "2")
# Results are the same bit for bit only without a GPU.
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


# The files that take longest. Their tests start first, so that neither of two
# workers is left with one of them at the end.
LONG = (
    "binaries/end_to_end training/trainer binaries/stored_study training/jax_backend"
    " training/mixed_precision training/feature_cache training/distribution"
    " training/resume training/keras_network training/keras_feature_cache"
    " binaries/bad_input export/any_network export/saved_model"
    " models/loss_scaling binaries/job/auto_settings"
    " training/divergence data/prepare/imagenet_tars binaries/prepare"
    " benchmarks/training_step scheduling/scheduler"
).split()


def pytest_collection_modifyitems(items):
    """Puts the tests of long files first; all others keep their order."""
    folder = pathlib.Path(__file__).parent

    def place(item):
        name = item.path.relative_to(folder).as_posix().removesuffix("_test.py")
        return LONG.index(name) if name in LONG else len(LONG)

    items.sort(key=place)


def pytest_configure(config):
    """Ignores a warning that Keras itself causes when it reads a variable."""
    config.addinivalue_line(
        "filterwarnings", "ignore:__array__ implementation:DeprecationWarning"
    )
