"""Compares what a source holds with what it promises."""

import re

import numpy as np

from yosinski_tf.data.prepare.listing import ListedImages, Listing
from yosinski_tf.data.sources.image_set import check_labels
from yosinski_tf.experiment import ilsvrc

# Number of images of ILSVRC2012, and the least and most of a class.
_ILSVRC2012 = {
    "train": ("training", ilsvrc.NUM_TRAIN_IMAGES, 732, 1300),
    "validation": ("validation", ilsvrc.NUM_VALIDATION_IMAGES, 50, 50),
}
_WORDNET_PREFIX = re.compile(r"(n\d{8})_")


def check(listing: Listing) -> list[str]:
    """Compares counts, order of classes and names with what is known.

    Returns:
      A warning for everything that differs from what the source promises.

    Raises:
      UserError: If there are fewer than two classes, or a class has no image in
        one of the parts.
    """
    names = listing.class_names
    warnings = []
    if listing.absent:
        warnings.append(
            f"{len(listing.absent):,} of {len(names) + len(listing.absent):,} classes"
            f" that {listing.source} names have no image and are left out, the first"
            f" is {listing.absent[0]!r}"
        )
    for part, images in listing.parts.items():
        check_labels(listing.source, part, images.labels, names)
        promised = listing.promised.get(part, len(images))
        warnings += _difference(f"{part} images", len(images), promised)
    known = ilsvrc.class_families()
    if set(names) <= set(known) and list(names) != sorted(names):
        warnings.append(
            "the classes are WordNet ids, but not in their order, which is the order"
            " of the class index in ImageNet"
        )
    if {*names, *listing.absent} == set(known):
        warnings += _imagenet(listing)
    if set(names) <= set(known):
        warnings += _other_names(names, listing.parts["train"])
    return warnings


def _imagenet(listing: Listing) -> list[str]:
    warnings = []
    for part, (word, total, least, most) in _ILSVRC2012.items():
        labels = listing.parts[part].labels
        warnings += _difference(f"ImageNet {word} images", len(labels), total)
        counts = np.bincount(labels)
        wrong = (counts < least) | (counts > most)
        if wrong.any():
            first = int(np.argmax(wrong))
            promised = f"{least} to {most}" if least < most else f"{most}"
            warnings.append(
                f"{wrong.sum():,} class(es) do not have the {promised} {word} images of"
                f" ImageNet, the first is {listing.class_names[first]} with"
                f" {counts[first]:,}"
            )
    return warnings


def _difference(what: str, found: int, promised: int) -> list[str]:
    if found == promised:
        return []
    word = "missing" if found < promised else "too many"
    return [
        f"{found:,} {what} found, {promised:,} promised:"
        f" {abs(found - promised):,} {word}"
    ]


def _other_names(names: tuple[str, ...], images: ListedImages) -> list[str]:
    """Warns about images whose names belong to another class."""
    wrong = []
    for label, name in zip(images.labels.tolist(), images.file_names, strict=True):
        match = _WORDNET_PREFIX.match(name, name.rfind("/") + 1)
        if match and match[1] != names[label]:
            wrong.append((name, names[label]))
    if not wrong:
        return []
    return [
        f"{len(wrong):,} training image(s) have the name of another class, the first"
        f" is {wrong[0][0]} of class {wrong[0][1]}"
    ]
