"""A data set stored in a study folder."""

import dataclasses

import numpy as np
import pytest

from yosinski_tf.data import cache
from yosinski_tf.data.image_set import make_image_set

ARRAYS = ("train_images", "train_labels", "validation_images", "validation_labels")


def make_images(families=("natural", "manmade", "manmade")):
    random = np.random.default_rng(0)
    return make_image_set(
        "made up",
        ("Katze", "cup", "Bär"),
        families,
        (
            random.integers(0, 256, (9, 8, 8, 3), np.uint8),
            np.arange(9, dtype=np.int64) % 3,
        ),
        (
            random.integers(0, 256, (6, 8, 8, 3), np.uint8),
            np.arange(6, dtype=np.int64) % 3,
        ),
    )


@pytest.mark.parametrize("families", [None, ("natural", "manmade", "manmade")])
def test_what_is_stored_is_loaded(tmp_path, families):
    images = make_images(families)
    cache.save(tmp_path / "new" / "dataset", images)
    loaded = cache.load(tmp_path / "new" / "dataset")
    for field in dataclasses.fields(images):
        one, other = getattr(images, field.name), getattr(loaded, field.name)
        if field.name in ARRAYS:
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
        else:
            assert type(one) is type(other)
            assert one == other


def test_arrays_are_mapped_and_cannot_be_written(tmp_path):
    cache.save(tmp_path, make_images())
    loaded = cache.load(tmp_path)
    for name in ARRAYS:
        array = getattr(loaded, name)
        assert isinstance(array, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_no_folder_or_half_a_store_is_none(tmp_path):
    assert cache.load(tmp_path / "none") is None
    cache.save(tmp_path, make_images())
    (tmp_path / "dataset.json").unlink()
    assert cache.load(tmp_path) is None


def test_the_description_is_written_last(tmp_path, monkeypatch):
    written = []

    def write(path, data):
        written.append(path.name)
        path.write_bytes(data)

    monkeypatch.setattr(cache, "write_atomically", write)
    cache.save(tmp_path, make_images())
    assert written[-1] == "dataset.json"
    assert sorted(written[:-1]) == sorted(f"{name}.npy" for name in ARRAYS)
    assert cache.load(tmp_path).class_names == ("Katze", "cup", "Bär")
