"""`tf.train.Example` without TensorFlow, which takes seconds and 400 MB to start.

The messages are those of TensorFlow's example.proto and feature.proto, with one
difference: the map of features is declared in its encoded form, a list of entries.
So the same features always give the same bytes.
"""

import functools
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from yosinski_tf.data.store.format import FILE_NAME, IMAGE, LABEL

_PACKAGE = "yosinski_tf"
_FIELD = descriptor_pb2.FieldDescriptorProto
# The fields of each message: name, number, type, repeated.
_MESSAGES = {
    "BytesList": (("value", 1, _FIELD.TYPE_BYTES, True),),
    "FloatList": (("value", 1, _FIELD.TYPE_FLOAT, True),),
    "Int64List": (("value", 1, _FIELD.TYPE_INT64, True),),
    "Feature": (
        ("bytes_list", 1, "BytesList", False),
        ("float_list", 2, "FloatList", False),
        ("int64_list", 3, "Int64List", False),
    ),
    "Entry": (
        ("key", 1, _FIELD.TYPE_STRING, False),
        ("value", 2, "Feature", False),
    ),
    "Features": (("feature", 1, "Entry", True),),
    "Example": (("features", 1, "Features", False),),
}

_IMAGE_KEY = b"\n" + bytes([len(IMAGE)]) + IMAGE.encode()


def serialize(image: bytes, label: int, file_name: bytes) -> bytes:
    """Makes one record of a store; the same arguments give the same bytes."""
    example = _example_class()()
    for name, field, value in (
        (FILE_NAME, "bytes_list", file_name),
        (IMAGE, "bytes_list", image),
        (LABEL, "int64_list", label),
    ):
        entry = example.features.feature.add(key=name)
        getattr(entry.value, field).value.append(value)
    return example.SerializeToString()


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
    for entry in example.features.feature:
        fields = entry.value.ListFields()
        values = fields[0][1].value if fields else []
        found[entry.key] = values[0] if values else None
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
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{_PACKAGE}/example.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        made = file.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
            added = made.field.add(name=field, number=number, label=label)
            if isinstance(kind, str):
                added.type = _FIELD.TYPE_MESSAGE
                added.type_name = f".{_PACKAGE}.{kind}"
            else:
                added.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindMessageTypeByName(f"{_PACKAGE}.Example")
    return message_factory.GetMessageClass(found)
