"""A store read in full: whole, or what is wrong where."""

import json
import shutil

import numpy as np
import pytest
from stores import draw, make

from yosinski_tf.data.prepare.verify import verify


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    root = tmp_path_factory.mktemp("verify")
    return make(f"folder:{draw(root / 'images')}", root / "store").folder


@pytest.fixture
def folder(original, tmp_path):
    return shutil.copytree(original, tmp_path / "store")


def problems(folder, processes=1):
    return list(verify(folder, processes=processes))


def change(path, place=None):
    """Flips a bit: in the middle, or where some bytes are found."""
    data = bytearray(path.read_bytes())
    data[data.index(place) if place else len(data) // 2] ^= 1
    path.write_bytes(data)


def shard(folder, index):
    return folder / f"images-train.array_record-{index:05d}-of-00005"


def test_a_whole_store(folder):
    seen = []
    report = lambda *now: seen.append(now)  # noqa: E731
    assert list(verify(folder, processes=2, report=report)) == []
    assert seen[-1] == (27, 27)


def test_a_changed_bit_of_a_record(folder):
    change(shard(folder, 1), b"train/ant/4.png")
    (found,) = problems(folder)
    assert found.startswith("train record 4 (train/ant/4.png) cannot be read: ")
    assert "hash mismatch" in found and "00001-of-00005" in found


def test_a_file_cut_off(folder):
    path = shard(folder, 2)
    path.write_bytes(path.read_bytes()[:100])
    first, second = problems(folder)
    assert first == f"{path.name} has 0 records, wanted 3"
    assert second.startswith("train records 7 to 9, from train/bee/2.png on, cannot be")


def test_records_that_are_others(folder):
    # Readable, and of the same number, but not those that were written.
    shutil.copy(shard(folder, 1), shard(folder, 3))
    found = problems(folder)
    assert (
        "train record 10 (train/bee/5.jpg) is not what was written: its SHA-256 is"
        " another"
    ) in found
    assert sum("SHA-256 is another" in problem for problem in found) == 4
    assert any("sums/classes.npy row 2 is not the sum" in problem for problem in found)


@pytest.mark.parametrize(
    "name", ["labels/train.npy", "file_names/train.txt", "sums/ranks.npy"]
)
def test_a_changed_bit_beside_the_records(folder, name):
    change(folder / name)
    found = problems(folder)
    assert found[0] == f"{name} is not what was written: its SHA-256 is another"


def test_other_labels_and_names(folder):
    labels = np.load(folder / "labels/train.npy")
    labels[5] = 0
    np.save(folder / "labels/train.npy", labels)
    text = (folder / "file_names/train.txt").read_text()
    (folder / "file_names/train.txt").write_text(text.replace("bee/3", "bee/7"))
    found = problems(folder)
    assert (
        "train record 5 (train/bee/0.png) has label 1 and name 'train/bee/0.png', the"
        " files beside it say 0 and 'train/bee/0.png'"
    ) in found
    assert any(
        problem.startswith("train record 8 (train/bee/7.jpg)") for problem in found
    )
    assert "sums/classes.npy row 0 is not the sum of the images" in found


def test_labels_out_of_order(folder):
    labels = np.load(folder / "labels/train.npy")
    labels[2] = 2
    np.save(folder / "labels/train.npy", labels)
    assert "labels/train.npy is not ordered by class at record 3" in problems(folder)


def test_missing_and_strange_files(folder):
    (folder / "sums/classes.npy").unlink()
    (folder / "images-train.array_record-00000-of-00009").touch()
    found = problems(folder)
    assert found[:2] == [
        "sums/classes.npy is not there",
        "images-train.array_record-00000-of-00009 does not belong to the store",
    ]
    assert "sums/classes.npy" in found[2] and "damaged" in found[2]


def test_another_description(folder):
    path = folder / "store.json"
    fields = json.loads(path.read_text())
    fields["class_names"][1] = "wasp"
    path.write_text(json.dumps(fields))
    assert problems(folder) == [
        "the fingerprint in store.json is not that of its content",
        "label.labels.txt has other classes than store.json",
    ]


def test_metadata_of_tensorflow_datasets(folder):
    (folder / "features.json").unlink()
    first, second = problems(folder)
    assert first == "features.json is not there"
    assert second.startswith("TensorFlow Datasets cannot open it (")
