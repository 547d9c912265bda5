"""Making a store: unreadable images, continuing after a stop, what is refused."""

import json

import pytest
import tensorflow_datasets as tfds
from PIL import Image
from stores import content, draw, make, pixels, request

from yosinski_tf.data.prepare import disk_space, tfds_metadata
from yosinski_tf.data.prepare.make_store import make_store
from yosinski_tf.data.prepare.shards import make_shard
from yosinski_tf.data.store.format import open_store
from yosinski_tf.data.unreadable import Unreadable
from yosinski_tf.system.errors import UserError


def break_images(folder):
    """Damages an image, empties one and replaces one; returns their names."""
    truncated = folder / "train/ant/1.jpg"
    truncated.write_bytes(truncated.read_bytes()[:500])
    (folder / "train/cow/0.png").write_bytes(b"")
    (folder / "val/bee/0.png").write_text("no image")
    return ["train/ant/1.jpg", "train/cow/0.png", "val/bee/0.png"]


def test_unreadable_images_are_named_after_all_others_are_done(tmp_path, images):
    broken, out = break_images(images), tmp_path / "store"
    with pytest.raises(Unreadable, match=r"3 image\(s\) cannot be read") as raised:
        make(f"folder:{images}", out)
    assert [name for name, _ in raised.value.images] == broken
    assert all(name in why for name, why in raised.value.images)
    assert "runcated" in raised.value.images[0][1]
    listed = (tmp_path / "store.partial" / "work" / "unreadable.txt").read_text()
    assert [line.split("\t")[0] for line in listed.splitlines()] == broken
    assert not out.exists()
    made = sorted(p.name[:13] for p in (tmp_path / "store.partial/store").iterdir())
    # Of 5 files of training and 3 of validation images 3 have an unreadable image.
    assert len(made) == 5


def test_after_a_repair_only_the_incomplete_files_are_made(tmp_path, images):
    whole = make(f"folder:{images}", tmp_path / "whole")
    kept = {path: path.read_bytes() for path in images.rglob("*.*") if path.is_file()}
    break_images(images)
    again = request(f"folder:{images}", tmp_path / "store")
    with pytest.raises(Unreadable):
        make_store(again)
    for path, data in kept.items():
        if path.read_bytes() != data:
            path.write_bytes(data)
    seen = []
    store = make_store(again, report=lambda *now: seen.append(now))
    # 17 images are in finished files.
    assert seen[0] == ("preparing", 17, 27)
    assert content(store.folder) == content(whole.folder)


def test_unreadable_images_are_left_out_and_recorded(tmp_path, images):
    broken = break_images(images)
    store = make(f"folder:{images}", tmp_path / "store", skip_corrupt=True)
    assert [s["file_name"] for s in store.skipped] == broken
    assert [s["split"] for s in store.skipped] == ["train", "train", "validation"]
    assert store.skipped[1]["class_name"] == "cow"
    assert "runcated" in store.skipped[0]["reason"]
    assert store.class_counts("train").tolist() == [4, 6, 6]
    assert store.file_names("train")[:2] == ["train/ant/0.png", "train/ant/2.png"]
    assert len(pixels(store, "validation")[0]) == 8
    assert store.rank_sums().shape[0] == 6


def test_a_class_of_unreadable_images_only(tmp_path, images):
    for path in (images / "val/ant").iterdir():
        path.write_text("no image")
    options = {"skip_corrupt": True, "shard_records": None}
    with pytest.raises(UserError, match="no validation image of class 'ant' can be"):
        make(f"folder:{images}", tmp_path / "store", **options)


def test_finished_files_are_kept_and_changed_images_prepared_again(tmp_path, images):
    wanted = request(f"folder:{images}", tmp_path / "store")

    def two_files(tasks, advance, notes):
        for task in tasks[:2]:
            make_shard(task, advance)
        raise UserError("stopped here")

    with pytest.raises(UserError, match="stopped here"):
        make_store(wanted, runner=two_files)
    first, second = sorted((tmp_path / "store.partial/store").glob("*-0000[01]-of-*"))
    before = [path.stat().st_mtime_ns for path in (first, second)]
    Image.new("RGB", (20, 20), (1, 2, 3)).save(images / "train/ant/0.png")
    (tmp_path / "store.partial/store/.left.part").write_bytes(b"of a killed start")
    store = make_store(wanted)
    after = [(store.folder / p.name).stat().st_mtime_ns for p in (first, second)]
    assert after[0] != before[0] and after[1] == before[1]
    assert pixels(store, "train")[2][0, 0, 0].tolist() == [1, 2, 3]
    assert not (store.folder / ".left.part").exists()


