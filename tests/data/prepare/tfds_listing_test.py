"""Stores are made from data sets that TensorFlow Datasets prepared."""

import numpy as np
import pytest
import tensorflow_datasets as tfds
from stores import content, make, request

from yosinski_tf.data.prepare.make_store import make_store
from yosinski_tf.system.errors import UserError

NAMES = ["ant", "bee", "cow"]


def prepare(root, file_format, *, named=True, labels=(2, 0, 2, 0, 0, 2, 2, 0)):
    """Eight images of one colour each, named in reverse order."""
    features = {
        "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
        "label": tfds.features.ClassLabel(names=NAMES),
    }
    if named:
        features["file_name"] = tfds.features.Text()
    pairs = []
    for i, label in enumerate(labels):
        image = np.full((5 + i, 9 - i, 3), 20 * i, np.uint8)
        example = {"image": image, "label": label}
        if named:
            example["file_name"] = f"{9 - i}.png"
        pairs.append((i, example))
    tfds.dataset_builders.store_as_tfds_dataset(
        name="pets",
        version="1.2.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets={"train": pairs, "test": pairs[:2]},
        data_dir=root,
        file_format=file_format,
        disable_shuffling=True,
        download_config=tfds.download.DownloadConfig(num_shards=2),
    )
    return {"data_dir": str(root)}


@pytest.mark.parametrize("file_format", ["array_record", "tfrecord"])
def test_images_are_sorted_by_class_and_name(tmp_path, file_format):
    options = prepare(tmp_path, file_format)
    seen = []
    store = make_store(
        request("tfds:pets", tmp_path / "store", **options),
        report=lambda *now: seen.append(now),
    )
    assert ("listing", 10, 10) in seen
    # Class bee has no image: it is left out, with a warning.
    assert store.class_names == ("ant", "cow")
    assert store.warnings == (
        "1 of 3 classes that tfds:pets names have no image and are left out, the first"
        " is 'bee'",
    )
    assert store.labels("train").tolist() == [0] * 4 + [1] * 4
    assert store.file_names("train") == [
        f"{9 - i}.png" for i in (7, 4, 3, 1, 6, 5, 2, 0)
    ]
    source = tfds.builder_from_directory(store.folder).as_data_source("train")
    assert [e["image"][0, 0, 0] // 20 for e in source] == [7, 4, 3, 1, 6, 5, 2, 0]
    assert store.file_names("validation") == ["8.png", "9.png"]


def test_without_names_images_keep_the_order_they_were_prepared_in(tmp_path):
    options = prepare(tmp_path, "array_record", named=False, labels=(2, 1, 0, 1, 2, 0))
    # The first two images, which are the test images, are not of every class.
    with pytest.raises(
        UserError, match="validation .* none of 1 of 3 classes, .*'ant'"
    ):
        make("tfds:pets", tmp_path / "store", **options)
    again = tmp_path / "again"
    options = prepare(again, "array_record", named=False, labels=(1, 0) * 3)
    store = make("tfds:pets", tmp_path / "store", **options)
    assert store.file_names("train") == [f"train/{i}" for i in (1, 3, 5, 0, 2, 4)]
    source = tfds.builder_from_directory(store.folder).as_data_source("train")
    assert [e["image"][0, 0, 0] // 20 for e in source] == [1, 3, 5, 0, 2, 4]


def test_both_file_formats_give_the_same_store(tmp_path):
    stores = []
    for file_format in ("array_record", "tfrecord"):
        options = prepare(tmp_path / file_format, file_format)
        stores.append(make("tfds:pets", tmp_path / f"{file_format}-store", **options))
    assert stores[0].fingerprint == stores[1].fingerprint
    assert content(stores[0].folder).keys() == content(stores[1].folder).keys()


@pytest.mark.parametrize("file_format", ["array_record", "tfrecord"])
def test_damaged_files(tmp_path, file_format):
    options = prepare(tmp_path, file_format)
    shard = next(tmp_path.glob(f"pets/1.2.0/*train.{file_format}-00001*"))
    whole = bytearray(shard.read_bytes())
    damaged = bytearray(whole)
    damaged[damaged.index(b".png")] ^= 1
    for data in (damaged, whole[:100], None):
        shard.unlink()
        if data is not None:
            shard.write_bytes(data)
        with pytest.raises(UserError, match="pets cannot be read in full, split train"):
            make("tfds:pets", tmp_path / "store", **options)
        assert not (tmp_path / "store.partial").exists()


def test_images_without_a_class(tmp_path):
    options = prepare(tmp_path, "array_record", labels=(0, 1, -1, 1))
    words = "needs labels from 0 to 2, found -1 among its training images"
    with pytest.raises(UserError, match=words):
        make("tfds:pets", tmp_path / "store", **options)


def test_no_such_data_set(tmp_path):
    with pytest.raises(UserError, match="no prepared data set 'dogs' under"):
        make("tfds:dogs", tmp_path / "store", data_dir=str(tmp_path))
