"""Images from a folder tree: one folder per class."""

import dataclasses
import os
import pathlib
import unicodedata
from collections.abc import Callable

import numpy as np

from yosinski_tf.data import decoding
from yosinski_tf.system.errors import UserError

_SYSTEM_FILES = ("Thumbs.db", "desktop.ini")
_FORM = (
    "wanted DIR/train/CLASS/* and DIR/val/CLASS/*, or DIR/CLASS/* with a"
    " --held_out=SHARE"
)


@dataclasses.dataclass(frozen=True)
class Folder:
    """The image files of a folder tree, listed but not yet read.

    Attributes:
      class_names: The class folders' names, sorted.
      train: Paths of the training images of each class, sorted by file name.
      validation: The same for validation.
    """

    class_names: tuple[str, ...]
    train: tuple[tuple[str, ...], ...]
    validation: tuple[tuple[str, ...], ...]

    @property
    def num_images(self) -> int:
        """Training and validation images together."""
        return sum(len(files) for files in self.train + self.validation)

    def read(
        self, part: str, image_size: int, advance: Callable[[int], None]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Reads the images of one part, class by class, files sorted by name.

        Args:
          part: `train` or `validation`.
          image_size: Height and width to warp them to.
          advance: Called with the number of images just done.

        Returns:
          Images uint8 [N, S, S, 3] and labels int32 [N].

        Raises:
          UserError: If a file is no readable image.
        """
        classes = {"train": self.train, "validation": self.validation}[part]
        counts = [len(files) for files in classes]
        labels = np.repeat(np.arange(len(classes), dtype=np.int32), counts)
        images = np.empty((len(labels), image_size, image_size, 3), np.uint8)
        sources = ((path, path) for files in classes for path in files)
        decoding.decode_all(sources, images, advance)
        return images, labels


def open_folder(
    directory: str,
    held_out: float | None = None,
    held_out_seed: int = 0,
    keep_empty: bool = False,
) -> Folder:
    """Lists a folder tree and checks it, reading no image.

    Either `DIR/train/CLASS/*` with `DIR/val/CLASS/*` (or `validation`), or
    `DIR/CLASS/*`, of which a fraction of each class is held out for
    validation. Hidden files and folders are passed over.

    Args:
      directory: Path of DIR.
      held_out: Fraction of each class to hold out, for the second form; at
        least one image stays on each side. Not in the paper, whose data set
        has a validation part.
      held_out_seed: Which images are held out; the same seed holds out the
        same images of a class whatever the other classes are.
      keep_empty: Whether to list files of 0 bytes, as images that are damaged.

    Raises:
      UserError: If the tree has neither form, or holds other files.
    """
    root = pathlib.Path(os.path.expanduser(directory))
    if not directory or not root.is_dir():
        raise UserError(f"no folder {directory!r}: {_FORM}")
    validation = [root / n for n in ("val", "validation") if (root / n).is_dir()]
    train = root / "train"
    if not train.is_dir() or not (validation or _class_folders(train)):
        return _one_level(root, held_out, held_out_seed, keep_empty)
    if held_out is not None:
        raise UserError(
            f"{root} has a folder train, so --held_out={held_out} is not wanted: give"
            f" folder:{train} to hold a share out of it, or leave --held_out away"
        )
    if len(validation) != 1:
        found = "both" if validation else "neither"
        raise UserError(
            f"{root} has a folder train and {found} of val and validation: wanted one,"
            " or"
            f" folder:{train} with --held_out=SHARE"
        )
    return _two_levels(train, validation[0], keep_empty)


def _two_levels(
    train: pathlib.Path, validation: pathlib.Path, keep_empty: bool
) -> Folder:
    train_folders = _class_folders(train)
    validation_folders = _class_folders(validation)
    for here, there, folders, others in (
        (train, validation, train_folders, validation_folders),
        (validation, train, validation_folders, train_folders),
    ):
        if missing := sorted(folders.keys() - others.keys()):
            raise UserError(
                f"class {missing[0]!r} has a folder in {here} but not in {there}"
                f" ({len(missing)} such): wanted the same classes in both; add or"
                " remove its folder"
            )
    names = tuple(sorted(train_folders))
    _check_class_count(train, names)
    return Folder(
        names,
        tuple(_image_files(train_folders[name], keep_empty) for name in names),
        tuple(_image_files(validation_folders[name], keep_empty) for name in names),
    )


def _one_level(
    root: pathlib.Path, held_out: float | None, seed: int, keep_empty: bool
) -> Folder:
    folders = _class_folders(root)
    names = tuple(sorted(folders))
    _check_class_count(root, names)
    if held_out is None:
        raise UserError(
            f"{root} has no folders train and val: give the share of each class to hold"
            " out for validation, such as --held_out=0.2, or add the folders"
        )
    if not 0 < held_out < 1:
        raise UserError(
            f"--held_out wants a number between 0 and 1, such as 0.2, got {held_out}"
        )
    train, validation = [], []
    for name in names:
        files = _image_files(folders[name], keep_empty)
        if len(files) < 2:
            raise UserError(
                f"class folder {folders[name]} has one image: wanted one for"
                " training and one for validation; add another"
            )
        count = min(max(1, round(held_out * len(files))), len(files) - 1)
        # Seeded with the class's name, so classes do not depend on each other.
        random = np.random.RandomState([seed, *os.fsencode(name)])
        chosen = set(random.permutation(len(files))[:count].tolist())
        train.append(tuple(f for i, f in enumerate(files) if i not in chosen))
        validation.append(tuple(f for i, f in enumerate(files) if i in chosen))
    return Folder(names, tuple(train), tuple(validation))


def _check_class_count(folder: pathlib.Path, names: tuple[str, ...]) -> None:
    if len(names) < 2:
        raise UserError(
            f"{folder} has {len(names)} class folder(s): wanted at least 2; {_FORM}"
        )


def _entries(folder: pathlib.Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(
                (e for e in found if e.name[0] != "." and e.name not in _SYSTEM_FILES),
                key=lambda entry: entry.name,
            )
    except OSError as error:
        raise UserError(
            f"cannot read folder {folder} ({error.strerror}): make it readable or"
            " remove it"
        ) from None


def _class_folders(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Folders by name; other files, such as a README, are none of our business."""
    folders = [entry.name for entry in _entries(folder) if os.path.isdir(entry.path)]
    for name in folders:
        # Names of classes stand one to a line in split files and label lists.
        if len(name.splitlines()) > 1 or any(
            unicodedata.category(letter) in ("Cc", "Cs") for letter in name
        ):
            raise UserError(
                f"class folder {ascii(name)} in {folder} has a line end, a control"
                " character or bytes that are no UTF-8 in its name: wanted one line"
                " of text; rename it"
            )
    return {name: folder / name for name in folders}


def _image_files(folder: pathlib.Path, keep_empty: bool) -> tuple[str, ...]:
    """Paths of the images in a class folder, sorted by file name."""
    paths = []
    for entry in _entries(folder):
        # os.path and not the entry's methods: they raise on a loop of links.
        if os.path.isdir(entry.path):
            problem = "is a folder inside a class folder"
        elif not os.path.isfile(entry.path):
            problem = "is no file, or a link that leads nowhere"
        elif os.path.getsize(entry.path) == 0:
            if keep_empty:
                paths.append(entry.path)
                continue
            problem = "is empty (0 bytes)"
        elif not decoding.looks_like_image(entry.path):
            problem = "is no image"
        else:
            paths.append(entry.path)
            continue
        raise UserError(
            f"{entry.path} {problem}: wanted only images in a class folder; move or"
            " remove it"
        )
    if not paths:
        raise UserError(
            f"class folder {folder} is empty: wanted at least one image; add some or"
            " remove the folder"
        )
    return tuple(paths)
