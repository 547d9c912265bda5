"""Preparing a store, within this process: what comes out, and what is refused."""

import io
import json

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image
from stores import content, draw, make, request

from yosinski_tf.data import disk_space, prepare
from yosinski_tf.data.sources import load
from yosinski_tf.data.store_format import open_store
from yosinski_tf.errors import UserError


def pixels(store, split):
    """Labels, names and images of a store, by TensorFlow Datasets alone."""
    source = tfds.builder_from_directory(store.folder).as_data_source(split)
    examples = list(source)
    return (
        [int(e["label"]) for e in examples],
        [e["file_name"].decode() for e in examples],
        np.stack([e["image"] for e in examples]),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("images") / "images")


@pytest.fixture(scope="module")
def raw(folder, tmp_path_factory):
    return make(f"folder:{folder}", tmp_path_factory.mktemp("raw") / "store")


@pytest.fixture(scope="module")
def jpeg(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("jpeg") / "store"
    return make(f"folder:{folder}", out, encoding="jpeg")


@pytest.fixture(scope="module")
def in_memory(folder):
    return load(f"folder:{folder}", image_size=16)


def test_the_description(raw, folder):
    assert raw.source == f"folder:{folder}"
    assert (raw.image_size, raw.encoding, raw.quality) == (16, "raw", None)
    assert raw.class_names == ("ant", "bee", "cow") and raw.families is None
    assert raw.splits["train"].shard_lengths == (3, 4, 3, 4, 4)
    assert raw.splits["validation"].shard_lengths == (3, 3, 3)
    assert raw.skipped == raw.warnings == ()
    assert raw.class_counts("train").tolist() == [5, 6, 7]
    assert raw.versions.keys() >= {"python", "pillow", "array_record"}
    assert not raw.folder.with_name("store.partial").exists()


def test_raw_pixels_are_those_of_the_folder(raw, in_memory):
    for split, images, labels in (
        ("train", in_memory.train_images, in_memory.train_labels),
        ("validation", in_memory.validation_images, in_memory.validation_labels),
    ):
        found, _, stored = pixels(raw, split)
        np.testing.assert_array_equal(stored, images)
        assert found == labels.tolist() == raw.labels(split).tolist()


def test_jpeg_pixels_are_those_of_the_folder_after_jpeg(jpeg, in_memory):
    wanted = []
    for image in in_memory.train_images:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=90)
        wanted.append(np.asarray(Image.open(file)))
    labels, _, stored = pixels(jpeg, "train")
    np.testing.assert_array_equal(stored, wanted)
    assert labels == in_memory.train_labels.tolist()


def test_images_of_a_class_keep_the_order_of_the_source(raw):
    _, names, _ = pixels(raw, "train")
    assert names == raw.file_names("train")
    assert names[:6] == [
        "train/ant/0.png", "train/ant/1.jpg", "train/ant/2.png", "train/ant/3.jpg",
        "train/ant/4.png", "train/bee/0.png",
    ]  # fmt: skip
    assert raw.file_names("validation")[0] == "val/ant/0.png"


@pytest.mark.parametrize("encoding", ["raw", "jpeg"])
def test_sums_give_the_mean_of_any_half_and_reduced_set(encoding, request):
    store = request.getfixturevalue(encoding)
    labels, _, images = pixels(store, "train")
    labels, images = np.array(labels), images.astype(np.int64)
    classes, ranks = store.class_sums(), store.rank_sums()
    assert classes.shape == (3, 16, 16, 3) and ranks.shape == (7, 16, 16, 3)
    for label in range(3):
        np.testing.assert_array_equal(classes[label], images[labels == label].sum(0))
    first_two = [0, 1, 5, 6, 11, 12]
    np.testing.assert_array_equal(ranks[:2].sum(0), images[first_two].sum(0))
    np.testing.assert_array_equal(ranks.sum(0), images.sum(0))


