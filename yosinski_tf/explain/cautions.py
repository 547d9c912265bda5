"""What is to be known of the numbers in a table, from the rows alone."""

import math
from collections.abc import Collection, Iterable, Sequence

from yosinski_tf.explain import rows as tidy
from yosinski_tf.explain.rows import Row

# Of these, each layer has one value for all networks.
ALL = "all"
IMAGES, FEWEST, COMPARED = "train_images", "fewest_of_a_class", "compared_images"
VALUES, DIMENSIONS = "values", "dimensions"
DIVERGED, NOT_READ = "diverged", "not_read"

_PROBES, _SCORES, _CKA = "linear_probe", "logme", "cka"


def left_out(rows: Sequence[Row]) -> list[str]:
    """Which networks are missing in all tables."""
    told = []
    found = sorted({row.network for row in rows if row.measure == DIVERGED})
    if found:
        count = sum(row.measure == DIVERGED for row in rows)
        told.append(
            f"{count} network{'s' * (count > 1)} that diverged"
            f" {'are' if count > 1 else 'is'} left out: {', '.join(found)}."
        )
    lost = sorted({(*row.pair, row.network) for row in rows if row.measure == NOT_READ})
    if lost:
        named = "; ".join(
            f"{network} of {split}, {direction[0]} to {direction[-1]}, seed {seed}"
            for split, direction, seed, network in lost
        )
        told.append(f"Left out, since their weights cannot be read: {named}.")
    return told


def cautions(measures: Collection[str], rows: Sequence[Row]) -> list[str]:
    """Sentences to stand beside the tables of some measures.

    Args:
      measures: The measures of the tables.
      rows: All rows of one kind of split.
    """
    told = _not_finite(measures, rows)
    if _PROBES in measures:
        told += _of_probes(rows)
    if _SCORES in measures:
        told += _of_scores(rows)
    if _CKA in measures:
        told += _of_similarity(rows)
    return told


def lacks_ceiling(rows: Sequence[Row]) -> bool:
    """Whether bases B were compared, but with no base B of another seed."""
    compared = {row.network for row in rows if row.measure == _CKA}
    return "baseB baseB'" not in compared and bool(
        compared & {"baseA baseB", "P baseB", "R baseB"}
    )


def _of_probes(rows: Sequence[Row]) -> list[str]:
    images = _of_all(rows, IMAGES)
    if not images:
        return []
    few, many = min(images), max(images)
    told = [f"Probes learn from {_number(few, many)} training images."]
    if averaged := _averaged(rows):
        told.append(
            "Of outputs with more than 4,096 numbers neighbouring places are averaged:"
            f" {averaged}."
        )
    if layers := _wide(rows):
        told.append(
            f"More dimensions than images: {layers}. There a linear probe rests on its"
            " penalty, which is chosen by leaving out one image at a time; nearest"
            " neighbours need nothing special."
        )
    if min(_of_all(rows, FEWEST)) < 2:
        told.append(
            "A class has a single training image: left out, it is never found, so the"
            " penalty and the number of neighbours are chosen by the other classes."
        )
    return told


def _of_scores(rows: Sequence[Row]) -> list[str]:
    if layers := _wide(rows):
        return [
            f"More dimensions than images: {layers}. There an H-score rests on the"
            " shrinkage, and LogME on the axes on which images lie."
        ]
    return []


def _of_similarity(rows: Sequence[Row]) -> list[str]:
    images = _of_all(rows, COMPARED)
    told = []
    if images:
        told.append(
            f"CKA is of {_number(min(images), max(images))} validation images, in"
            " batches of at most 128 by the unbiased estimator, which more dimensions"
            " than images do not raise."
        )
    if images and min(images) < 4:
        told.append("It needs at least 4 images.")
    if lacks_ceiling(rows):
        told.append(
            "There is no second base B of another seed, whose CKA with base B would be"
            " the ceiling: --seeds=0,1 trains one."
        )
    return told


def _not_finite(measures: Collection[str], rows: Sequence[Row]) -> list[str]:
    missing = sorted(
        {
            (row.network, row.n, row.layer)
            for row in rows
            if row.measure in measures and math.isnan(row.value)
        }
    )
    if not missing:
        return []
    named = ", ".join(f"{layer} of {network}" for network, _, layer in missing)
    return [
        "No value, since features are not finite, too large or the same for all images:"
        f" {named}."
    ]


def _averaged(rows: Sequence[Row]) -> str:
    values, kept = (_by_layer(rows, measure) for measure in (VALUES, DIMENSIONS))
    return ", ".join(
        f"{layer} {values[layer]:,} to {kept[layer]:,}"
        for layer in kept
        if values.get(layer, 0) > kept[layer]
    )


def _wide(rows: Sequence[Row]) -> str:
    """The layers with more dimensions than images, in words; may be empty."""
    images = min(_of_all(rows, IMAGES), default=0)
    found = [
        layer for layer, count in _by_layer(rows, DIMENSIONS).items() if count > images
    ]
    return ", ".join(found)


def _by_layer(rows: Sequence[Row], measure: str) -> dict[str, int]:
    names = tidy.layer_names([row for row in rows if row.measure == measure])
    values = tidy.values_by_n(rows, measure, ALL)
    return {name: int(max(values[n])) for n, name in names.items()}


def _of_all(rows: Iterable[Row], measure: str) -> list[int]:
    return [int(row.value) for row in rows if row.measure == measure]


def _number(few: int, many: int) -> str:
    return f"{few:,}" if few == many else f"{few:,} to {many:,}"
