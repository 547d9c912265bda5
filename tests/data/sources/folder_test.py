"""Data sets in folders with one folder per class."""

import os
import pathlib
import tarfile

import numpy as np
import pytest
import refusals
from commands import python
from PIL import Image
from places import TINY_IMAGENET

from yosinski_tf.data.sources import folder, memory_check
from yosinski_tf.data.sources.by_name import load
from yosinski_tf.data.sources.image_set import make_image_set
from yosinski_tf.experiment import ilsvrc
from yosinski_tf.system.errors import UserError


def save(path, colour=(200, 100, 50), size=(6, 4), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, **options)
    return path


def two_levels(root, validation="val", classes=("ant", "bee")):
    for i, name in enumerate(classes):
        # In reverse, so that the order of loading is not that of writing.
        for k in reversed(range(3)):
            save(root / "train" / name / f"{k}.png", (10 * i, 20 * k, 0))
        save(root / validation / name / "0.png", (10 * i, 200, 0))
    return root


def one_level(root, count=10, classes=("ant", "bee")):
    for i, name in enumerate(classes):
        for k in range(count):
            save(root / name / f"{k:02d}.png", (10 * i, 20 * k, 0))
    return root


def load_folder(root, **options):
    return load(f"folder:{root}", image_size=4, **options)


def assert_refused(words, root, **options):
    with pytest.raises(UserError, match=words):
        load_folder(root, **options)


@pytest.mark.parametrize("validation", ["val", "validation"])
def test_folder_of_two_levels(tmp_path, validation):
    data = load_folder(two_levels(tmp_path, validation))
    assert data.name == f"folder:{tmp_path}"
    assert data.class_names == ("ant", "bee")
    assert data.families is None
    assert data.train_images.shape == (6, 4, 4, 3)
    assert data.train_images.dtype == np.uint8
    assert data.train_labels.dtype == np.int32
    assert data.train_labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.train_images[:, 0, 0].tolist() == [
        [0, 0, 0], [0, 20, 0], [0, 40, 0], [10, 0, 0], [10, 20, 0], [10, 40, 0],
    ]  # fmt: skip
    assert data.validation_labels.tolist() == [0, 1]
    assert data.validation_images[:, 3, 3].tolist() == [[0, 200, 0], [10, 200, 0]]


def test_arrays_are_read_only(tmp_path):
    data = load_folder(two_levels(tmp_path))
    with pytest.raises(ValueError, match="read-only"):
        data.train_images[0] = 0


def test_fingerprint_depends_on_names_pixels_and_labels(tmp_path):
    data = load_folder(two_levels(tmp_path))
    again = load_folder(tmp_path)
    assert data.fingerprint == again.fingerprint
    assert len(data.fingerprint) == 64

    def fingerprint(names=data.class_names, flip=False, labels=data.train_labels):
        images = data.train_images.copy()
        images[0, 0, 0, 0] ^= flip
        validation = (data.validation_images, data.validation_labels)
        train = (images, labels)
        return make_image_set("x", names, None, train, validation).fingerprint

    assert fingerprint() == data.fingerprint
    others = {
        fingerprint(names=("ape", "bee")),
        fingerprint(flip=True),
        fingerprint(labels=data.train_labels[::-1]),
    }
    assert len(others) == 3 and data.fingerprint not in others


def test_hidden_files_and_files_beside_classes_are_ignored(tmp_path):
    root = two_levels(tmp_path)
    for name in (".DS_Store", "Thumbs.db", "._0.png"):
        (root / "train/ant" / name).write_bytes(b"\0")
    (root / "README.md").write_text("two classes")
    (root / "train/labels.txt").write_text("ant")
    (root / "train/.cache").mkdir()
    assert load_folder(root).train_labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_held_out_fraction(tmp_path):
    one_level(tmp_path)
    data = load_folder(tmp_path, held_out=0.2)
    assert np.bincount(data.train_labels).tolist() == [8, 8]
    assert np.bincount(data.validation_labels).tolist() == [2, 2]
    greens = [
        sorted(data.train_images[data.train_labels == label][:, 0, 0, 1].tolist())
        + sorted(data.validation_images[data.validation_labels == label][:, 0, 0, 1])
        for label in (0, 1)
    ]
    assert [sorted(g) for g in greens] == [list(range(0, 200, 20))] * 2
    # Both parts keep the order of the list.
    assert greens[0][:8] == data.train_images[:8, 0, 0, 1].tolist()
    words = "between 0 and 1, found nan: give"
    assert_refused(words, tmp_path, held_out=float("nan"))


def test_held_out_images_are_the_same_every_time(tmp_path):
    one_level(tmp_path)
    first = load_folder(tmp_path, held_out=0.3)
    assert load_folder(tmp_path, held_out=0.3).fingerprint == first.fingerprint
    other = load_folder(tmp_path, held_out=0.3, held_out_seed=1)
    assert other.fingerprint != first.fingerprint
    one_level(tmp_path, classes=("aardvark",))
    more = load_folder(tmp_path, held_out=0.3)
    bees, more_bees = (
        data.validation_images[data.validation_labels == data.class_names.index("bee")]
        for data in (first, more)
    )
    assert bees[:, 0, 0, 1].tolist() == more_bees[:, 0, 0, 1].tolist()


