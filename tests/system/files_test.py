"""Files that are written whole or not at all, and full disks."""

import errno
import os
import time

import pytest
from commands import python

from yosinski_tf.system import files
from yosinski_tf.system.files import DiskFull, remove_leftovers, write_atomically


def failing(*arguments):
    def fail(*unused):
        raise OSError(*arguments)

    return fail


def test_an_atomic_write_replaces(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path, monkeypatch, step
):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    monkeypatch.setattr(files.os, step, failing("no space left"))
    with pytest.raises(OSError, match="no space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("step", ["open", "fsync", "replace"])
def test_a_full_disk_is_one_sentence_and_keeps_the_old_file(
    tmp_path, monkeypatch, step, number
):
    path = tmp_path / "record.json"
    write_atomically(path, b"old")

    target = "builtins.open" if step == "open" else f"os.{step}"
    monkeypatch.setattr(target, failing(number, os.strerror(number)))
    with pytest.raises(DiskFull) as caught:
        write_atomically(path, b"new")
    monkeypatch.undo()
    assert str(caught.value) == (
        f"no room on the disk of {tmp_path} to write record.json"
        f" ({os.strerror(number)}): free some space, then start the same command"
        " again; finished work is kept"
    )
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["record.json"]


def test_an_error_of_tensorflow_about_a_full_disk_is_recognised():
    reason = "No space left on device"
    assert files.full_reason(RuntimeError(f"x; {reason}")) == reason
    assert not files.full_reason(RuntimeError("out of memory"))
    assert not files.full_reason(OSError(errno.EACCES, "Permission denied"))


def test_leftovers_of_a_killed_process_are_removed_and_others_kept(tmp_path):
    folder = tmp_path / "random-0_A3B_seed0"
    folder.mkdir()
    code = (
        "import pathlib, sys; from yosinski_tf.system import files\n"
        "part = files.temporary_beside(pathlib.Path(sys.argv[1]) / 'weights.npz')\n"
        "part.write_bytes(b'half'); print(part)\n"
        "export = files.temporary_beside(pathlib.Path(sys.argv[1]) / 'export')\n"
        "export.mkdir(); (export / 'saved_model.pb').write_bytes(b'half')\n"
    )
    python(code, folder, check=True)
    (tmp_path / "study.json").write_text("{}")
    mine = files.temporary_beside(folder / "record.json")
    mine.write_bytes(b"in writing")
    foreign, old = (folder / f".x.0000000{i}-1.part" for i in range(2))
    for path in (foreign, old):
        path.write_bytes(b"of another machine")
    hours_ago = time.time() - 2 * 3600
    os.utime(old, (hours_ago, hours_ago))
    assert len(list(folder.iterdir())) == 5
    removed = remove_leftovers(tmp_path)
    assert len(removed) == 3 and old in removed
    assert sorted(folder.iterdir()) == sorted([mine, foreign])
    assert (tmp_path / "study.json").exists()


def test_files_of_the_user_are_never_removed(tmp_path):
    """A study folder may be any folder of the user, even the home folder."""
    (tmp_path / "sub").mkdir()
    names = (".mine.part", "sub/.download.part", ".x.0000000g-1.part", ".x.00-1.part")
    for name in names:
        (tmp_path / name).write_text("x")
    (tmp_path / ".folder.part").mkdir()
    (tmp_path / ".folder.part" / "file").write_text("x")
    for path in tmp_path.rglob("*"):
        os.utime(path, (1, 1))
    before = sorted(tmp_path.rglob("*"))
    assert remove_leftovers(tmp_path) == []
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ESTALE])
def test_a_folder_that_another_process_removed_lists_nothing(
    tmp_path, monkeypatch, number
):
    (tmp_path / "record.json").write_text("{}")
    assert files.is_listed(tmp_path / "record.json")
    assert not files.is_listed(tmp_path / "other.json")
    assert not files.is_listed(tmp_path / "nowhere" / "record.json")

    monkeypatch.setattr(files.os, "scandir", failing(number, os.strerror(number)))
    assert not files.is_listed(tmp_path / "record.json")


def test_a_file_is_looked_up_in_its_folder(tmp_path, monkeypatch):
    """A network file system remembers for seconds that a file was missing."""
    path = tmp_path / "record.json"
    path.write_text("{}")
    with monkeypatch.context() as remembered:
        remembered.setattr(type(path), "exists", lambda self: False)
        remembered.setattr(type(path), "is_file", lambda self: False)
        found = files.is_listed(path)
    assert found


def test_only_an_error_about_a_full_disk_becomes_disk_full(tmp_path):
    with pytest.raises(DiskFull, match="to write x .No space left on device"):
        with files.room_for(tmp_path / "x"):
            raise RuntimeError("x; No space left on device")
    with pytest.raises(DiskFull, match="to write y .No space"):
        with files.room_for(tmp_path / "x"):
            with files.room_for(tmp_path / "y"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(PermissionError):
        with files.room_for(tmp_path / "x"):
            raise PermissionError(errno.EACCES, "Permission denied")
