"""Lists of images are read in their order and checked line by line."""

import os

import pytest

from yosinski_tf.data.prepare import filelist
from yosinski_tf.data.prepare.list_source import list_source
from yosinski_tf.system.errors import UserError


@pytest.fixture
def root(tmp_path):
    """Two folders of empty files, and lists of them."""
    for name in ("n2/a.jpg", "n2/b c.jpg", "n1/d.jpg", "v1.jpg", "v2.jpg"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    images = tmp_path / "images"
    write(images, "n2/b c.jpg 0\nn1/d.jpg 1\nn2/a.jpg 0\n", "v2.jpg 1\nv1.jpg 0\n")
    return images


def write(root, train, val):
    (root / "train.txt").write_text(train)
    (root / "val.txt").write_text(val)


def assert_refused(words, lists):
    with pytest.raises(UserError, match=words):
        filelist.open_filelist(str(lists))


def training_names(root):
    return filelist.open_filelist(str(root)).parts["train"].file_names


def test_lists_in_their_order_within_each_class(root):
    found = filelist.open_filelist(str(root))
    train, validation = found.parts["train"], found.parts["validation"]
    assert train.file_names == ("n2/b c.jpg", "n2/a.jpg", "n1/d.jpg")
    assert train.labels.tolist() == [0, 0, 1]
    path = train.origin.content(train.file_names[1], train.stamps[1])
    assert path == str(root / "n2/a.jpg")
    assert validation.file_names == ("v1.jpg", "v2.jpg")
    assert found.class_names == ("n2", "n1")
    assert found.source == f"filelist:{root}"
    two = filelist.open_filelist(f"{root}/train.txt,{root}/val.txt")
    assert two.parts["train"].file_names == train.file_names


def test_the_order_of_long_lists_is_kept(root):
    names = [f"n2/{k}.jpg" for k in range(200, 100, -1)]
    for name in names:
        (root / name).touch()
    lines = [f"{n} {k % 2}\n" for k, n in enumerate(names)]
    write(root, "".join(lines), "v1.jpg 0\nv2.jpg 1")
    assert training_names(root) == (*names[::2], *names[1::2])


def test_spaces_tabs_and_other_ends_of_line(root):
    write(root, "./n2/a.jpg\t0\r\n\r\n  n1/d.jpg   1  ", "v1.jpg 0\nv2.jpg 1")
    assert training_names(root) == ("n2/a.jpg", "n1/d.jpg")


def test_classes_without_a_folder_each_are_numbers(root):
    write(root, "n2/a.jpg 0\nn2/b c.jpg 1\n", "v1.jpg 0\nv2.jpg 1\n")
    assert filelist.open_filelist(str(root)).class_names == ("0", "1")


def test_names_of_classes(root):
    (root / "synsets.txt").write_text("n01440764\nn01443537\n")
    names = filelist.open_filelist(str(root)).class_names
    assert names == ("n01440764", "n01443537")
    (root / "synsets.txt").write_text("n01440764\n")
    assert_refused("needs 2 different names, .* found 1 lines", root)


def test_lists_of_every_editor(root):
    text = "n2/a.jpg 0\r\n\r\n n1/d.jpg 1 \r\n".encode("utf-16")
    (root / "train.txt").write_bytes(text)
    (root / "val.txt").write_bytes(b"\xef\xbb\xbfv1.jpg 0\rv2.jpg 1")
    (root / "synsets.txt").write_bytes("Öl\r\n #1 \r\n".encode("utf-16"))
    found = filelist.open_filelist(str(root))
    assert found.parts["train"].file_names == ("n2/a.jpg", "n1/d.jpg")
    assert found.class_names == ("Öl", "#1")


def test_a_path_opens_the_file_however_its_accents_are_written(root):
    on_disk = "o\u0308l/cafe\u0301.jpg"  # as a Mac writes it
    (root / "o\u0308l").mkdir()
    (root / on_disk).touch()
    write(root, "\xf6l/caf\xe9.jpg 0\nn1/d.jpg 1\n", "v1.jpg 0\nv2.jpg 1\n")
    train = filelist.open_filelist(str(root)).parts["train"]
    assert train.file_names == (on_disk, "n1/d.jpg")
    assert train.stamps[0, 0] == 0
    more = f"\xf6l/caf\xe9.jpg 0\n{on_disk} 1\n"
    write(root, more, "v1.jpg 0\nv2.jpg 1\n")
    assert_refused("line 2 names .* like line 1", root)
    # Both may be there: then each line names its own.
    (root / "o\u0308l/caf\xe9.jpg").touch()
    assert training_names(root) == ("o\u0308l/caf\xe9.jpg", on_disk)
    write(root, "\xf6l/the\xe9.jpg 0\nn1/d.jpg 1\n", "v1.jpg 0\nv2.jpg 1\n")
    assert_refused("which does not exist", root)


def test_no_list_leads_out_by_another_way_to_write_it(root):
    (root.parent / "up.jpg").touch()
    (root / "o\u0308").symlink_to(root.parent)
    write(root, "\xf6/up.jpg 0\nn1/d.jpg 1\n", "v1.jpg 0\nv2.jpg 1\n")
    assert_refused("leads out of the list's folder through a link", root)


def test_bytes_of_another_encoding_in_a_path(root):
    (root / os.fsdecode(b"n2/b\xe4r.jpg")).touch()
    (root / "train.txt").write_bytes(b"n2/b\xe4r.jpg 0\nn1/d.jpg 1\n")
    assert training_names(root) == ("n2/b\udce4r.jpg", "n1/d.jpg")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("dog \nCaf\xe9\n", None),
        ("Cafe\u0301\nCaf\xe9\n", "differ only in how 'Caf\xe9' is written"),
    ],
)
def test_class_names_of_a_list(root, names, words):
    (root / "synsets.txt").write_text(names, "utf-8")
    if words is None:
        found = list_source(f"filelist:{root}").class_names
        assert found == ("dog", "Caf\xe9")
    else:
        with pytest.raises(UserError, match=words):
            list_source(f"filelist:{root}")


def test_a_store_takes_no_spaces_at_the_ends_of_names(root):
    for name in ("n2", "n1"):
        (root / name).rename(root / f"{name} ")
    write(root, "n2 /a.jpg 0\nn1 /d.jpg 1\n", "v1.jpg 0\nv2.jpg 1\n")
    with pytest.raises(UserError, match="found class 'n2 ' in filelist:.*: rename it"):
        list_source(f"filelist:{root}")


def test_links_within_the_folder_are_followed(root):
    (root / "n3").symlink_to(root / "n2")
    (root / "n2/l.jpg").symlink_to("a.jpg")
    write(root, "n3/a.jpg 0\nn2/l.jpg 0\nn1/d.jpg 1\n", "v1.jpg 0\nv2.jpg 1\n")
    assert len(training_names(root)) == 3


def test_wrong_lists(root):
    write(root, "n2/a.jpg 0\nn1/d.jpg 2\n", "v1.jpg 0\n")
    assert_refused("found none of 1 of 3 classes, .* is label 1", root)
    write(root, "n2/a.jpg 0\nn1/d.jpg 1\n", "v1.jpg 0\n")
    assert_refused("val.txt needs .* none of 1 of 2 classes", root)
    write(root, "\n\n", "v1.jpg 0\n")
    assert_refused("train.txt needs a line .* found no lines", root)
    for lists in ("", f"{root}/train.txt", f"{root}/a,{root}/b,{root}/c", f"{root}/n1"):
        assert_refused("give filelist:TRAIN.txt,VAL.txt", lists)
