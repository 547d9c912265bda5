"""Flags in files, as any editor writes them."""

import codecs

import pytest

from yosinski_tf.binaries.job.flag_files import expanded


def test_flags_of_files_stand_where_the_file_is_named(tmp_path):
    inner, outer = tmp_path / "inner.flags", tmp_path / "outer.flags"
    inner.write_text("// more\n  # and more\n--steps=3\n\n--runs=a #b \n")
    outer.write_text(f"# mine\n--batch_size=8\n--flagfile={inner}\n--noexport")
    given = ["study", "--seeds=1", f"--flagfile={outer}", "-flagfile", str(inner), "x"]
    assert list(expanded(given)) == [
        *("study", "--seeds=1", "--batch_size=8", "--steps=3", "--runs=a #b"),
        *("--noexport", "--steps=3", "--runs=a #b", "x"),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files_of_every_editor(tmp_path, encoding, end):
    path = tmp_path / "mine.flags"
    text = end.join(["# Öl", "--runs=Öl ", "--steps=3", ""])
    path.write_bytes(text.encode(encoding))
    assert list(expanded([f"--flagfile={path}"])) == ["--runs=Öl", "--steps=3"]
    if encoding == "utf-16":
        assert path.read_bytes().startswith(codecs.BOM_UTF16)


def test_a_file_named_twice_is_read_twice(tmp_path):
    path = tmp_path / "mine.flags"
    path.write_text("--steps=3")
    assert list(expanded([f"--flagfile={path}"] * 2)) == ["--steps=3"] * 2