@pytest.mark.parametrize("fraction", [0.01, 0.99])
def test_held_out_leaves_an_image_on_each_side(tmp_path, fraction):
    data = load_folder(one_level(tmp_path, count=2), held_out=fraction)
    assert data.train_labels.tolist() == data.validation_labels.tolist() == [0, 1]


# As a Mac writes them, and as other systems do.
NFD = ("A\u0308hre", "Cafe\u0301", "O\u0308l")
NFC = ("\xc4hre", "Caf\xe9", "\xd6l")


@pytest.mark.parametrize(("names", "first"), [(NFC, 1), (NFD, 0)])
def test_names_stay_as_the_disk_has_them_and_so_does_their_order(
    tmp_path, names, first
):
    data = load_folder(two_levels(tmp_path, classes=names))
    assert data.class_names == (names[first], *sorted({*names} - {names[first]}))
    assert data.train_images[0, 0, 0].tolist() == [10 * first, 0, 0]


def test_training_and_validation_of_two_systems(tmp_path):
    two_levels(tmp_path, classes=NFD)
    for mac, other in zip(NFD, NFC, strict=True):
        (tmp_path / "val" / mac).rename(tmp_path / "val" / other)
    data = load_folder(tmp_path)
    assert data.class_names == NFD
    assert data.validation_images[:, 0, 0, 0].tolist() == [0, 10, 20]


def test_held_out_images_of_a_class_named_by_a_mac(tmp_path):
    data = load_folder(one_level(tmp_path, classes=NFD), held_out=0.2)
    found = data.validation_images[:, 0, 0, 1].tolist()
    # As they were when no names were compared.
    assert found == [20, 80, 60, 180, 20, 80]


def test_two_names_that_differ_in_their_accents_alone(tmp_path):
    one_level(tmp_path, count=2, classes=("Caf\xe9", "Cafe\u0301", "ant"))
    words = r"how 'Caf.*' is written in Unicode, 'Caf.*' and 'Caf.*': rename one"
    assert_refused(words, tmp_path, held_out=0.5)


def test_names_that_differ_in_case_or_spaces_are_other_classes(tmp_path):
    two_levels(tmp_path)
    (tmp_path / "val/ant").rename(tmp_path / "val/Ant")
    assert_refused("found a folder 'ant' in .*/train but not in", tmp_path)
    (tmp_path / "val/Ant").rename(tmp_path / "val/ant ")
    (tmp_path / "train/ant").rename(tmp_path / "train/ant ")
    assert load_folder(tmp_path).class_names == ("ant ", "bee")


def test_a_class_may_be_called_train(tmp_path):
    one_level(tmp_path, classes=("car", "train"))
    assert load_folder(tmp_path, held_out=0.5).class_names == ("car", "train")


def test_other_files_are_found_before_any_image_is_read(tmp_path):
    two_levels(tmp_path)
    (tmp_path / "train/ant/0.png").write_bytes(b"damaged")
    (tmp_path / "val/bee/notes.txt").write_text("notes")
    assert_refused("bee/notes.txt, which is not an image: m", tmp_path)


@pytest.mark.parametrize("levels", [one_level, two_levels])
@pytest.mark.parametrize("made", ["runs", "runs/mine", "ant/runs", "../link/runs", ""])
def test_nothing_is_made_among_the_classes(tmp_path, monkeypatch, levels, made):
    root = levels(tmp_path / "data")
    part = root / "train" if levels is two_levels else root
    (part.parent / "link").symlink_to(part / "bee")
    words = f"--runs needs a folder outside the images of folder:{root}, found"
    place = part / made
    refusals.assert_refused(words, folder.check_outside, str(root), place, "--runs")
    monkeypatch.chdir(part)
    refusals.assert_refused(
        "taken for classes: give one such as --out=/",
        *(folder.check_outside, os.path.relpath(root), pathlib.Path(made), "--out"),
    )


def test_nothing_is_made_where_validation_images_would_be_looked_for(tmp_path):
    two_levels(tmp_path / "data")
    for name in ("validation", "val/runs"):
        refusals.assert_refused(
            "outside",
            *(folder.check_outside, str(tmp_path / "data")),
            *(tmp_path / "data" / name, "--runs"),
        )


def test_a_linked_class_is_a_place_of_images_too(tmp_path):
    one_level(tmp_path / "data")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data/cow").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data/runs").symlink_to(tmp_path / "nowhere")
    for made in (tmp_path / "elsewhere/runs", tmp_path / "data/runs"):
        refusals.assert_refused(
            "outside", folder.check_outside, str(tmp_path / "data"), made, "--runs"
        )


