"""Lists the images of every kind of source that a store can be prepared from."""

import pathlib
from collections.abc import Callable

from yosinski_tf.data.counting import counter
from yosinski_tf.data.prepare import filelist, imagenet_tars, listing, tfds_listing
from yosinski_tf.data.sources import folder, tfds_folder
from yosinski_tf.data.sources.source_spec import check_option, split_spec
from yosinski_tf.data.store.format import PARTS
from yosinski_tf.system.errors import UserError

KNOWN = (
    "tfds:imagenet2012 (from its two tar files), tfds:NAME (prepared by TensorFlow"
    " Datasets), folder:DIR (a folder per class) or filelist:TRAIN.txt,VAL.txt (lines"
    " of a path and a label)"
)
_IMAGENET = f"tfds:{imagenet_tars.NAME}"


def list_source(
    spec: str,
    *,
    data_dir: str | None = None,
    manual_dir: str | None = None,
    held_out: float | None = None,
    notes: pathlib.Path | None = None,
    report: Callable[[int, int], None] | None = None,
) -> listing.Listing:
    """Lists the images of a source by class, in the source's order.

    Args:
      spec: The source, in a form of `KNOWN`.
      data_dir: Where TensorFlow Datasets keeps its data; `tfds` only.
      manual_dir: Folder of ImageNet's tar files; `tfds:imagenet2012` only.
      held_out: Fraction of each class to hold out for validation; `folder` only.
      notes: A folder to keep the lists of a TFDS data set in, for the next time.
      report: Called with the number of records listed and the total.

    Raises:
      UserError: If the source is unknown, missing, incomplete or damaged.
    """
    kind, rest = split_spec(spec)
    check_option(spec, "data_dir", data_dir, kind == "tfds", "tfds:NAME")
    check_option(spec, "manual_dir", manual_dir, spec == _IMAGENET, _IMAGENET)
    check_option(spec, "held_out", held_out, kind == "folder", "folder:DIR")
    if kind == "folder":
        found = _list_folder(spec, rest, held_out)
    elif kind == "filelist" and rest:
        found = filelist.open_filelist(rest)
    elif kind == "tfds" and rest:
        if spec == _IMAGENET:
            imagenet_tars.build(data_dir, manual_dir)
        prepared = tfds_folder.open_tfds(rest, data_dir)
        advance = counter(report, prepared.num_images)
        found = tfds_listing.list_tfds(prepared, notes, advance)
    else:
        raise UserError(f"unknown source {spec!r}: give one of {KNOWN}")
    folder.check_class_names(spec, found.class_names)
    if cut := [name for name in found.class_names if name != name.strip()]:
        # TensorFlow Datasets cuts them off in the list of a store's labels.
        raise UserError(
            "names of classes need no spaces at their ends to be in a store, found"
            f" class {cut[0]!r} in {spec}: rename it"
        )
    for images in found.parts.values():
        for name in images.file_names:
            # They are the lines of the store's lists of file names.
            if "\n" in name or "\0" in name or not name:
                raise UserError(
                    f"names of images need one line of text, found {name!r} in {spec}:"
                    " rename it"
                )
    return found


def _list_folder(spec: str, directory: str, held_out: float | None) -> listing.Listing:
    # An empty file is reported with the other damaged images.
    found = folder.open_folder(directory, held_out, keep_empty=True)
    parts = {}
    for part in PARTS:
        _, labels = found.files(part)
        names = tuple(found.names(part))
        parts[part] = listing.list_files(part, str(found.root), labels, names)
    return listing.Listing(spec, found.class_names, parts)