def test_tensorflow_parses_the_records(raw, jpeg):
    from yosinski_tf.data.record_files import read_records

    features = {
        "image": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.int64),
    }
    for store in (raw, jpeg):
        record = read_records(str(store.shard_paths("train")[4]), [3])[0]
        example = tf.io.parse_single_example(record, features)
        assert example["label"] == 2
        if store is raw:
            image = tf.reshape(tf.io.decode_raw(example["image"], "uint8"), (16, 16, 3))
            assert (image.numpy() == pixels(raw, "train")[2][-1]).all()
        else:
            assert tf.io.decode_jpeg(example["image"]).shape == (16, 16, 3)


def test_processes_and_files_do_not_change_what_is_stored(folder, tmp_path, jpeg):
    options = {"encoding": "jpeg", "processes": 2}
    many = make(f"folder:{folder}", tmp_path / "many", **options)
    assert content(many.folder) == content(jpeg.folder)
    one = make(
        f"folder:{folder}", tmp_path / "one", encoding="jpeg", shard_records=None
    )
    assert one.splits["train"].shard_lengths == (18,)
    assert one.fingerprint == many.fingerprint == jpeg.fingerprint
    other = make(f"folder:{folder}", tmp_path / "q", encoding="jpeg", quality=89)
    assert other.fingerprint != jpeg.fingerprint


def test_a_fraction_is_held_out(folder, tmp_path):
    source = f"folder:{folder / 'train'}"
    store = make(source, tmp_path / "store", held_out=0.2)
    in_memory = load(source, image_size=16, held_out=0.2)
    for split, images in (
        ("train", in_memory.train_images),
        ("validation", in_memory.validation_images),
    ):
        np.testing.assert_array_equal(pixels(store, split)[2], images)


def test_a_file_list_is_prepared_in_its_order(folder, tmp_path):
    train, val = folder / "train/train.txt", folder / "val/val.txt"
    train.write_text("cow/3.jpg 1\nant/0.png 0\ncow/0.png 1\nant/2.png 0\n")
    val.write_text("ant/0.png 0\ncow/1.jpg 1\n")
    try:
        store = make(f"filelist:{train},{val}", tmp_path / "store")
    finally:
        train.unlink()
        val.unlink()
    assert store.class_names == ("ant", "cow")
    labels, names, images = pixels(store, "train")
    assert labels == [0, 0, 1, 1]
    assert names == ["ant/0.png", "ant/2.png", "cow/3.jpg", "cow/0.png"]
    direct = Image.open(folder / "train/cow/0.png").resize((16, 16), Image.LANCZOS)
    np.testing.assert_array_equal(images[3], np.asarray(direct))


def test_other_colours_and_wrong_endings(tmp_path):
    draw(tmp_path / "images", 1, 1)
    red = (255, 0, 0)
    home = tmp_path / "images/train/ant"
    Image.new("CMYK", (9, 5), (0, 255, 255, 0)).save(home / "1.JPEG", "JPEG")
    Image.new("RGB", (9, 5), red).save(home / "2.JPEG", "PNG")
    Image.new("L", (9, 5), 77).save(home / "3.JPEG", "JPEG")
    store = make(f"folder:{tmp_path / 'images'}", tmp_path / "store", encoding="jpeg")
    _, names, images = pixels(store, "train")
    assert names[:4] == [
        f"train/ant/{n}" for n in ("0.png", "1.JPEG", "2.JPEG", "3.JPEG")
    ]
    for image, colour in zip(images[1:4], (red, red, (77, 77, 77)), strict=True):
        assert abs(image.astype(int) - colour).max() <= 8


def break_images(folder):
    """A truncated, an empty and an unreadable one; returns their names."""
    truncated = folder / "train/ant/1.jpg"
    truncated.write_bytes(truncated.read_bytes()[:500])
    (folder / "train/cow/0.png").write_bytes(b"")
    (folder / "val/bee/0.png").write_text("no image")
    return ["train/ant/1.jpg", "train/cow/0.png", "val/bee/0.png"]


