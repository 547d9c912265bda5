"""Copies among the images of a data set are found, whatever their files are."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import stores
from PIL import Image

from yosinski_tf.data.copies import DIGEST, Copies, count_copies
from yosinski_tf.data.prepare.verify import verify
from yosinski_tf.data.sources import study_copy
from yosinski_tf.data.sources.by_name import load
from yosinski_tf.data.store.format import open_store

NONE = Copies(0, 3, (), 0, 9, ())
IN_TRAINING = (
    "1 of 7 validation images are also training images (for example val/ant/again.png ="
    " train/ant/0.png): top-1 is too high: remove the copies."
)


def save(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 24, 3), np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def pets(tmp_path):
    """Two classes with four training and three validation images each, all unlike."""
    for label, name in enumerate(("ant", "bee")):
        for part, count in (("train", 4), ("val", 3)):
            for k in range(count):
                path = tmp_path / "pets" / part / name / f"{k}.png"
                save(path, [label, count, k])
    return tmp_path / "pets"


def copies_of(spec, **options):
    return load(str(spec), image_size=16, **options).copies


def count(train, validation):
    """Copies among images given as pairs of what they show and their class."""
    pairs = [
        (np.array([shown for shown, _ in part], DIGEST), np.array([c for _, c in part]))
        for part in (train, validation)
    ]
    return count_copies(*pairs, lambda part, index: f"{part}{index}")


@pytest.mark.parametrize(
    "train, validation, copies",
    [
        ([(1, 0), (2, 1)], [(3, 0), (4, 1)], Copies(0, 2, (), 0, 4, ())),
        # Copies within a part, in one class, change no validation.
        ([(1, 0), (1, 0), (2, 1)], [(3, 1), (3, 1)], Copies(0, 2, (), 0, 5, ())),
        (
            [(2**64 - 1, 1), (7, 1), (7, 1)],
            [(5, 0), (7, 1), (7, 1)],
            Copies(2, 3, ("validation1", "train1"), 0, 6, ()),
        ),
        (
            [(7, 0), (8, 1)],
            [(9, 1), (7, 1)],
            Copies(0, 2, (), 2, 4, ("train0", "validation1")),
        ),
        (
            [(7, 0), (7, 1), (8, 0), (8, 2)],
            [(7, 2)],
            Copies(0, 1, (), 5, 5, ("train0", "train1")),
        ),
        (
            [(7, 0), (7, 1)],
            [(7, 0)],
            Copies(1, 1, ("validation0", "train0"), 3, 3, ("train0", "train1")),
        ),
    ],
)
def test_copies_are_counted(train, validation, copies):
    assert count(train, validation) == copies


def test_names_are_one_line_of_text():
    data = np.array([1], DIGEST), np.array([0])
    found = count_copies(data, data, lambda part, index: f"{part}\n\udce9")
    assert found.training_example == ("validation\\n\\udce9", "train\\n\\udce9")


def test_a_copied_file_of_a_folder_is_found(pets):
    assert copies_of(f"folder:{pets}").warnings == []
    shutil.copy(pets / "train/ant/0.png", pets / "val/ant/again.png")
    assert copies_of(f"folder:{pets}").warnings == [IN_TRAINING]


def test_a_copy_in_another_kind_of_file_is_found(pets):
    Image.open(pets / "train/bee/3.png").save(pets / "val/bee/x.bmp")
    (told,) = copies_of(f"folder:{pets}").warnings
    assert "1 of 7 validation" in told and "val/bee/x.bmp = train/bee/3.png" in told


def test_copies_within_a_class_are_found_if_some_are_held_out(pets):
    for k in range(4):
        shutil.copy(pets / f"train/ant/{k}.png", pets / f"train/ant/{k} (copy).png")
    found = copies_of(f"folder:{pets}/train", held_out=0.25)
    assert (found.in_training, found.num_validation, found.num_images) == (2, 3, 12)
    held_out, other = (name.replace(" (copy)", "") for name in found.training_example)
    assert held_out == other and held_out.startswith("ant/")


def test_an_image_in_two_classes_is_found(pets):
    shutil.copy(pets / "train/ant/0.png", pets / "val/bee/wrong.png")
    assert copies_of(f"folder:{pets}").warnings == [
        "2 of 15 images are in two or more classes (for example train/ant/0.png ="
        " val/bee/wrong.png): no network can be right about all of them: leave each in"
        " one class."
    ]


@pytest.mark.slow
def test_no_image_that_the_program_draws_is_drawn_twice():
    assert copies_of("embedded") == Copies(0, 8000, (), 0, 20000, ())


@pytest.mark.parametrize("encoding", ["raw", "jpeg"])
def test_copies_in_a_store_are_counted_as_it_is_made(pets, tmp_path, encoding):
    shutil.copy(pets / "train/ant/0.png", pets / "val/ant/again.png")
    store = stores.make(f"folder:{pets}", tmp_path / "store", encoding=encoding)
    assert store.copies.warnings == [IN_TRAINING]
    assert open_store(store.folder).copies == store.copies
    assert copies_of(f"store:{store.folder}") == store.copies


def test_a_file_on_both_lists_is_found(pets, tmp_path):
    images = [
        f"{name}/{k}.png {c}\n" for c, name in enumerate(("ant", "bee")) for k in (0, 1)
    ]
    (pets / "train/train.txt").write_text("".join(images))
    (pets / "train/val.txt").write_text("".join(images[1:3]))
    store = stores.make(f"filelist:{pets}/train", tmp_path / "store")
    assert (store.copies.in_training, store.copies.num_validation) == (2, 2)
    assert store.copies.training_example == ("ant/1.png", "ant/1.png")


def test_an_earlier_store_stays_valid_and_is_counted_as_it_is_verified(pets, tmp_path):
    shutil.copy(pets / "train/ant/0.png", pets / "val/ant/again.png")
    path = stores.make(f"folder:{pets}", tmp_path / "store").folder
    fields = json.loads((path / "store.json").read_text())
    del fields["copies"]
    (path / "store.json").write_text(json.dumps(fields))
    assert copies_of(f"store:{path}") is None
    warnings = []
    assert list(verify(path, processes=1, warn=warnings.append)) == []
    assert warnings == [IN_TRAINING]


def test_unreadable_images_of_a_store_are_no_copies(pets, tmp_path):
    path = stores.make(f"folder:{pets}", tmp_path / "store").folder
    for shard in path.glob("*array_record*"):
        shard.write_bytes(b"")
    warnings = []
    assert list(verify(path, processes=1, warn=warnings.append)) != []
    assert warnings == []


@pytest.mark.parametrize("kind", ["folder", "store"])
def test_a_study_folder_keeps_the_count(pets, tmp_path, kind):
    shutil.copy(pets / "train/ant/0.png", pets / "val/ant/again.png")
    spec = f"folder:{pets}"
    if kind == "store":
        spec = f"store:{stores.make(spec, tmp_path / 'store').folder}"
    images = load(spec, image_size=16)
    study_copy.save(tmp_path / "kept", images)
    assert study_copy.copies(tmp_path / "kept").warnings == [IN_TRAINING]
    assert study_copy.load(tmp_path / "kept").copies == images.copies


def test_a_study_folder_without_the_count_stays_valid(pets, tmp_path):
    study_copy.save(tmp_path / "kept", load(f"folder:{pets}", image_size=16))
    path = tmp_path / "kept/dataset.json"
    fields = json.loads(path.read_text())
    del fields["copies"]
    path.write_text(json.dumps(fields))
    assert study_copy.copies(tmp_path / "kept") is None
    assert study_copy.load(tmp_path / "kept").copies is None


@pytest.mark.parametrize(
    "text", ["[", "[]", '{"copies": 1}', '{"copies": {}}', '{"copies": {"x": 1}}']
)
def test_a_damaged_count_is_as_none(tmp_path, text):
    (tmp_path / "dataset.json").write_text(text)
    assert study_copy.copies(tmp_path) is None


def test_a_count_of_the_wrong_type_is_as_none(tmp_path):
    fields = {**dataclasses.asdict(NONE), "in_training": "three"}
    (tmp_path / "dataset.json").write_text(json.dumps({"copies": fields}))
    assert study_copy.copies(tmp_path) is None
