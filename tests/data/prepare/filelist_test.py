"""The authors' lists of images: read in their order, checked line by line."""

import pytest

from yosinski_tf.data.prepare import filelist
from yosinski_tf.system.errors import UserError


@pytest.fixture
def root(tmp_path):
    """Two folders of empty files, and lists of them."""
    for name in ("n2/a.jpg", "n2/b c.jpg", "n1/d.jpg", "v1.jpg", "v2.jpg", "link"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "secret.jpg").touch()
    images = tmp_path / "images"
    write(images, "n2/b c.jpg 0\nn1/d.jpg 1\nn2/a.jpg 0\n", "v2.jpg 1\nv1.jpg 0\n")
    return images


def write(root, train, val):
    (root / "train.txt").write_text(train)
    (root / "val.txt").write_text(val)


def test_lists_in_their_order_within_each_class(root):
    found = filelist.open_filelist(str(root))
    train, validation = found.splits["train"], found.splits["validation"]
    assert train.file_names == ("n2/b c.jpg", "n2/a.jpg", "n1/d.jpg")
    assert train.labels.tolist() == [0, 0, 1]
    assert train.place.content(1) == str(root / "n2/a.jpg")
    assert validation.file_names == ("v1.jpg", "v2.jpg")
    assert found.class_names == ("n2", "n1")
    assert found.source == f"filelist:{root}"
    two = filelist.open_filelist(f"{root}/train.txt,{root}/val.txt")
    assert two.splits["train"].file_names == train.file_names


def test_the_order_of_long_lists_is_kept(root):
    names = [f"n2/{k}.jpg" for k in range(200, 100, -1)]
    for name in names:
        (root / name).touch()
    write(
        root,
        "".join(f"{n} {k % 2}\n" for k, n in enumerate(names)),
        "v1.jpg 0\nv2.jpg 1",
    )
    found = filelist.open_filelist(str(root)).splits["train"].file_names
    assert found == (*names[::2], *names[1::2])


def test_spaces_tabs_and_other_ends_of_line(root):
    write(root, "./n2/a.jpg\t0\r\n\r\n  n1/d.jpg   1  ", "v1.jpg 0\nv2.jpg 1")
    assert filelist.open_filelist(str(root)).splits["train"].file_names == (
        "n2/a.jpg",
        "n1/d.jpg",
    )


def test_classes_without_a_folder_each_are_numbers(root):
    write(root, "n2/a.jpg 0\nn2/b c.jpg 1\n", "v1.jpg 0\nv2.jpg 1\n")
    assert filelist.open_filelist(str(root)).class_names == ("0", "1")


def test_names_of_classes(root):
    (root / "synsets.txt").write_text("n01440764\nn01443537\n")
    names = filelist.open_filelist(str(root)).class_names
    assert names == ("n01440764", "n01443537")
    (root / "synsets.txt").write_text("n01440764\n")
    with pytest.raises(
        UserError, match="names 1 classes .* go up to 1: wanted 2 names"
    ):
        filelist.open_filelist(str(root))


@pytest.mark.parametrize(
    "line, words",
    [
        ("n2/a.jpg", "line 2 is 'n2/a.jpg': wanted a path, a space and a class"),
        ("n2/a.jpg x", "line 2 is 'n2/a.jpg x': wanted a path, a space"),
        ("n2/a.jpg -1", "line 2 is 'n2/a.jpg -1': wanted a path"),
        ("n2/a.jpg 1.5", "line 2 is"),
        ("n2/a.jpg 99999999", "line 2 is"),
        ("n2/a.jpg ²", "line 2 is"),
        ("/etc/passwd 0", "line 2 names '/etc/passwd', which is an absolute path"),
        ("../secret.jpg 0", "line 2 names '../secret.jpg', which leads out of"),
        ("n1/../../secret.jpg 0", "line 2 names .* leads out of the list's folder"),
        ("link/secret.jpg 0", "leads out of the list's folder through a link"),
        ("link2.jpg 0", "leads out of the list's folder through a link"),
        ("n2/gone.jpg 0", "line 2 names 'n2/gone.jpg', which is not there"),
        ("n2 0", "line 2 names 'n2', which is no file"),
        ("n1/d.jpg 0", "line 2 names 'n1/d.jpg' as line 1 does"),
        ("./n1/d.jpg 0", "line 2 names 'n1/d.jpg' as line 1 does"),
    ],
)
def test_wrong_lines(root, line, words):
    (root / "link").unlink()
    (root / "link").symlink_to(root.parent)
    (root / "link2.jpg").symlink_to(root.parent / "secret.jpg")
    write(root, f"n1/d.jpg 1\n{line}\n", "v1.jpg 0\nv2.jpg 1\n")
    with pytest.raises(UserError, match=words):
        filelist.open_filelist(str(root))


def test_links_within_the_folder_are_followed(root):
    (root / "n3").symlink_to(root / "n2")
    (root / "n2/l.jpg").symlink_to("a.jpg")
    write(root, "n3/a.jpg 0\nn2/l.jpg 0\nn1/d.jpg 1\n", "v1.jpg 0\nv2.jpg 1\n")
    assert len(filelist.open_filelist(str(root)).splits["train"]) == 3


def test_wrong_lists(root):
    write(root, "n2/a.jpg 0\nn1/d.jpg 2\n", "v1.jpg 0\n")
    with pytest.raises(UserError, match="no image of 1 of 3 classes, .* is label 1"):
        filelist.open_filelist(str(root))
    write(root, "n2/a.jpg 0\nn1/d.jpg 1\n", "v1.jpg 0\n")
    with pytest.raises(UserError, match="val.txt has no image of 1 of 2 classes"):
        filelist.open_filelist(str(root))
    write(root, "\n\n", "v1.jpg 0\n")
    with pytest.raises(UserError, match="train.txt has no lines"):
        filelist.open_filelist(str(root))
    for lists in ("", f"{root}/train.txt", f"{root}/a,{root}/b,{root}/c", f"{root}/n1"):
        with pytest.raises(UserError, match="wanted filelist:TRAIN.txt,VAL.txt"):
            filelist.open_filelist(lists)
