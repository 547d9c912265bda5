"""Verifying a store finds every kind of damage and names its place."""

import json
import shutil

import numpy as np
import pytest

from yosinski_tf.data.prepare.verify import verify


@pytest.fixture
def store(raw, tmp_path):
    return shutil.copytree(raw.folder, tmp_path / "store")


def problems(store):
    return list(verify(store, processes=1))


def change(path, found=None):
    """Flips a bit in the middle, or where some bytes are found."""
    data = bytearray(path.read_bytes())
    data[data.index(found) if found else len(data) // 2] ^= 1
    path.write_bytes(data)


def shard(store, index):
    return store / f"images-train.array_record-{index:05d}-of-00005"


def test_a_whole_store(store):
    seen = []
    report = lambda *now: seen.append(now)  # noqa: E731
    assert list(verify(store, processes=2, report=report)) == []
    assert seen[-1] == (27, 27)


def test_a_changed_bit_of_a_record(store):
    change(shard(store, 1), b"train/ant/4.png")
    (found,) = problems(store)
    assert found.startswith("train record 4 (train/ant/4.png) cannot be read: ")
    assert "hash mismatch" in found and "00001-of-00005" in found


def test_a_truncated_file(store):
    path = shard(store, 2)
    path.write_bytes(path.read_bytes()[:100])
    first, second = problems(store)
    assert first == f"{path.name} needs 3 records, found 0"
    assert second.startswith("train records 7 to 9, from train/bee/2.png on, cannot be")


def test_other_records(store):
    # Readable, and as many, but not those that were written.
    shutil.copy(shard(store, 1), shard(store, 3))
    found = problems(store)
    assert (
        "train record 10 (train/bee/5.jpg) is not what was written: its SHA-256 differs"
    ) in found
    assert sum("SHA-256 differs" in problem for problem in found) == 4
    assert any("sums/classes.npy row 2 is not the sum" in problem for problem in found)


@pytest.mark.parametrize(
    "name", ["labels/train.npy", "file_names/train.txt", "sums/ranks.npy"]
)
def test_a_changed_bit_beside_the_records(store, name):
    change(store / name)
    found = problems(store)
    assert found[0] == f"{name} is not what was written: its SHA-256 differs"


def test_other_labels_and_names(store):
    labels = np.load(store / "labels/train.npy")
    labels[5] = 0
    np.save(store / "labels/train.npy", labels)
    text = (store / "file_names/train.txt").read_text()
    (store / "file_names/train.txt").write_text(text.replace("bee/3", "bee/7"))
    found = problems(store)
    assert (
        "train record 5 (train/bee/0.png) needs label 0 and name 'train/bee/0.png' by"
        " the files beside it, found 1 and 'train/bee/0.png'"
    ) in found
    assert any(
        problem.startswith("train record 8 (train/bee/7.jpg)") for problem in found
    )
    assert "sums/classes.npy row 0 is not the sum of the images" in found


@pytest.mark.parametrize("row, label", [(2, 2), (0, -1), (17, 3)])
def test_labels_out_of_order_or_range(store, row, label):
    labels = np.load(store / "labels/train.npy")
    labels[row] = label
    np.save(store / "labels/train.npy", labels)
    first, second = problems(store)
    assert first.startswith("labels/train.npy is not what was written")
    assert "is damaged, labels/train.npy needs ascending labels from 0 to 2" in second


def test_missing_and_foreign_files(store):
    (store / "sums/classes.npy").unlink()
    (store / "images-train.array_record-00000-of-00009").touch()
    found = problems(store)
    assert found[:2] == [
        "sums/classes.npy is missing",
        "images-train.array_record-00000-of-00009 does not belong to the store",
    ]
    assert "sums/classes.npy" in found[2] and "damaged" in found[2]


def test_another_description(store):
    path = store / "store.json"
    fields = json.loads(path.read_text())
    fields["class_names"][1] = "wasp"
    path.write_text(json.dumps(fields))
    assert problems(store) == [
        "the fingerprint in store.json is not that of its content",
        "label.labels.txt has other classes than store.json",
    ]


def test_metadata_of_tensorflow_datasets(store):
    (store / "features.json").unlink()
    first, second = problems(store)
    assert first == "features.json is missing"
    assert second.startswith("TensorFlow Datasets cannot open it (")
