"""The description of a store: written, read back, refused where it is wrong."""

import dataclasses
import json

import numpy as np
from fabricate import store as write
from refusals import assert_refused

from yosinski_tf.data.store.format import Store, description, num_ranks, open_store


def test_a_store_is_read_as_it_was_written(tmp_path):
    made = write(tmp_path)
    store = open_store(str(tmp_path))
    assert store == made
    assert store.num_images == 5 and store.parts["train"].num_images == 3
    assert [path.name for path in store.shard_paths("train")] == [
        "images-train.array_record-00000-of-00002",
        "images-train.array_record-00001-of-00002",
    ]
    assert store.labels("train").tolist() == [0, 0, 1]
    assert store.class_counts("train").tolist() == [2, 1]
    assert store.file_names("validation") == ["0.jpg", "1.jpg"]
    assert store.digests("train").shape == (3, 32)
    assert store.class_sums().shape == store.rank_sums().shape == (2, 4, 4, 3)


def test_a_store_that_does_not_say_so_has_photographs_as_their_camera_left_them(
    tmp_path,
):
    made = dataclasses.replace(write(tmp_path), decoding_version=2)
    path = tmp_path / "store.json"
    path.write_bytes(description(made))
    assert open_store(tmp_path).decoding_version == 2
    fields = json.loads(path.read_text())
    del fields["decoding_version"]
    path.write_text(json.dumps(fields))
    assert open_store(tmp_path).decoding_version == 1


def test_a_name_of_any_bytes_is_kept(tmp_path):
    store = write(tmp_path)
    (tmp_path / "file_names/validation.txt").write_bytes(b"caf\xe9.jpg\nb c.jpg\n")
    names = store.file_names("validation")
    assert [name.encode(errors="surrogateescape") for name in names] == [
        b"caf\xe9.jpg",
        b"b c.jpg",
    ]


def test_ranks_are_limited():
    assert num_ranks(np.array([3, 5])) == 5
    assert num_ranks(np.array([3, 2_000_000])) == 1300


def test_arrays_of_another_shape_or_missing(tmp_path):
    store = write(tmp_path)
    np.save(tmp_path / "labels/train.npy", np.zeros(2, np.int32))
    (tmp_path / "sums/classes.npy").unlink()
    (tmp_path / "file_names/train.txt").write_text("one\n")
    assert_refused(r"labels/train.npy needs int32 \(3,\), found", store.labels, "train")
    assert_refused("sums/classes.npy cannot be read .*No such", store.class_sums)
    assert_refused("train.txt needs 3 lines, found 1", store.file_names, "train")


def test_no_field_is_left_out_of_the_file(tmp_path):
    write(tmp_path)
    fields = json.loads((tmp_path / "store.json").read_text())
    names = {field.name for field in dataclasses.fields(Store)} - {"folder", "parts"}
    assert fields.keys() == names | {"splits", "format_version"}