def test_images_that_cannot_be_read_are_named_once_all_others_are_done(tmp_path):
    folder = draw(tmp_path / "images")
    broken, out = break_images(folder), tmp_path / "store"
    wanted = request(f"folder:{folder}", out)
    with pytest.raises(
        prepare.Unreadable, match=r"3 image\(s\) cannot be read"
    ) as told:
        prepare.prepare(wanted)
    assert [name for name, _ in told.value.images] == broken
    assert all(name in why for name, why in told.value.images)
    assert "runcated" in told.value.images[0][1]
    listed = (tmp_path / "store.partial/work/unreadable.txt").read_text()
    assert [line.split("\t")[0] for line in listed.splitlines()] == broken
    assert not out.exists()
    made = sorted(p.name[:13] for p in (tmp_path / "store.partial/store").iterdir())
    # 5 files of training and 3 of validation images, of which 3 hold one of them.
    assert len(made) == 5


def test_a_repaired_source_goes_on(tmp_path):
    folder = draw(tmp_path / "images")
    whole = make(f"folder:{folder}", tmp_path / "whole")
    kept = {path: path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}
    break_images(folder)
    wanted = request(f"folder:{folder}", tmp_path / "store")
    with pytest.raises(prepare.Unreadable):
        prepare.prepare(wanted)
    for path, data in kept.items():
        if path.read_bytes() != data:
            path.write_bytes(data)
    seen = []
    store = prepare.prepare(wanted, report=lambda *now: seen.append(now))
    # The 9 training and 6 validation images of the other files are not read again.
    assert seen[0] == ("preparing", 17, 27)
    assert content(store.folder) == content(whole.folder)


def test_images_that_cannot_be_read_are_left_out_and_recorded(tmp_path):
    folder = draw(tmp_path / "images")
    broken = break_images(folder)
    store = make(f"folder:{folder}", tmp_path / "store", skip_corrupt=True)
    assert [s["file_name"] for s in store.skipped] == broken
    assert [s["split"] for s in store.skipped] == ["train", "train", "validation"]
    assert store.skipped[1]["class_name"] == "cow"
    assert "runcated" in store.skipped[0]["reason"]
    assert store.class_counts("train").tolist() == [4, 6, 6]
    assert store.file_names("train")[:2] == ["train/ant/0.png", "train/ant/2.png"]
    assert len(pixels(store, "validation")[0]) == 8
    assert store.rank_sums().shape[0] == 6


def test_a_class_of_unreadable_images_only(tmp_path):
    folder = draw(tmp_path / "images")
    for path in (folder / "val/ant").iterdir():
        path.write_text("no image")
    with pytest.raises(UserError, match="no validation image of class 'ant' can be"):
        make(
            f"folder:{folder}",
            tmp_path / "store",
            skip_corrupt=True,
            shard_records=None,
        )


def test_finished_files_are_kept_and_changed_images_prepared_again(tmp_path):
    folder = draw(tmp_path / "images")
    wanted = request(f"folder:{folder}", tmp_path / "store")

    def two_files(tasks, advance):
        for task in tasks[:2]:
            from yosinski_tf.data.shard_work import make_shard

            make_shard(task, advance)
        raise UserError("stopped here")

    with pytest.raises(UserError, match="stopped here"):
        prepare.prepare(wanted, runner=two_files)
    first, second = sorted((tmp_path / "store.partial/store").glob("*-0000[01]-of-*"))
    before = [path.stat().st_mtime_ns for path in (first, second)]
    Image.new("RGB", (20, 20), (1, 2, 3)).save(folder / "train/ant/0.png")
    (tmp_path / "store.partial/store/.left.part").write_bytes(b"of a killed start")
    store = prepare.prepare(wanted)
    after = [(store.folder / p.name).stat().st_mtime_ns for p in (first, second)]
    assert after[0] != before[0] and after[1] == before[1]
    assert pixels(store, "train")[2][0, 0, 0].tolist() == [1, 2, 3]
    assert not (store.folder / ".left.part").exists()


def test_the_same_again_and_another(tmp_path, folder, raw):
    wanted = request(raw.source, raw.folder)
    assert prepare.prepare(wanted) == open_store(raw.folder)
    with pytest.raises(UserError, match="16 x 16 pixels as raw, wanted .* 8 x 8"):
        make(raw.source, raw.folder, image_size=8)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/file").touch()
    with pytest.raises(UserError, match="taken is there and is no store: give"):
        make(raw.source, tmp_path / "taken")


