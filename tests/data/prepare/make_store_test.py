"""A store holds the images of its source, whatever the source and the settings."""

import io

import numpy as np
import pytest
import tensorflow as tf
from image_kinds import picture, with_orientation
from PIL import Image
from stores import content, draw, make, pixels

from yosinski_tf.data.sources.by_name import load
from yosinski_tf.data.store.format import PARTS
from yosinski_tf.data.store.record_files import read_records


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
    assert raw.parts["train"].shard_lengths == (3, 4, 3, 4, 4)
    assert raw.parts["validation"].shard_lengths == (3, 3, 3)
    assert raw.skipped == raw.warnings == ()
    assert raw.class_counts("train").tolist() == [5, 6, 7]
    assert raw.versions.keys() >= {"python", "pillow", "array_record"}
    assert not raw.folder.with_name("store.partial").exists()


def test_raw_pixels_are_those_of_the_folder(raw, in_memory):
    for part in PARTS:
        labels, _, images = pixels(raw, part)
        np.testing.assert_array_equal(images, getattr(in_memory, f"{part}_images"))
        assert labels == getattr(in_memory, f"{part}_labels").tolist()
        assert labels == raw.labels(part).tolist()


def test_jpeg_pixels_are_those_of_the_folder_after_jpeg(jpeg, in_memory):
    compressed = []
    for image in in_memory.train_images:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=90)
        compressed.append(np.asarray(Image.open(file)))
    labels, _, stored = pixels(jpeg, "train")
    np.testing.assert_array_equal(stored, compressed)
    assert labels == in_memory.train_labels.tolist()


def test_photographs_are_stored_upright_and_the_store_says_so(images, tmp_path):
    path = images / "train" / "ant" / "1.jpg"
    path.write_bytes(with_orientation("JPEG", 6, quality=98))
    store = make(f"folder:{images}", tmp_path / "store", image_size=32)
    assert store.decoding_version == 2
    _, names, stored = pixels(store, "train")
    image = stored[names.index("train/ant/1.jpg")]
    assert np.abs(image.astype(int) - picture()).mean() < 1


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
    source, options = f"folder:{folder}", {"encoding": "jpeg"}
    many = make(source, tmp_path / "many", processes=2, **options)
    assert content(many.folder) == content(jpeg.folder)
    one = make(source, tmp_path / "one", shard_records=None, **options)
    assert one.parts["train"].shard_lengths == (18,)
    assert one.fingerprint == many.fingerprint == jpeg.fingerprint
    other = make(source, tmp_path / "q", quality=89, **options)
    assert other.fingerprint != jpeg.fingerprint


def test_a_fraction_is_held_out(folder, tmp_path):
    source = f"folder:{folder / 'train'}"
    store = make(source, tmp_path / "store", held_out=0.2)
    in_memory = load(source, image_size=16, held_out=0.2)
    for part in PARTS:
        images = getattr(in_memory, f"{part}_images")
        np.testing.assert_array_equal(pixels(store, part)[2], images)


def test_a_file_list_is_prepared_in_its_order(tmp_path, images):
    train, val = images / "train/train.txt", images / "val/val.txt"
    train.write_text("cow/3.jpg 1\nant/0.png 0\ncow/0.png 1\nant/2.png 0\n")
    val.write_text("ant/0.png 0\ncow/1.jpg 1\n")
    store = make(f"filelist:{train},{val}", tmp_path / "store")
    assert store.class_names == ("ant", "cow")
    labels, names, found = pixels(store, "train")
    assert labels == [0, 0, 1, 1]
    assert names == ["ant/0.png", "ant/2.png", "cow/3.jpg", "cow/0.png"]
    direct = Image.open(images / "train/cow/0.png").resize((16, 16), Image.LANCZOS)
    np.testing.assert_array_equal(found[3], np.asarray(direct))


def test_other_colours_and_wrong_extensions(tmp_path):
    folder, red = draw(tmp_path / "images", 1, 1), (255, 0, 0)
    home = folder / "train/ant"
    Image.new("CMYK", (9, 5), (0, 255, 255, 0)).save(home / "1.JPEG", "JPEG")
    Image.new("RGB", (9, 5), red).save(home / "2.JPEG", "PNG")
    Image.new("L", (9, 5), 77).save(home / "3.JPEG", "JPEG")
    store = make(f"folder:{folder}", tmp_path / "store", encoding="jpeg")
    _, names, images = pixels(store, "train")
    assert names[:4] == [
        f"train/ant/{n}" for n in ("0.png", "1.JPEG", "2.JPEG", "3.JPEG")
    ]
    for image, colour in zip(images[1:4], (red, red, (77, 77, 77)), strict=True):
        assert abs(image.astype(int) - colour).max() <= 8
