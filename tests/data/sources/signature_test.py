"""The signature of a source changes when its files change."""

import os

import pytest

from yosinski_tf.data.embedded import embedded_images
from yosinski_tf.data.sources.signature import sign


@pytest.fixture
def data(tmp_path):
    for part in ("train", "val"):
        for name in ("cat", "cup"):
            folder = tmp_path / "data" / part / name
            folder.mkdir(parents=True)
            for index in range(2):
                (folder / f"{index}.png").write_bytes(b"pixels")
    return tmp_path / "data"


def test_the_same_files_have_the_same_signature_by_any_path(data, monkeypatch):
    first = sign(f"folder:{data}")
    assert len(first) == 64
    monkeypatch.chdir(data.parent)
    assert sign("folder:data/") == first
    (data / ".hidden").touch()
    (data / "train" / "cat" / "Thumbs.db").touch()
    assert sign("folder:data") == first


def test_a_study_beside_the_images_is_no_part_of_them(data):
    first = sign(f"folder:{data}")
    (data / "runs/mine/dataset").mkdir(parents=True)
    (data / "runs/mine/study.json").touch()
    (data / "runs/mine/results.csv").write_text("more and more")
    assert sign(f"folder:{data}") == first


def _touch(path):
    os.utime(path, (1, 1))


def _same_size_and_time(path):
    state = path.stat()
    path.write_bytes(b"PIXELS")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.unlink(),
        lambda path: path.rename(path.with_name("7.png")),
        lambda path: path.with_name("7.png").write_bytes(b"pixels"),
        lambda path: path.write_bytes(b"more pixels"),
        _touch,
        _same_size_and_time,
    ],
)
def test_any_change_changes_the_signature(data, change):
    def signs():
        return sign(f"folder:{data}"), sign("tfds:data", str(data.parent))

    before = signs()
    change(data / "val" / "cup" / "1.png")
    assert all(one != other for one, other in zip(before, signs(), strict=True))


def test_a_newer_version_of_a_tfds_data_set_changes_the_signature(tmp_path):
    for version in ("3.0.1", "3.0.2"):
        folder = tmp_path / "cifar10" / version
        folder.mkdir(parents=True)
        (folder / "dataset_info.json").write_text(version)
        signs = [
            sign(f"tfds:cifar10{suffix}", str(tmp_path)) for suffix in ("", ":3.0.1")
        ]
        assert signs[0] == signs[1]
        if version == "3.0.1":
            before = signs[0]
    assert signs[0] != before


@pytest.mark.parametrize("spec", ["folder:nowhere", "folder:", "tfds:x", "store:gone"])
def test_a_missing_source_has_no_signature(tmp_path, monkeypatch, spec):
    monkeypatch.chdir(tmp_path)
    assert sign(spec, str(tmp_path)) is None


def test_embedded_images_depend_on_their_seed_and_the_program(monkeypatch):
    assert sign("embedded") == sign("embedded:0") != sign("embedded:1")
    before = sign("embedded")
    monkeypatch.setattr(embedded_images, "VERSION", "1.0.1")
    assert sign("embedded") != before