def test_work_begun_with_other_settings_is_not_thrown_away(tmp_path):
    folder = draw(tmp_path / "images")
    break_images(folder)
    with pytest.raises(prepare.Unreadable):
        make(f"folder:{folder}", tmp_path / "store")
    with pytest.raises(UserError, match="begun with --image_size=16, .* says 8: give"):
        make(f"folder:{folder}", tmp_path / "store", image_size=8)


def test_two_at_a_time_in_one_folder_are_refused(tmp_path, folder):
    wanted = request(f"folder:{folder}", tmp_path / "store")

    def second(tasks, advance):
        prepare.prepare(wanted)

    with pytest.raises(UserError, match="another yosinski-prepare works in .*partial"):
        prepare.prepare(wanted, runner=second)


def test_a_disk_that_is_too_small_is_noticed_before(tmp_path, folder, monkeypatch):
    usage = type("Usage", (), {"free": 50_000})
    monkeypatch.setattr(disk_space.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(
        UserError, match=r"needs about \S+ MB more, .* 0.1 MB free: make"
    ):
        make(f"folder:{folder}", tmp_path / "store")
    assert list(tmp_path.iterdir()) == []


def test_bad_settings(tmp_path, folder):
    source = f"folder:{folder}"
    with pytest.raises(UserError, match="image size 0: wanted at least 1"):
        make(source, tmp_path / "store", image_size=0)
    with pytest.raises(UserError, match="JPEG quality 101: wanted 1 to 100"):
        make(source, tmp_path / "store", encoding="jpeg", quality=101)
    for options, flag in (
        ({"data_dir": "x"}, "data_dir"),
        ({"manual_dir": "x"}, "man"),
    ):
        with pytest.raises(
            UserError, match=f"takes no --{flag}.*, got x: leave it out"
        ):
            make(source, tmp_path / "store", **options)
    with pytest.raises(UserError, match="takes no --held_out"):
        make("tfds:x", tmp_path / "store", held_out=0.5)
    with pytest.raises(UserError, match="unknown source 'photos': wanted tfds:"):
        make("photos", tmp_path / "store")
    assert list(tmp_path.iterdir()) == []


def test_names_that_do_not_fit_on_a_line(tmp_path):
    folder = draw(tmp_path / "images", 1, 1)
    (folder / "train/ant/0.png").rename(folder / "train/ant/a\nb.png")
    with pytest.raises(UserError, match="image .*does not fit on a line: rename"):
        make(f"folder:{folder}", tmp_path / "store")


def test_a_name_of_any_bytes(tmp_path):
    folder = draw(tmp_path / "images", 1, 1)
    (folder / "train/ant/0.png").rename(folder / "train/ant/caf\udce9.png")
    store = make(f"folder:{folder}", tmp_path / "store")
    source = tfds.builder_from_directory(store.folder).as_data_source("train")
    assert source[0]["file_name"] == b"train/ant/caf\xe9.png"
    assert store.file_names("train")[0] == "train/ant/caf\udce9.png"


def test_records_that_do_not_read_back_are_no_store(tmp_path, folder, monkeypatch):
    from yosinski_tf.data import tfds_metadata

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


def test_what_is_not_as_promised_is_told_and_recorded(tmp_path):
    folder = draw(tmp_path / "images", 1, 1)
    for part in ("train", "val"):
        for old, new in (
            ("ant", "n01440764"),
            ("bee", "n01443537"),
            ("cow", "n02084071"),
        ):
            (folder / part / old).rename(folder / part / new)
    assert make(f"folder:{folder}", tmp_path / "a").warnings == ()
    for part in ("train", "val"):
        (folder / part / "n02084071").rename(folder / part / "n01484850")
    name = folder / "train/n01440764/n01443537_7.png"
    (folder / "train/n01440764/0.png").rename(name)
    told = []
    store = prepare.prepare(
        request(f"folder:{folder}", tmp_path / "b"), warn=told.append
    )
    assert store.warnings == tuple(told)
    assert told == [
        "1 training images are named after another class than theirs, the first is"
        " train/n01440764/n01443537_7.png of class n01440764"
    ]
    assert store.families == ("natural",) * 3
    fields = json.loads((store.folder / "store.json").read_text())
    assert fields["warnings"] == told
