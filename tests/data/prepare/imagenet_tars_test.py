"""ImageNet is prepared from its two tar files by TensorFlow Datasets' builder."""

import io
import json
import shutil
import tarfile

import numpy as np
import pytest
import tensorflow_datasets as tfds
from commands import TINY, run
from PIL import Image
from places import PHOTOGRAPHS
from stores import make, photographs

from yosinski_tf.data import decoding
from yosinski_tf.data.prepare import imagenet_tars
from yosinski_tf.data.prepare.verify import verify
from yosinski_tf.experiment import ilsvrc
from yosinski_tf.system.errors import UserError

SPEC = "tfds:imagenet2012"
VALIDATION = 12


def add(tar, name, data):
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def make_tars(folder, images):
    """Writes tar files of ImageNet's form, with three photographs of a few classes.

    The classes are those of ImageNet's first validation images, whose labels the
    builder has.

    Returns:
      Class to content of its training images by file name, and the labels of the
      validation images.
    """
    folder.mkdir()
    labels = tfds.core.tfds_path("datasets/imagenet2012/validation_labels.txt")
    labels = labels.read_text().split()[:VALIDATION]
    train, given = {}, iter(images)
    for name in sorted(set(labels)):
        # Not in the order of their names.
        train[name] = {f"{name}_{k}.JPEG": next(given) for k in (9, 10, 2)}
    with tarfile.open(folder / imagenet_tars.TARS[0], "w") as tar:
        for name in reversed(train):
            file = io.BytesIO()
            with tarfile.open(fileobj=file, mode="w") as inner:
                for image, data in train[name].items():
                    add(inner, image, data)
            add(tar, f"{name}.tar", file.getvalue())
    with tarfile.open(folder / imagenet_tars.TARS[1], "w") as tar:
        for number in reversed(range(VALIDATION)):
            add(tar, f"ILSVRC2012_val_{number + 1:08d}.JPEG", images[number])
    return train, labels


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    if not PHOTOGRAPHS.exists():
        pytest.skip("needs 100 ImageNet photographs, which are not in the project")
    root = tmp_path_factory.mktemp("imagenet")
    train, labels = make_tars(root / "tars", list(photographs().values()))
    options = {
        "data_dir": str(root / "tfds"),
        "manual_dir": str(root / "tars"),
        **{"image_size": 64, "encoding": "jpeg", "shard_records": 8},
    }
    store = make(SPEC, root / "store", **options)
    return store, train, labels, options


def test_the_store_holds_the_photographs_of_the_tars(prepared):
    store, train, labels, _ = prepared
    assert store.class_names == tuple(sorted(set(labels)))
    assert store.families is not None
    # ImageNet's lists are sorted by name, whatever the order in the tar file.
    names = [name for images in train.values() for name in sorted(images)]
    assert store.file_names("train") == names
    assert names[0].endswith("_10.JPEG") and names[1].endswith("_2.JPEG")
    source = tfds.builder_from_directory(store.folder).as_data_source("train")
    assert len(source) == 3 * len(store.class_names)
    file = io.BytesIO()
    data = train[store.class_names[1]][names[4]]
    pixels = decoding.decode_image(data, names[4], 64)
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    assert (source[4]["image"] == Image.open(file)).all()
    assert source[4]["label"] == 1


def test_validation_images_have_the_labels_of_imagenet(prepared):
    store, _, labels, _ = prepared
    names = store.file_names("validation")
    given = [store.class_names[label] for label in store.labels("validation")]
    for name, label in zip(names, given, strict=True):
        assert labels[int(name[15:23]) - 1] == label
    assert len(names) == VALIDATION


def test_a_network_is_trained_on_the_store(prepared, tmp_path):
    store, *_ = prepared
    tiny = [option for option in TINY if "image_size" not in option]
    done = run(
        "base",
        *tiny,
        f"--runs={tmp_path}",
        f"--dataset=store:{store.folder}",
        "--split=first:2",
        "--treatments=baseW",
        "--crop_size=32",
        "--mirror",
        "--mean=image",
    )
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "first-2_baseW_seed0/record.json").read_text())
    assert record["dataset"] == "store:tfds:imagenet2012"
    assert record["class_names"] == list(store.class_names)
    assert record["num_train_images"] == 2 * len(store.class_names)
    assert record["num_validation_images"] == VALIDATION
    assert (record["recipe"]["image_size"], record["recipe"]["crop_size"]) == (64, 32)
    # The mean is that of the first two images of each class, as they are stored.
    source = tfds.builder_from_directory(store.folder).as_data_source("train")
    first = [i for i in range(len(source)) if i % 3 < 2]
    mean = np.mean([source[i]["image"] for i in first], axis=0)
    found = np.load(tmp_path / "first-2_baseW_seed0/mean_image.npy")
    np.testing.assert_allclose(found, mean, rtol=1e-6)


def test_the_store_is_compared_with_what_imagenet_promises(prepared):
    store, *_ = prepared
    classes = len(store.class_names)
    absent = [n for n in ilsvrc.class_families() if n not in store.class_names]
    found = store.warnings
    assert found[:2] == (
        f"{1000 - classes} of 1,000 classes that tfds:imagenet2012 names have no image"
        f" and are left out, the first is {absent[0]!r}",
        f"{3 * classes} ImageNet training images found, 1,281,167 promised:"
        f" {1_281_167 - 3 * classes:,} missing",
    )
    assert (
        "12 ImageNet validation images found, 50,000 promised: 49,988 missing" in found
    )


def test_the_store_is_whole_and_needs_the_tars_once(prepared, tmp_path):
    store, _, _, options = prepared
    assert list(verify(store.folder, processes=1)) == []
    # Uses what TensorFlow Datasets has prepared.
    without = {**options, "manual_dir": str(tmp_path)}
    again = make(SPEC, tmp_path / "again", **without)
    assert again.fingerprint == store.fingerprint


def test_tar_files_that_are_missing_or_damaged(tmp_path, monkeypatch):
    options = {"data_dir": str(tmp_path / "tfds"), "manual_dir": str(tmp_path / "tars")}

    def assert_refused(words):
        with pytest.raises(UserError, match=words):
            make(SPEC, tmp_path / "store", **options)

    assert_refused("no file .*train.tar: give .*--manual_dir")
    image = io.BytesIO()
    Image.new("RGB", (8, 8)).save(image, "JPEG")
    make_tars(tmp_path / "tars", [image.getvalue()] * 99)
    train, val = (tmp_path / "tars" / name for name in imagenet_tars.TARS)
    whole = train.read_bytes()
    train.write_bytes(b"\0" * 100)
    assert_refused("train.tar is not a tar file: download it")
    train.write_bytes(whole[: len(whole) // 2 + 700])
    assert_refused("cannot prepare ImageNet from .*tars")
    assert list((tmp_path / "tfds").rglob("incomplete*")) == []
    val.unlink()
    assert_refused("no file .*val.tar: give")
    val.write_bytes(whole)
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    words = r"unpacking ImageNet needs about \S+ MB in .*tfds, found 0.0 MB"
    assert_refused(words)
    assert not (tmp_path / "store.partial").exists()
