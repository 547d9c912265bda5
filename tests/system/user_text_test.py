"""Text files as editors on Windows, Macs and Linux write them."""

import pytest
from refusals import assert_refused

from yosinski_tf.system.user_text import read_lines, same_name

LINES = ["Öl", "", "a b"]


def read(path, **options):
    return read_lines(path, "list", "give another", **options)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be-mark", "utf-16-le-mark"]
)
def test_every_editor(tmp_path, encoding, end):
    text = end.join(["Öl  ", " \t", "\ta b"])
    mark = "\ufeff" if encoding.endswith("-mark") else ""
    path = tmp_path / "list.txt"
    path.write_bytes((mark + text).encode(encoding.removesuffix("-mark")))
    assert read(path) == LINES
    assert read(path, any_bytes=True) == LINES


def test_files_joined_with_their_marks(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes(2 * "\ufeffÖl\n".encode())
    assert read(path) == ["Öl", "Öl", ""]


def test_a_line_ends_only_where_editors_end_it(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes("a\x0cb\x85c\u2028d\n".encode())
    assert read(path) == ["a\x0cb\x85c\u2028d", ""]


@pytest.mark.parametrize(
    ("data", "byte", "line"),
    [
        (b"ant\nb\xe4r\n", "0xe4", 2),
        ("ant".encode("utf-16-le"), "0x00", 1),
        (b"\xff\xfea\0\n\0b", "0x62", 2),  # UTF-16, cut off
        ("ant".encode("utf-32"), "0x00", 1),
        (b"ant\n\nbee\0", "0x00", 3),
    ],
)
def test_no_text(tmp_path, data, byte, line):
    path = tmp_path / "list.txt"
    path.write_bytes(data)
    words = f"list .*/list.txt needs UTF-8 text, found the byte {byte} in line {line}:"
    assert_refused(f"^{words} save it as UTF-8$", read, path)


def test_bytes_of_file_names(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes(b"b\xe4r.jpg 0\n")
    assert read(path, any_bytes=True) == ["b\udce4r.jpg 0", ""]


def test_no_file(tmp_path):
    words = r"^cannot read list .* \({}\): give another$"
    assert_refused(words.format("No such file or directory"), read, tmp_path / "x")
    assert_refused(words.format("Is a directory"), read, tmp_path)
    assert_refused(words.format("embedded null byte"), read, tmp_path / "a\0b")


def test_names_however_their_accents_are_written():
    assert same_name("Cafe\u0301") == same_name("Caf\xe9") == "Caf\xe9"
    assert same_name("\u212bngstr\u006f\u0308m") == "\xc5ngstr\xf6m"
    assert same_name("cafe") != same_name("Cafe")
