"""The sources that a store can be prepared from, behind one function."""

import os
import pathlib
from collections.abc import Callable

import numpy as np

from yosinski_tf.data.prepare import filelist, imagenet_tars, tfds_listing
from yosinski_tf.data.prepare.listing import Listing, list_files
from yosinski_tf.data.sources import folder, tfds_folder
from yosinski_tf.data.store.format import SPLITS
from yosinski_tf.system.errors import UserError

KNOWN = (
    "tfds:imagenet2012 (from its two tar files), tfds:NAME (prepared by TensorFlow"
    " Datasets), folder:DIR (a folder per class) or filelist:TRAIN.txt,VAL.txt (lines"
    " of a path and a label)"
)


def list_source(
    spec: str,
    *,
    data_dir: str | None = None,
    manual_dir: str | None = None,
    held_out: float | None = None,
    work: pathlib.Path | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Listing:
    """Lists the images of a source by class, in the source's order.

    Args:
      spec: One of `KNOWN`.
      data_dir: Where TensorFlow Datasets keeps its data; `tfds` only.
      manual_dir: Folder of ImageNet's tar files; `tfds:imagenet2012` only.
      held_out: Fraction of each class that becomes the validation part, for a
        folder that has none.
      work: A folder to keep what was found in, for the next time.
      report: Told how many of how many records have been listed.

    Raises:
      UserError: If the source is unknown, not there, incomplete or damaged.
    """
    kind, _, rest = spec.partition(":")
    _check_options(spec, kind, data_dir, manual_dir, held_out)
    if kind == "folder":
        found = _list_folder(spec, rest, held_out)
    elif kind == "filelist" and rest:
        found = filelist.open_filelist(rest)
    elif kind == "tfds" and rest:
        if rest == imagenet_tars.NAME:
            imagenet_tars.build(data_dir, manual_dir)
        prepared = tfds_folder.open_tfds(rest, data_dir)
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            report(done, prepared.num_images)

        found = tfds_listing.list_tfds(prepared, work, advance)
    else:
        raise UserError(f"unknown source {spec!r}: wanted {KNOWN}")
    _check_names(found)
    return found


def _check_options(
    spec: str,
    kind: str,
    data_dir: str | None,
    manual_dir: str | None,
    held_out: float | None,
) -> None:
    for flag, value, fits, wanted in (
        ("data_dir", data_dir, kind == "tfds", "tfds:NAME"),
        (
            "manual_dir",
            manual_dir,
            spec == f"tfds:{imagenet_tars.NAME}",
            f"tfds:{imagenet_tars.NAME}",
        ),
        ("held_out", held_out, kind == "folder", "folder:DIR"),
    ):
        if value is not None and not fits:
            raise UserError(
                f"source {spec!r} takes no --{flag}, got {value}: leave it out, or"
                f" choose the source {wanted}"
            )


def _list_folder(spec: str, directory: str, held_out: float | None) -> Listing:
    # An empty file is a damaged image like any other, to be named with them.
    found = folder.open_folder(directory, held_out, keep_empty=True)
    root = os.path.join(pathlib.Path(directory).expanduser(), "")
    splits = {}
    for split, files in zip(SPLITS, (found.train, found.validation), strict=True):
        counts = [len(paths) for paths in files]
        labels = np.repeat(np.arange(len(files), dtype=np.int32), counts)
        names = tuple(path.removeprefix(root) for paths in files for path in paths)
        splits[split] = list_files(split, root, labels, names)
    return Listing(spec, found.class_names, splits, {})


def _check_names(listing: Listing) -> None:
    """Names go into text files, one to a line."""
    names = [n for images in listing.splits.values() for n in images.file_names]
    for what, found in (("class", listing.class_names), ("image", names)):
        for name in found:
            if "\n" in name or "\0" in name or not name:
                raise UserError(
                    f"{what} {name!r} of {listing.source} has a name that does not"
                    " fit on a line: rename it"
                )
    for name in listing.class_names:
        if any("\ud800" <= letter <= "\udfff" for letter in name):
            raise UserError(
                f"class {name!r} of {listing.source} has a name that is not UTF-8:"
                " rename its folder"
            )
