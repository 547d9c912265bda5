"""What a source promises, against what was found in it."""

import re

import numpy as np

from yosinski_tf.data.prepare.listing import Images, Listing
from yosinski_tf.experiment import ilsvrc
from yosinski_tf.system.errors import UserError

# Of the 1000 training classes of ILSVRC2012; every validation class has 50.
_SMALLEST_CLASS, _LARGEST_CLASS, _VALIDATION_CLASS = 732, 1300, 50
_WORDNET_PREFIX = re.compile(r"(n\d{8})_")


def check(listing: Listing) -> list[str]:
    """Compares counts, order of classes and names with what is known.

    Returns:
      A sentence for everything that is not as promised, to warn with.

    Raises:
      UserError: If there are fewer than two classes, or a class has no image in
        one of the splits.
    """
    names = listing.class_names
    if len(names) < 2:
        raise UserError(
            f"source {listing.source} has {len(names)} class(es): wanted at least 2"
        )
    warnings = []
    if listing.absent:
        warnings.append(
            f"{len(listing.absent):,} of {len(names) + len(listing.absent):,} classes"
            f" that {listing.source} names have no image and are left out, the first"
            f" is {listing.absent[0]!r}"
        )
    for split, images in listing.splits.items():
        counts = np.bincount(images.labels, minlength=len(names))
        if missing := np.flatnonzero(counts == 0).tolist():
            raise UserError(
                f"source {listing.source} has no {split} image of {len(missing)} of"
                f" {len(names)} classes, the first is {names[missing[0]]!r}: wanted"
                " at least one of every class; add some or remove the class"
            )
        promised = listing.promised.get(split, len(images))
        warnings += _difference(f"{split} images", len(images), promised)
    known = ilsvrc.class_families()
    if set(names) <= set(known) and list(names) != sorted(names):
        warnings.append(
            "the classes are WordNet ids, but not in their order, which is that of"
            " the class index in ImageNet"
        )
    if {*names, *listing.absent} == set(known):
        warnings += _imagenet(listing)
    if set(names) <= set(known):
        warnings += _other_names(names, listing.splits["train"])
    return warnings


def _imagenet(listing: Listing) -> list[str]:
    train, validation = listing.splits["train"], listing.splits["validation"]
    warnings = _difference(
        "ImageNet training images", len(train), ilsvrc.NUM_TRAIN_IMAGES
    )
    warnings += _difference(
        "ImageNet validation images", len(validation), ilsvrc.NUM_VALIDATION_IMAGES
    )
    counts = np.bincount(train.labels)
    warnings += _classes(
        listing, (counts < _SMALLEST_CLASS) | (counts > _LARGEST_CLASS), counts,
        f"{_SMALLEST_CLASS} to {_LARGEST_CLASS} training images",
    )  # fmt: skip
    counts = np.bincount(validation.labels)
    return warnings + _classes(
        listing, counts != _VALIDATION_CLASS, counts,
        f"{_VALIDATION_CLASS} validation images",
    )  # fmt: skip


def _difference(what: str, found: int, promised: int) -> list[str]:
    if found == promised:
        return []
    word = "missing" if found < promised else "too many"
    return [
        f"{found:,} {what} found, {promised:,} promised:"
        f" {abs(found - promised):,} {word}"
    ]


def _classes(
    listing: Listing, wrong: np.ndarray, counts: np.ndarray, promised: str
) -> list[str]:
    if not wrong.any():
        return []
    first = int(np.argmax(wrong))
    return [
        f"{wrong.sum():,} classes have not the {promised} of ImageNet, the first is"
        f" {listing.class_names[first]} with {counts[first]:,}"
    ]


def _other_names(names: tuple[str, ...], images: Images) -> list[str]:
    """Images that are named after another class than theirs."""
    wrong = []
    for label, name in zip(images.labels.tolist(), images.file_names, strict=True):
        match = _WORDNET_PREFIX.match(name, name.rfind("/") + 1)
        if match and match[1] != names[label]:
            wrong.append((name, names[label]))
    if not wrong:
        return []
    return [
        f"{len(wrong):,} training images are named after another class than theirs,"
        f" the first is {wrong[0][0]} of class {wrong[0][1]}"
    ]
