"""Serialized examples are those of TensorFlow, with the same bytes every time."""

import pytest
import tensorflow as tf

from yosinski_tf.data.store import tf_example


def test_tensorflow_reads_what_is_written():
    record = tf_example.serialize(b"\x00\xff" * 200, 7, b"a/b.jpg")
    example = tf.train.Example.FromString(record)
    features = example.features.feature
    assert set(features) == {"image", "label", "file_name"}
    assert features["image"].bytes_list.value[:] == [b"\x00\xff" * 200]
    assert features["label"].int64_list.value[:] == [7]
    assert features["file_name"].bytes_list.value[:] == [b"a/b.jpg"]


def test_the_bytes_are_always_the_same():
    # Features in the order of their names; 300 is the varint ac 02.
    assert tf_example.serialize(b"I", 300, b"F") == (
        b"\n5"
        b"\n\x12\n\tfile_name\x12\x05\n\x03\n\x01F"
        b"\n\x0e\n\x05image\x12\x05\n\x03\n\x01I"
        b"\n\x0f\n\x05label\x12\x06\x1a\x04\n\x02\xac\x02"
    )


def test_examples_of_other_tools_are_read():
    made = tf.train.Example(
        features=tf.train.Features(
            feature={
                "x": tf.train.Feature(
                    bytes_list=tf.train.BytesList(value=[b"one", b"two"])
                ),
                "y": tf.train.Feature(int64_list=tf.train.Int64List(value=[-3])),
                "z": tf.train.Feature(float_list=tf.train.FloatList(value=[0.5])),
                "none": tf.train.Feature(),
            }
        )
    )
    found = tf_example.parse(made.SerializeToString())
    assert found == {"x": b"one", "y": -3, "z": 0.5, "none": None}


@pytest.mark.parametrize("record", [b"\xff\xff", b"\x0a\x05abc"])
def test_no_example(record):
    with pytest.raises(ValueError, match="it is not a tf.train.Example"):
        tf_example.parse(record)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 200_000])
@pytest.mark.parametrize("name", [b"", b"a.jpg", b"\n\x05image" * 40])
def test_the_image_is_found_without_parsing(size, name):
    image = bytes(range(256)) * (size // 256) + bytes(size % 256)
    record = tf_example.serialize(image, 999, name)
    assert tf_example.image_in(record) == image


def test_a_truncated_or_foreign_record_has_no_image():
    record = tf_example.serialize(b"I" * 300, 7, b"F")
    for length in range(len(record) - 20):
        with pytest.raises(ValueError, match="it ends within|is not the image"):
            tf_example.image_in(record[:length])
    other = tf_example.serialize(b"I", 7, b"F").replace(b"image", b"pixel")
    with pytest.raises(ValueError, match="is not the image"):
        tf_example.image_in(other)