def test_a_half_written_file_of_another_machine_is_removed(tmp_path, images):
    wanted = request(f"folder:{images}", tmp_path / "store")

    def interrupted(tasks, advance, notes):
        for task in tasks:
            make_shard(task, advance)
        left = tasks[0].path.with_name(".images.0000000a-1.part")
        left.write_bytes(b"of a machine that was lost")

    store = make_store(wanted, runner=interrupted)
    assert not list(store.folder.rglob("*.part"))


def test_an_existing_store_is_kept(tmp_path, raw):
    assert make(raw.source, raw.folder) == open_store(raw.folder)
    with pytest.raises(UserError, match="needs a store of .* 8 x 8 .* 16 x 16 pixels"):
        make(raw.source, raw.folder, image_size=8)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/file").touch()
    with pytest.raises(UserError, match="found other files in .*taken: give"):
        make(raw.source, tmp_path / "taken")


def test_work_begun_with_other_settings_is_not_thrown_away(tmp_path, images):
    break_images(images)
    with pytest.raises(Unreadable):
        make(f"folder:{images}", tmp_path / "store")
    with pytest.raises(UserError, match="begun with --image_size=16 .* found 8: give"):
        make(f"folder:{images}", tmp_path / "store", image_size=8)


def test_a_second_command_in_the_same_folder_is_refused(tmp_path, folder):
    wanted = request(f"folder:{folder}", tmp_path / "store")

    def second(tasks, advance, notes):
        make_store(wanted)

    with pytest.raises(UserError, match="another yosinski-prepare works in .*partial"):
        make_store(wanted, runner=second)


def test_a_disk_that_is_too_small_is_refused_first(tmp_path, folder, monkeypatch):
    usage = type("Usage", (), {"free": 50_000})
    monkeypatch.setattr(disk_space.shutil, "disk_usage", lambda path: usage)
    words = r"needs about \S+ MB in .*, found 0.1 MB free: make"
    with pytest.raises(UserError, match=words):
        make(f"folder:{folder}", tmp_path / "store")
    assert list(tmp_path.iterdir()) == []


def test_names_that_do_not_fit_on_a_line(tmp_path):
    folder = draw(tmp_path / "images", 1, 1)
    (folder / "train/ant/0.png").rename(folder / "train/ant/a\nb.png")
    with pytest.raises(UserError, match="need one line of text, found .*: rename"):
        make(f"folder:{folder}", tmp_path / "store")


def test_a_name_of_any_bytes(tmp_path):
    folder = draw(tmp_path / "images", 1, 1)
    (folder / "train/ant/0.png").rename(folder / "train/ant/caf\udce9.png")
    store = make(f"folder:{folder}", tmp_path / "store")
    source = tfds.builder_from_directory(store.folder).as_data_source("train")
    assert source[0]["file_name"] == b"train/ant/caf\xe9.png"
    assert store.file_names("train")[0] == "train/ant/caf\udce9.png"


def test_records_that_do_not_read_back_are_refused(tmp_path, folder, monkeypatch):
    write = tfds_metadata.write

    def and_damage(store):
        path = store.shard_paths("train")[1]
        data = bytearray(path.read_bytes())
        data[data.index(b"train/ant/4.png")] ^= 1
        path.write_bytes(data)
        write(store)

    monkeypatch.setattr(tfds_metadata, "write", and_damage)
    with pytest.raises(UserError, match="do not read back as they were written, the f"):
        make(f"folder:{folder}", tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_warnings_are_given_and_recorded(tmp_path):
    folder = draw(tmp_path / "images", 1, 1)

    def rename(old, new):
        for part in ("train", "val"):
            (folder / part / old).rename(folder / part / new)

    rename("ant", "n01440764")
    rename("bee", "n01443537")
    # Not a class of ILSVRC2012.
    rename("cow", "n02084071")
    assert make(f"folder:{folder}", tmp_path / "a").warnings == ()
    rename("n02084071", "n01484850")
    name = folder / "train/n01440764/n01443537_7.png"
    (folder / "train/n01440764/0.png").rename(name)
    given = []
    store = make_store(request(f"folder:{folder}", tmp_path / "b"), warn=given.append)
    assert store.warnings == tuple(given)
    assert given == [
        "1 training image(s) have the name of another class, the first is"
        " train/n01440764/n01443537_7.png of class n01440764"
    ]
    assert store.families == ("natural",) * 3
    fields = json.loads((store.folder / "store.json").read_text())
    assert fields["warnings"] == given
