"""A data set stored in a study folder."""

import dataclasses
import shutil

import numpy as np
import pytest
import stores
from refusals import assert_refused

from yosinski_tf.data.sources import study_copy
from yosinski_tf.data.sources.image_set import make_image_set, stored_image_set
from yosinski_tf.data.store.format import open_store
from yosinski_tf.system import files
from yosinski_tf.system.errors import UserError

ARRAYS = ("train_images", "train_labels", "validation_images", "validation_labels")


def make_images(families=("natural", "manmade", "manmade")):
    random = np.random.default_rng(0)

    def part(count):
        images = random.integers(0, 256, (count, 8, 8, 3), np.uint8)
        return images, np.arange(count, dtype=np.int64) % 3

    names = ("Katze", "cup", "Bär")
    return make_image_set("made up", names, families, part(9), part(6))


@pytest.mark.parametrize("families", [None, ("natural", "manmade", "manmade")])
def test_what_is_stored_is_loaded(tmp_path, families):
    images = make_images(families)
    study_copy.save(tmp_path / "new" / "dataset", images)
    loaded = study_copy.load(tmp_path / "new" / "dataset")
    for field in dataclasses.fields(images):
        one, other = getattr(images, field.name), getattr(loaded, field.name)
        if field.name in ARRAYS:
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
        else:
            assert type(one) is type(other)
            assert one == other


def test_arrays_are_mapped_and_cannot_be_written(tmp_path):
    study_copy.save(tmp_path, make_images())
    loaded = study_copy.load(tmp_path)
    for name in ARRAYS:
        array = getattr(loaded, name)
        assert isinstance(array, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_a_missing_or_incomplete_copy_is_none(tmp_path):
    assert study_copy.load(tmp_path / "none") is None
    study_copy.save(tmp_path, make_images())
    (tmp_path / "dataset.json").unlink()
    assert study_copy.load(tmp_path) is None


def test_the_description_is_written_last(tmp_path, monkeypatch):
    written = []

    def write(path, data):
        written.append(path.name)
        path.write_bytes(data)

    for module in (study_copy, files):
        monkeypatch.setattr(module, "write_atomically", write)
    study_copy.save(tmp_path, make_images())
    assert written[-1] == "dataset.json"
    assert sorted(written[:-1]) == sorted(f"{name}.npy" for name in ARRAYS)
    assert study_copy.load(tmp_path).class_names == ("Katze", "cup", "Bär")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    home = tmp_path_factory.mktemp("stored")
    return stores.make(f"folder:{stores.draw(home / 'images')}", home / "store")


def move(store, folder):
    shutil.copytree(store.folder, folder)
    return open_store(folder)


def test_for_a_store_only_its_path_is_kept(tmp_path, store):
    images = stored_image_set(store)
    assert not study_copy.holds(tmp_path, images)
    study_copy.save(tmp_path, images)
    assert [path.name for path in tmp_path.iterdir()] == ["dataset.json"]
    assert (tmp_path / "dataset.json").stat().st_size < 1000
    assert study_copy.holds(tmp_path, images)
    loaded = study_copy.load(tmp_path)
    assert loaded.fingerprint == store.fingerprint
    assert loaded.class_names == ("ant", "bee", "cow")
    assert loaded.train_labels.tolist() == [0] * 5 + [1] * 6 + [2] * 7
    assert loaded.train_images.shape == (18, 16, 16, 3)
    assert len(loaded.validation_images.read([0, 8, 3])) == 3


def test_the_path_of_a_moved_store_is_updated(tmp_path, store):
    folder = tmp_path / "dataset"
    study_copy.save(folder, stored_image_set(store))
    images = stored_image_set(move(store, tmp_path / "elsewhere"))
    assert not study_copy.holds(folder, images)
    study_copy.save(folder, images)
    assert study_copy.holds(folder, images)
    assert study_copy.load(folder).train_images.store.folder == tmp_path / "elsewhere"


def test_a_missing_or_incomplete_store_is_refused(tmp_path, store):
    moved = move(store, tmp_path / "elsewhere")
    study_copy.save(tmp_path / "dataset", stored_image_set(moved))
    moved.shard_paths("train")[1].unlink()
    with pytest.raises(UserError, match=r"lacks its file images-train.*00001-of"):
        study_copy.load(tmp_path / "dataset")
    shutil.rmtree(moved.folder)
    assert_refused("no store at .*elsewhere", study_copy.load, tmp_path / "dataset")


def test_a_store_of_other_images_at_the_same_path_is_refused(tmp_path, store):
    folder, place = tmp_path / "dataset", tmp_path / "store"
    study_copy.save(folder, stored_image_set(move(store, place)))
    shutil.rmtree(place)
    other = stores.make(f"folder:{stores.draw(tmp_path / 'images', train=4)}", place)
    for refused in (
        lambda: study_copy.load(folder),
        lambda: study_copy.holds(folder, stored_image_set(other)),
    ):
        assert_refused("has changed since this study began: needs", refused)


@pytest.mark.parametrize(
    "text, reason", [("[]", "list indices"), ("[" * 100_000, "recursion")]
)
def test_a_damaged_description_is_refused(tmp_path, store, text, reason):
    (tmp_path / "dataset.json").write_text(text)
    for read in (
        lambda: study_copy.load(tmp_path),
        lambda: study_copy.holds(tmp_path, stored_image_set(store)),
    ):
        assert_refused(f"cannot read the stored .*{reason}", read)
