"""`tf.train.Example` without TensorFlow, which takes seconds and 400 MB to start."""

import functools
from typing import Any

from google.protobuf import message

from yosinski_tf.data.store.format import FILE_NAME, IMAGE, LABEL

_IMAGE_KEY = b"\n" + bytes([len(IMAGE)]) + IMAGE.encode()


def serialize(image: bytes, label: int, file_name: bytes) -> bytes:
    """Makes one record of a store; the same arguments give the same bytes."""
    example = _example_class()()
    feature = example.features.feature
    feature[FILE_NAME].bytes_list.value.append(file_name)
    feature[IMAGE].bytes_list.value.append(image)
    feature[LABEL].int64_list.value.append(label)
    # Features in the order of their names.
    return example.SerializeToString(deterministic=True)


def parse(record: bytes) -> dict[str, bytes | int | float | None]:
    """Returns the first value of every feature, None for an empty feature.

    Raises:
      ValueError: If the record is not a serialized example.
    """
    try:
        example = _example_class().FromString(record)
    except message.DecodeError as error:
        raise ValueError(f"it is not a tf.train.Example ({error})") from None
    found = {}
    for name, feature in example.features.feature.items():
        fields = feature.ListFields()
        values = fields[0][1].value if fields else []
        found[name] = values[0] if values else None
    return found


def image_in(record: bytes) -> bytes:
    """Returns the image of a record made by `serialize`, without parsing all of it.

    A general parser takes several times as long, and training reads thousands of
    images a second.

    Raises:
      ValueError: If the record does not have the form that `serialize` gives.
    """
    # Every field begins with its number and its length. The file name is skipped.
    _, start = _number(record, 1)
    length, start = _number(record, start + 1)
    start += length
    _, start = _number(record, start + 1)
    if record[start : start + len(_IMAGE_KEY)] != _IMAGE_KEY:
        raise ValueError("its second feature is not the image")
    start += len(_IMAGE_KEY)
    for _ in range(3):
        length, start = _number(record, start + 1)
    if start + length > len(record):
        raise ValueError("it ends within the image")
    return record[start : start + length]


def _number(record: bytes, start: int) -> tuple[int, int]:
    """Reads a varint; returns its value and the position after it."""
    value = shift = 0
    while start < len(record):
        byte = record[start]
        start += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, start
        shift += 7
    raise ValueError("it ends within a length")


@functools.cache
def _example_class() -> Any:
    """The messages of TensorFlow Datasets, which begin without TensorFlow."""
    from tensorflow_datasets.proto import tf_example_pb2

    return tf_example_pb2.Example