def test_a_study_may_stand_where_no_class_is_looked_for(tmp_path, monkeypatch):
    two_levels(tmp_path / "two")
    one_level(tmp_path / "one")
    monkeypatch.chdir(tmp_path)
    for directory, made in (
        ("two", "two/runs"),
        ("one", "one/.runs"),
        ("one", "one/ant/.runs"),
        ("one", "runs"),
        ("one", "one-runs"),
        ("nowhere", "nowhere/runs"),
    ):
        folder.check_outside(directory, pathlib.Path(made), "--runs")


@pytest.mark.parametrize("made", ["study.json", "mine/study.json", "store.json"])
@pytest.mark.parametrize("place", ["one/runs", "two/train/x", "two/train/bee/x"])
def test_a_study_among_the_classes_is_not_to_be_removed(tmp_path, made, place):
    one_level(tmp_path / "one")
    two_levels(tmp_path / "two")
    (tmp_path / place / made).parent.mkdir(parents=True)
    (tmp_path / place / made).touch()
    root, _, name = place.partition("/")
    words = f"{name}(/mine)?, which holds a study, a store or an export: move"
    assert_refused(words, tmp_path / root, held_out=0.5 if root == "one" else None)


def test_all_unreadable_images_of_both_parts_are_named(tmp_path):
    two_levels(tmp_path)
    for name in ("train/bee/1.png", "val/ant/0.png", "train/ant/2.png"):
        (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(UserError, match="^3 images cannot be read") as raised:
        load_folder(tmp_path)
    start, end = f"cannot read image {tmp_path}/", " (it is not an image): replace it"
    for line, name in zip(
        raised.value.details,
        ("train/ant/2.png", "train/bee/1.png", "val/ant/0.png"),
        strict=True,
    ):
        assert line.startswith(f"{start}{name}{end}")


def test_linked_class_folders_are_read(tmp_path):
    two_levels(tmp_path / "real")
    (tmp_path / "train").symlink_to(tmp_path / "real/train")
    (tmp_path / "val").symlink_to(tmp_path / "real/val")
    assert load_folder(tmp_path).class_names == ("ant", "bee")


def test_images_are_known_by_content_not_by_extension(tmp_path):
    two_levels(tmp_path)
    save(tmp_path / "train/ant/3", (0, 60, 0), format="PNG")
    save(tmp_path / "train/ant/4.dat", (0, 80, 0), format="BMP")
    save(tmp_path / "train/ant/5.JPEG", (0, 100, 0), format="PNG")
    greens = load_folder(tmp_path).train_images[:6, 0, 0, 1]
    assert greens.tolist() == [0, 20, 40, 60, 80, 100]


def test_more_images_than_one_batch_keep_their_order(tmp_path):
    for part, count in (("train", 200), ("val", 1)):
        for name in ("ant", "bee"):
            for k in range(count):
                save(tmp_path / part / name / f"{k:03d}.png", (k, 0, 0))
    seen = []
    data = load_folder(tmp_path, progress=lambda *now: seen.append(now))
    assert data.train_images[:, 0, 0, 0].tolist() == list(range(200)) * 2
    assert seen[-1] == (402, 402)
    assert seen == sorted(seen) and len(seen) > 3


def test_memory_is_checked_before_images_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(memory_check, "available_memory", lambda: 3_000_000_000)
    two_levels(tmp_path)
    (tmp_path / "train/ant/0.png").write_bytes(b"damaged")
    with pytest.raises(UserError) as caught:
        load(f"folder:{tmp_path}", image_size=10_000)
    assert str(caught.value) == (
        "8 images of 10000 x 10000 pixels need 2.40 GB of memory, found 1.80 GB (60% of"
        " the free 3.00 GB): choose a smaller image size, fewer images or a machine"
        " with more memory"
    )


def test_loading_a_folder_imports_no_tensorflow(tmp_path):
    two_levels(tmp_path)
    code = (
        "import sys\n"
        "from yosinski_tf.data.sources import by_name\n"
        f"by_name.load('folder:{tmp_path}', image_size=4)\n"
        "found = [m for m in sys.modules if m.startswith(('tensorflow', 'keras'))]\n"
        "sys.exit(str(found) if found else 0)\n"
    )
    python(code, check=True)


def test_real_images(tmp_path):
    if not TINY_IMAGENET.exists():
        pytest.skip("no Tiny ImageNet images here")
    with tarfile.open(TINY_IMAGENET) as tar:
        members = tar.getmembers()
        names = sorted({m.name.split("/")[1] for m in members if m.isfile()})
        chosen = (names[0], names[1], names[-2], names[-1])
        taken = [m for m in members if m.isfile() and m.name.split("/")[1] in chosen]
        for member in taken:
            path = tmp_path / member.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(tar.extractfile(member).read())
    families = ilsvrc.families(names)
    assert (families.count("natural"), families.count("manmade")) == (36, 64)
    data = load(f"folder:{tmp_path}", image_size=64)
    assert data.class_names == chosen
    assert data.train_images.shape == (2000, 64, 64, 3)
    assert np.bincount(data.validation_labels).tolist() == [50] * 4
    assert 90 < data.train_images.mean() < 150
