"""Files of records are read as they were written, and damage is found."""

import os

import pytest
import tensorflow as tf

from yosinski_tf.data.store import record_files


def write(path, records):
    writer = record_files.Writer(path)
    for record in records:
        writer.write(record)
    writer.close()
    return path


@pytest.fixture
def files(tmp_path):
    """The numbers 0 to 199 in three files of 100, 30 and 70."""
    lengths, paths, start = (100, 30, 70), [], 0
    for index, length in enumerate(lengths):
        records = [str(i).encode() * 50 for i in range(start, start + length)]
        paths.append(write(tmp_path / f"{index}", records))
        start += length
    return paths, lengths


def test_records_are_numbered_consecutively(files):
    paths, lengths = files
    for start, stop in ((0, 200), (99, 131), (129, 130), (150, 150)):
        records = record_files.read_range(paths, lengths, start, stop)
        assert [int(r[: len(r) // 50]) for r in records] == list(range(start, stop))
    assert record_files.num_records(str(paths[1])) == 30
    assert record_files.read_records(str(paths[1]), [29, 3])[1] == b"103" * 50


def test_a_file_that_replaces_another_is_read(tmp_path):
    path = write(tmp_path / "file", [b"old"])
    assert record_files.read_records(str(path), [0]) == [b"old"]
    os.replace(write(tmp_path / "new", [b"new", b"er"]), path)
    assert record_files.read_records(str(path), [0, 1]) == [b"new", b"er"]


def test_only_the_damaged_record_is_lost(files):
    paths, lengths = files
    data = bytearray(paths[0].read_bytes())
    data[data.index(b"42" * 50)] ^= 1
    paths[0].write_bytes(data)
    found = list(record_files.read_range(paths, lengths, 0, 110))
    lost = [i for i, r in enumerate(found) if isinstance(r, record_files.DamagedFile)]
    assert lost == [42] and len(found) == 110
    assert "hash mismatch" in str(found[42])


def test_a_truncated_or_missing_file(files):
    paths, lengths = files
    paths[1].write_bytes(paths[1].read_bytes()[:1000])
    paths[2].unlink()
    found = list(record_files.read_range(paths, lengths, 99, 131))
    assert [isinstance(r, bytes) for r in found] == [True] + [False] * 31
    assert str(found[1]) == f"{paths[1]} has only 0 records"
    assert "No such file" in str(found[31])
    with pytest.raises(record_files.DamagedFile, match="No such file"):
        record_files.num_records(str(paths[2]))


def test_a_full_disk_is_an_error_of_the_system():
    writer = record_files.Writer("/dev/full")
    with pytest.raises(OSError, match="No space left on device"):
        for _ in range(100):
            writer.write(b"x" * 100_000)
        writer.close()
    writer.abandon()


def test_no_folder_to_write_to(tmp_path):
    with pytest.raises(FileNotFoundError):
        record_files.Writer(tmp_path / "none" / "file")


def test_single_tfrecords_are_read(tmp_path):
    path = str(tmp_path / "file")
    with tf.io.TFRecordWriter(path) as writer:
        writer.write(b"first")
        writer.write(b"the second")
    offset = len(b"first") + record_files.TFRECORD_OVERHEAD
    assert record_files.read_tfrecord(path, 0, 5) == b"first"
    assert record_files.read_tfrecord(path, offset, 10) == b"the second"
    with pytest.raises(
        record_files.DamagedFile, match="ends within the record at byte"
    ):
        record_files.read_tfrecord(path, offset, 100)
