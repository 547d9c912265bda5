import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from yosinski_tf.data.embedded import embedded_images

SMALL_SHA256 = "13094d59592abf692a33937a0136818ab4930eab881186f772b221dd80cfd613"
DEFAULT_SHA256 = "a4c1e96bd96a7deebe6271a09ae59a5fa67418024d07db7eacbee326e6dec73d"

PRINT_SMALL = """
from embedded_images_test import digest
from yosinski_tf.data.embedded import embedded_images
print(digest(embedded_images.generate(0, 3, 2)))
"""


def digest(images: embedded_images.EmbeddedImages) -> str:
    found = hashlib.sha256()
    for array in (
        images.train_images,
        images.train_labels.astype("<i4"),
        images.validation_images,
        images.validation_labels.astype("<i4"),
    ):
        found.update(array.tobytes())
    return found.hexdigest()


@pytest.fixture(scope="module")
def default() -> embedded_images.EmbeddedImages:
    return embedded_images.generate()


def test_class_names():
    names = embedded_images.CLASS_NAMES
    assert names[:7] == (
        "natural_flower_cloud",
        "natural_leaf_spots",
        "natural_fish_zebra",
        "natural_mushroom_ripple",
        "natural_branch_fur",
        "natural_flower_spots",
        "natural_leaf_zebra",
    )
    assert names[19:21] == ("natural_branch_zebra", "manmade_square_stripes")
    assert names[38] == "manmade_ring_checks"
    assert len(set(names)) == 40
    assert embedded_images.FAMILIES == ("natural",) * 20 + ("manmade",) * 20


def test_four_classes_of_a_family_share_each_shape_and_each_texture():
    words = [w for name in embedded_images.CLASS_NAMES for w in name.split("_")[1:]]
    assert len(set(words)) == 20
    assert {words.count(word) for word in words} == {4}


def test_small_set_has_its_bytes_dtypes_and_order():
    images = embedded_images.generate(0, 3, 2)
    assert images.train_images.shape == (120, 32, 32, 3)
    assert images.validation_images.shape == (80, 32, 32, 3)
    assert images.train_images.dtype == images.validation_images.dtype == np.uint8
    assert images.train_labels.dtype == images.validation_labels.dtype == np.int32
    assert images.train_labels[:7].tolist() == [0, 0, 0, 1, 1, 1, 2]
    assert images.validation_labels[-3:].tolist() == [38, 39, 39]
    assert digest(images) == SMALL_SHA256


def test_default_set_has_its_bytes(default):
    assert default.train_images.shape == (12000, 32, 32, 3)
    assert default.validation_images.shape == (8000, 32, 32, 3)
    assert digest(default) == DEFAULT_SHA256


def test_bytes_are_the_same_without_vector_instructions():
    features = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    if not features:
        pytest.skip("NumPy uses no optional vector instructions here")
    finished = subprocess.run(
        [sys.executable, "-c", PRINT_SMALL],
        env={**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(features)},
        cwd=os.path.dirname(__file__),
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout.strip() == SMALL_SHA256


def test_other_seeds_give_other_images():
    zero, one = embedded_images.generate(0, 1, 1), embedded_images.generate(1, 1, 1)
    same = zero.train_images == one.train_images
    assert same.mean() < 0.05


def test_a_larger_count_per_class_keeps_the_first_images():
    few, many = embedded_images.generate(0, 3, 2), embedded_images.generate(0, 60, 4)
    by_class = many.train_images.reshape(40, 60, 32, 32, 3)
    np.testing.assert_array_equal(
        by_class[:, :3].reshape(-1, 32, 32, 3), few.train_images
    )
    by_class = many.validation_images.reshape(40, 4, 32, 32, 3)
    np.testing.assert_array_equal(
        by_class[:, :2].reshape(-1, 32, 32, 3), few.validation_images
    )


def test_all_images_differ(default):
    images = np.concatenate([default.train_images, default.validation_images])
    assert len({image.tobytes() for image in images}) == 20000


def test_colour_and_contrast_alone_do_not_name_the_class(default):
    def statistics(images: np.ndarray) -> np.ndarray:
        pixels = images.reshape(len(images), -1, 3).astype(np.float32)
        return np.concatenate([pixels.mean(axis=1), pixels.std(axis=1)], axis=1)

    train = statistics(default.train_images)
    centres = train.reshape(40, 300, 6).mean(axis=1)
    found = statistics(default.validation_images)[:, None] - centres
    nearest = (found**2).sum(axis=2).argmin(axis=1)
    assert (nearest == default.validation_labels).mean() < 0.08  # Chance 0.025.


def test_pixels_use_the_range_without_much_clipping(default):
    pixels = default.train_images
    assert 115 < pixels.mean() < 140
    assert ((pixels == 0) | (pixels == 255)).mean() < 0.03
