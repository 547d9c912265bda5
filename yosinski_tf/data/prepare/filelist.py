"""Lists of images in text files, the form of the paper's authors.

Each line is `relative/path.jpg label`: a path below the folder that the list
stands in, and a class index.
"""

import os
import pathlib

import numpy as np

from yosinski_tf.data.prepare.listing import Listing, list_files
from yosinski_tf.data.store.format import SPLITS
from yosinski_tf.system.errors import UserError

_DEFAULT_LISTS = ("train.txt", "val.txt")
_CLASS_NAMES = "synsets.txt"
_FORM = (
    "wanted filelist:TRAIN.txt,VAL.txt, or filelist:DIR of a folder with train.txt"
    " and val.txt"
)
# More classes than any data set has: a number above is a slip, not a label.
_LABEL_LIMIT = 1_000_000


def open_filelist(lists: str) -> Listing:
    """Reads two lists and looks for their images, decoding none.

    Classes are named by the lines of a file `synsets.txt` beside the training
    list, in the order of the label; or by their folders, where every label has
    one folder of its own; or else by their numbers.

    Args:
      lists: `TRAIN.txt,VAL.txt`, or a folder with `train.txt` and `val.txt`.

    Raises:
      UserError: If a list is not there, a line is malformed, names a file that
        is not there or not below the list's folder, or a class has no image in
        one of the lists.
    """
    paths = _list_paths(lists)
    read = [_read_list(path) for path in paths]
    count = 1 + max(label for rows in read for _, label in rows)
    names = _class_names(paths[0], read[0], count)
    splits = {}
    for split, path, rows in zip(SPLITS, paths, read, strict=True):
        labels = np.array([label for _, label in rows], np.int32)
        counts = np.bincount(labels, minlength=count)
        if missing := np.flatnonzero(counts == 0).tolist():
            raise UserError(
                f"{path} has no image of {len(missing)} of {count} classes, the"
                f" first is label {missing[0]}: wanted labels from 0 without a gap,"
                " each in both lists; add lines or renumber"
            )
        # A stable order keeps that of the list within each class.
        order = np.argsort(labels, kind="stable")
        files = tuple(rows[i][0] for i in order.tolist())
        splits[split] = list_files(split, str(path.parent), labels[order], files)
    return Listing(f"filelist:{lists}", names, splits, {})


def _list_paths(lists: str) -> list[pathlib.Path]:
    given = [pathlib.Path(part).expanduser() for part in lists.split(",")]
    if len(given) == 1 and given[0].is_dir() and lists:
        given = [given[0] / name for name in _DEFAULT_LISTS]
    if len(given) != 2:
        raise UserError(f"filelist:{lists} names {len(given)} file(s): {_FORM}")
    for path in given:
        if not path.is_file():
            raise UserError(f"no list {path}: {_FORM}")
    return given


def _read_text(path: pathlib.Path) -> list[str]:
    try:
        text = os.fsdecode(path.read_bytes()).removeprefix("\ufeff")
        return [line.strip() for line in text.split("\n")]
    except OSError as error:
        raise UserError(
            f"cannot read {path} ({error.strerror}): make it readable"
        ) from None


def _read_list(path: pathlib.Path) -> list[tuple[str, int]]:
    """Path and label of each line, checked; empty lines are passed over."""
    rows = []
    seen: dict[str, int] = {}
    check = _Below(path.parent)
    for number, line in enumerate(_read_text(path), 1):
        if not line:
            continue
        name, label = [*line.rsplit(None, 1), ""][:2]
        where = f"{path} line {number}"
        if not (label.isascii() and label.isdecimal()) or int(label) >= _LABEL_LIMIT:
            raise UserError(
                f"{where} is {line[:80]!r}: wanted a path, a space and a class index"
                " from 0, such as n01440764/n01440764_18.JPEG 0; correct the line"
            )
        name = os.path.normpath(name) if ".." not in name.split("/") else name
        if problem := check.problem(name):
            raise UserError(
                f"{where} names {name!r}, which {problem}: wanted a file below"
                f" {path.parent}; correct the line"
            )
        if name in seen:
            raise UserError(
                f"{where} names {name!r} as line {seen[name]} does: wanted every"
                " image once; remove one of the lines"
            )
        seen[name] = number
        rows.append((name, int(label)))
    if not rows:
        raise UserError(f"{path} has no lines: wanted one for each image; {_FORM}")
    return rows


class _Below:
    """Whether paths stay below a folder, links followed."""

    def __init__(self, root: pathlib.Path):
        self._root = os.path.realpath(root)
        self._folders: dict[str, bool] = {}

    def problem(self, name: str) -> str:
        """What is wrong with a path, in words; empty if nothing is."""
        if os.path.isabs(name):
            return "is an absolute path"
        if ".." in name.split("/") or "\0" in name:
            return "leads out of the list's folder"
        path = os.path.join(self._root, name)
        folder = os.path.dirname(path)
        if folder not in self._folders:
            # Asked once for each folder: following links costs.
            self._folders[folder] = self._inside(folder)
        if not self._folders[folder]:
            return "leads out of the list's folder through a link"
        if os.path.islink(path) and not self._inside(path):
            return "leads out of the list's folder through a link"
        if not os.path.isfile(path):
            return "is not there" if not os.path.exists(path) else "is no file"
        return ""

    def _inside(self, path: str) -> bool:
        real = os.path.realpath(path)
        return os.path.commonpath([self._root, real]) == self._root


def _class_names(
    train: pathlib.Path, rows: list[tuple[str, int]], count: int
) -> tuple[str, ...]:
    names = train.parent / _CLASS_NAMES
    if names.is_file():
        lines = tuple(line for line in _read_text(names) if line)
        if len(lines) != count or len(set(lines)) != count:
            raise UserError(
                f"{names} names {len(set(lines))} classes in {len(lines)} lines, the"
                f" labels of the lists go up to {count - 1}: wanted {count} names, one"
                " to a line, each once; correct or remove it"
            )
        return lines
    folders: dict[int, set[str]] = {}
    for name, label in rows:
        folders.setdefault(label, set()).add(os.path.dirname(name).split("/")[-1])
    found = {next(iter(f)) for f in folders.values() if len(f) == 1 and "" not in f}
    if len(found) == len(folders) == count:
        return tuple(next(iter(folders[label])) for label in range(count))
    return tuple(str(label) for label in range(count))
