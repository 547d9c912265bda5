"""Lists of images in text files, in the form of the paper's authors.

Each line is `relative/path.jpg label`: a path below the list's folder, and a class
index.
"""

import functools
import os
import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from yosinski_tf.data.prepare.listing import Listing, list_files
from yosinski_tf.data.store.format import PARTS
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.user_text import read_lines, same_name

_DEFAULT_LISTS = ("train.txt", "val.txt")
_CLASS_NAMES = "synsets.txt"
_FORM = (
    "give filelist:TRAIN.txt,VAL.txt, or filelist:DIR of a folder with train.txt and"
    " val.txt"
)
# No data set has as many classes: such a number is not a label.
_LABEL_LIMIT = 1_000_000
_MISSING = "does not exist"


def open_filelist(lists: str) -> Listing:
    """Reads two lists and checks that their images exist, decoding none.

    The class names are the lines of a file `synsets.txt` beside the training list, in
    the order of the labels. Without that file they are the names of the images'
    folders if each label has one folder and no other label has it, else the labels.

    Args:
      lists: `TRAIN.txt,VAL.txt`, or a folder with `train.txt` and `val.txt`.

    Raises:
      UserError: If a list is missing, a line is malformed or names a file that does
        not exist or is not below the list's folder, or a class has no image in one
        of the lists.
    """
    paths = _list_paths(lists)
    read = [_read_list(path) for path in paths]
    count = 1 + max(label for rows in read for _, label in rows)
    names = _class_names(paths[0], read[0], count)
    parts = {}
    for part, path, rows in zip(PARTS, paths, read, strict=True):
        labels = np.array([label for _, label in rows], np.int32)
        counts = np.bincount(labels, minlength=count)
        if missing := np.flatnonzero(counts == 0).tolist():
            raise UserError(
                f"{path} needs images of all labels from 0 to {count - 1}, found none"
                f" of {len(missing)} of {count} classes, the first is label"
                f" {missing[0]}: add lines or renumber the classes"
            )
        # A stable sort keeps the list's order within each class.
        order = np.argsort(labels, kind="stable")
        files = tuple(rows[i][0] for i in order.tolist())
        parts[part] = list_files(part, str(path.parent), labels[order], files)
    return Listing(f"filelist:{lists}", names, parts)


def _list_paths(lists: str) -> list[pathlib.Path]:
    given = [pathlib.Path(path).expanduser() for path in lists.split(",")]
    if len(given) == 1 and given[0].is_dir() and lists:
        given = [given[0] / name for name in _DEFAULT_LISTS]
    if len(given) != 2:
        raise UserError(f"filelist:{lists} needs 2 lists, found {len(given)}: {_FORM}")
    for path in given:
        if not path.is_file():
            raise UserError(f"no list {path}: {_FORM}")
    return given


def _read_text(path: pathlib.Path) -> list[str]:
    return read_lines(path, "list", "make it readable", any_bytes=True)


def _read_list(path: pathlib.Path) -> list[tuple[str, int]]:
    """Path and label of each line that is not empty, checked."""
    rows = []
    seen: dict[str, int] = {}
    root = os.path.realpath(path.parent)

    # Each folder is resolved once, since this is slow.
    @functools.cache
    def inside(place: str) -> bool:
        return os.path.commonpath([root, os.path.realpath(place)]) == root

    names_in = functools.cache(_names_in)
    for number, line in enumerate(_read_text(path), 1):
        if not line:
            continue
        name, label = [*line.rsplit(None, 1), ""][:2]
        where = f"{path} line {number}"
        if not (label.isascii() and label.isdecimal()) or int(label) >= _LABEL_LIMIT:
            raise UserError(
                f"{where} needs a path, a space and a class index from 0, such as"
                f" n01440764/n01440764_18.JPEG 0, found {line[:80]!r}: correct the line"
            )
        name = os.path.normpath(name) if ".." not in name.split("/") else name
        problem = _path_problem(root, name, inside)
        if problem == _MISSING:
            name = _as_on_disk(root, name, names_in)
            problem = _path_problem(root, name, inside)
        if problem:
            raise UserError(
                f"{where} needs a file below {path.parent}, found {name!r}, which"
                f" {problem}: correct the line"
            )
        if name in seen:
            raise UserError(
                f"{where} names {name!r} like line {seen[name]}: remove one of the"
                " lines"
            )
        seen[name] = number
        rows.append((name, int(label)))
    if not rows:
        raise UserError(f"{path} needs a line for each image, found no lines: {_FORM}")
    return rows


def _path_problem(root: str, name: str, inside: Callable[[str], bool]) -> str:
    """What is wrong with a path, as in "which ..."; empty for a file below root."""
    if os.path.isabs(name):
        return "is an absolute path"
    if ".." in name.split("/") or "\0" in name:
        return "leads out of the list's folder"
    path = os.path.join(root, name)
    if not inside(os.path.dirname(path)) or os.path.islink(path) and not inside(path):
        return "leads out of the list's folder through a link"
    if not os.path.isfile(path):
        return "is not a file" if os.path.exists(path) else _MISSING
    return ""


def _as_on_disk(root: str, name: str, names_in: Callable[[str], Sequence[str]]) -> str:
    """A path whose accents are written as on the disk, where a Mac may have made it.

    A name stays as it is if none, or more than one, is the same.
    """
    found = ""
    for part in name.split("/"):
        if not os.path.lexists(os.path.join(root, found, part)):
            there = names_in(os.path.join(root, found))
            same = [each for each in there if same_name(each) == same_name(part)]
            part = same[0] if len(same) == 1 else part
        found = os.path.join(found, part)
    return found


def _names_in(folder: str) -> Sequence[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return ()


def _class_names(
    train: pathlib.Path, rows: list[tuple[str, int]], count: int
) -> tuple[str, ...]:
    names = train.parent / _CLASS_NAMES
    if names.is_file():
        lines = tuple(line for line in _read_text(names) if line)
        if len(lines) != count or len(set(lines)) != count:
            raise UserError(
                f"{names} needs {count} different names, one a line, for the labels 0"
                f" to {count - 1}, found {len(lines)} lines with {len(set(lines))}"
                " names: correct or remove the file"
            )
        return lines
    folders: dict[int, set[str]] = {}
    for name, label in rows:
        folders.setdefault(label, set()).add(os.path.dirname(name).split("/")[-1])
    found = {next(iter(f)) for f in folders.values() if len(f) == 1 and "" not in f}
    if len(found) == len(folders) == count:
        return tuple(next(iter(folders[label])) for label in range(count))
    return tuple(str(label) for label in range(count))
