"""Images from a folder tree with one folder per class."""

import dataclasses
import os
import pathlib
import unicodedata
from collections.abc import Callable, Iterable

import numpy as np

from yosinski_tf.data import decoding
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.user_text import same_name

_SYSTEM_FILES = ("Thumbs.db", "desktop.ini")
# Files by which folders that commands made are known: of a study, a store, an export.
_MADE = ("study.json", "store.json", "export.json")
_FORM = (
    "give DIR with DIR/train/CLASS/* and DIR/val/CLASS/*, or DIR with DIR/CLASS/* and"
    " --held_out=SHARE"
)


@dataclasses.dataclass(frozen=True)
class Folder:
    """The image files of a folder tree, listed but not yet read.

    Attributes:
      class_names: The class folders' names, sorted.
      train: Paths of the training images of each class, sorted by file name.
      validation: Paths of the validation images of each class.
      root: The folder, DIR.
    """

    class_names: tuple[str, ...]
    train: tuple[tuple[str, ...], ...]
    validation: tuple[tuple[str, ...], ...]
    root: pathlib.Path

    @property
    def num_images(self) -> int:
        """Training and validation images together."""
        return sum(len(paths) for paths in self.train + self.validation)

    def files(self, part: str) -> tuple[list[str], np.ndarray]:
        """Paths and labels, int32 [N], of a part, class by class."""
        classes = getattr(self, part)
        counts = [len(paths) for paths in classes]
        labels = np.repeat(np.arange(len(classes), dtype=np.int32), counts)
        return [path for paths in classes for path in paths], labels

    def names(self, part: str) -> list[str]:
        """Paths of a part within the folder, in the order of `files`."""
        return [os.path.relpath(path, self.root) for path in self.files(part)[0]]

    def image_name(self, part: str, index: int) -> str:
        """The path, within the folder, of an image of a part."""
        return self.names(part)[index]

    def read(
        self, part: str, image_size: int, advance: Callable[[int], None]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Reads the images of a part, class by class, files sorted by name.

        Args:
          part: `train` or `validation`.
          image_size: Height and width to warp them to, pixels.
          advance: Called with the number of images just done.

        Returns:
          Images uint8 [N, S, S, 3] and labels int32 [N].

        Raises:
          UserError: If an image cannot be read.
        """
        paths, labels = self.files(part)
        sources = zip(paths, paths, strict=True)
        images = decoding.decode_all(sources, len(paths), image_size, advance)
        return images, labels


def open_folder(
    directory: str,
    held_out: float | None = None,
    held_out_seed: int = 0,
    keep_empty: bool = False,
) -> Folder:
    """Lists a folder tree and checks it, reading no image.

    The tree is either `DIR/train/CLASS/*` with `DIR/val/CLASS/*` (or `validation`),
    or `DIR/CLASS/*`, where a fraction of each class is held out for validation.
    Hidden files and folders are ignored.

    Args:
      directory: DIR.
      held_out: Fraction of each class to hold out, for the second form; at least
        one image stays in each part. Not in the paper, whose data set has a
        validation part.
      held_out_seed: Decides which images are held out. They do not depend on the
        other classes.
      keep_empty: Whether to list files of 0 bytes, as damaged images.

    Raises:
      UserError: If the tree has neither form, or holds other files.
    """
    root = pathlib.Path(os.path.expanduser(directory))
    if not directory or not root.is_dir():
        raise UserError(f"no folder {directory!r}: {_FORM}")
    train, *validation = _parts(root)
    if train == root:
        return _one_level(root, held_out, held_out_seed, keep_empty)
    if held_out is not None:
        raise UserError(
            f"--held_out={held_out} needs a folder without a validation part, found"
            f" the folder {train}: leave --held_out out, or give folder:{train}"
        )
    if len(validation) != 1:
        raise UserError(
            f"{root} needs a folder val or validation beside its folder train, found"
            f" {'both' if validation else 'neither'}: keep one, or give folder:{train}"
            " with --held_out=SHARE"
        )
    return _two_levels(root, validation[0], keep_empty)


def check_outside(directory: str, made: pathlib.Path, flag: str) -> None:
    """Refuses to make a folder where those of classes and their images are looked for.

    It would be taken for a class the next time. Hidden folders are not looked at, and
    a tree that is not there is not refused.

    Args:
      directory: DIR, as for `open_folder`.
      made: The folder that is to be made, or that an earlier version made.
      flag: The flag that names it.

    Raises:
      UserError: If it lies in a place of class folders, or in a class folder.
    """
    root = pathlib.Path(os.path.expanduser(directory))
    if not directory or not root.is_dir():
        return
    parts = _parts(root)
    if parts[0] != root:
        # Also where validation images would be looked for the next time.
        parts = [parts[0], root / "val", root / "validation"]
    for part in parts:
        folders = _class_folders(part).values() if part.is_dir() else ()
        for place in (part, *folders):
            if _is_seen_in(place, made):
                raise _inside(root, made, flag)


def holds_something_made(folder: pathlib.Path) -> bool:
    """Whether a folder is, or directly holds, a study folder or a store."""
    return _is_made(folder) or any(
        True for name in _MADE for _ in folder.glob(f"*/{name}")
    )


def visible_entries(folder: pathlib.Path) -> list[os.DirEntry[str]]:
    """Entries of a folder, sorted by name, without hidden and system files.

    Raises:
      OSError: If the folder cannot be read.
    """
    with os.scandir(folder) as found:
        entries = [e for e in found if e.name[0] != "." and e.name not in _SYSTEM_FILES]
    return sorted(entries, key=lambda entry: entry.name)


def check_class_names(source: str, names: Iterable[str]) -> None:
    """Refuses names that do not fit on a line of a text file, such as a split file.

    Raises:
      UserError: If a name has a line end, a control character or bytes other than
        UTF-8, or is empty, or if two names differ only in how their accents are
        written. The message names the source.
    """
    seen: dict[str, str] = {}
    for name in names:
        if len(name.splitlines()) != 1 or any(
            unicodedata.category(letter) in ("Cc", "Cs") for letter in name
        ):
            raise UserError(
                "names of classes need one line of UTF-8 text without control"
                f" characters, found class {ascii(name)} in {source}: rename it"
            )
        other = seen.setdefault(same_name(name), name)
        if other != name:
            raise UserError(
                "classes need different names, found two in"
                f" {source} that differ only in how {name!r} is written in Unicode,"
                f" {ascii(other)} and {ascii(name)}: rename one, or join them"
            )


def _parts(root: pathlib.Path) -> list[pathlib.Path]:
    """The places of class folders: train, val and validation, or the root alone."""
    validation = [root / n for n in ("val", "validation") if (root / n).is_dir()]
    train = root / "train"
    if not train.is_dir() or not (validation or _class_folders(train)):
        return [root]
    return [train, *validation]


def _is_seen_in(place: pathlib.Path, made: pathlib.Path) -> bool:
    """Whether a folder lies in a place, itself or by a link, and is not hidden."""
    real = os.path.realpath(place)
    home, name = os.path.split(os.path.abspath(made))
    for path in (os.path.realpath(made), os.path.join(os.path.realpath(home), name)):
        if os.path.commonpath([real, path]) == real:
            within = pathlib.Path(os.path.relpath(path, real)).parts
            return not any(name.startswith(".") for name in within)
    return False


def _inside(root: pathlib.Path, made: pathlib.Path, flag: str) -> UserError:
    name = os.path.basename(os.path.abspath(made))
    outside = root.resolve().parent / name
    if outside == root.resolve():
        outside = root.resolve().parent / "NAME"
    advice = f"give one such as {flag}={outside}"
    if holds_something_made(made):
        advice = f"move it, for example to {outside}, and give {flag}={outside}"
    return UserError(
        f"{flag} needs a folder outside the images of folder:{root}, found {made},"
        f" where folders are taken for classes: {advice}"
    )


def _is_made(folder: pathlib.Path) -> bool:
    return any((folder / name).is_file() for name in _MADE)


def _misplaced(folder: pathlib.Path) -> UserError:
    """The error for what an earlier version, or another command, made there."""
    return UserError(
        f"class folders need images only, found {folder}, which holds a study, a store"
        " or an export: move it out of there"
    )


def _two_levels(
    root: pathlib.Path, validation: pathlib.Path, keep_empty: bool
) -> Folder:
    train = root / "train"
    folders = {place: _class_folders(place) for place in (train, validation)}
    for here, there in ((train, validation), (validation, train)):
        if missing := sorted(folders[here].keys() - folders[there].keys()):
            if holds_something_made(here / missing[0]):
                raise _misplaced(here / missing[0])
            raise UserError(
                "training and validation need the same classes, found a folder"
                f" {missing[0]!r} in {here} but not in {there} ({len(missing)} such):"
                " add or remove its folder"
            )
    # Their order has always been that of the names as the training folder has them.
    names = tuple(sorted(path.name for path in folders[train].values()))
    _check_class_count(train, names)
    parts = (
        tuple(_image_files(found[same_name(name)], keep_empty) for name in names)
        for found in folders.values()
    )
    return Folder(names, *parts, root)


def _one_level(
    root: pathlib.Path, held_out: float | None, seed: int, keep_empty: bool
) -> Folder:
    folders = _class_folders(root)
    names = tuple(sorted(path.name for path in folders.values()))
    _check_class_count(root, names)
    if held_out is None:
        raise UserError(
            f"{root} needs folders train and val, or a share of each class to hold out"
            " for validation: add the folders, or give a share such as --held_out=0.2"
        )
    if not 0 < held_out < 1:
        raise UserError(
            f"--held_out needs a number between 0 and 1, found {held_out}: give a share"
            " such as 0.2"
        )
    train, validation = [], []
    for name in names:
        folder = folders[same_name(name)]
        files = _image_files(folder, keep_empty)
        if len(files) < 2:
            raise UserError(
                f"class folder {folder} needs an image for training and one for"
                " validation, found one image: add another"
            )
        count = min(max(1, round(held_out * len(files))), len(files) - 1)
        # The seed includes the class's name: classes do not depend on each other.
        random = np.random.RandomState([seed, *os.fsencode(name)])
        chosen = set(random.permutation(len(files))[:count].tolist())
        train.append(tuple(f for i, f in enumerate(files) if i not in chosen))
        validation.append(tuple(f for i, f in enumerate(files) if i in chosen))
    return Folder(names, tuple(train), tuple(validation), root)


def _check_class_count(folder: pathlib.Path, names: tuple[str, ...]) -> None:
    if len(names) < 2:
        raise UserError(
            f"{folder} needs at least 2 class folders, found {len(names)}: {_FORM}"
        )


def _entries(folder: pathlib.Path) -> list[os.DirEntry[str]]:
    try:
        return visible_entries(folder)
    except OSError as error:
        raise UserError(
            f"cannot read folder {folder} ({error.strerror}): make it readable or"
            " remove it"
        ) from None


def _class_folders(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Class folders by `same_name`, since a Mac writes accents in another way.

    Files beside them, such as a README, are ignored.
    """
    names = [entry.name for entry in _entries(folder) if os.path.isdir(entry.path)]
    check_class_names(str(folder), names)
    return {same_name(name): folder / name for name in names}


def _image_files(folder: pathlib.Path, keep_empty: bool) -> tuple[str, ...]:
    """Paths of the images in a class folder, sorted by file name."""
    paths = []
    for entry in _entries(folder):
        problem = ""
        # os.path instead of the entry's methods, which raise for a loop of links.
        if os.path.isdir(entry.path):
            if holds_something_made(pathlib.Path(entry.path)):
                raise _misplaced(pathlib.Path(entry.path))
            problem = "is a folder"
        elif not os.path.isfile(entry.path):
            problem = "is not a file, or a link to nothing"
        elif os.path.getsize(entry.path) == 0:
            problem = "" if keep_empty else "is empty (0 bytes)"
        elif not decoding.looks_like_image(entry.path):
            problem = "is not an image"
        if problem:
            if _is_made(folder):
                raise _misplaced(folder)
            raise UserError(
                f"class folders need images only, found {entry.path}, which {problem}:"
                " move or remove it"
            )
        paths.append(entry.path)
    if not paths:
        raise UserError(
            f"class folder {folder} needs at least one image, found none: add images or"
            " remove the folder"
        )
    return tuple(paths)
