"""Short names for the stages of a network, from the names of its layers."""

import os.path
from collections.abc import Sequence

from yosinski_tf.experiment.keras_networks import Tensor
from yosinski_tf.models import cuts


def names_of_cuts(
    body: cuts.Body, ends: Sequence[Tensor], classifier: str
) -> tuple[str, ...]:
    """Unique names of the stages that end at some blocks, see `stage_names`."""
    found: list[list[list[str]]] = [[]]
    for block in cuts.blocks(body):
        found[-1].append(cuts.telling_layers(body, block))
        if block.end in ends:
            found.append([])
    return stage_names(found[:-1], [end[0] for end in ends], classifier)


def stage_names(
    stages: Sequence[Sequence[Sequence[str]]], ends: Sequence[str], classifier: str
) -> tuple[str, ...]:
    """Unique names of all stages, the last one that of the classifier.

    The words (parted by `_`) that the names of all layers of a stage begin with name it
    if they end in a number; else those of its last block; else its last layer. Words
    that all names begin with are left out.

    Args:
      stages: For each stage but the last, for each of its blocks, the names of the
        layers with weights and of those that merge branches.
      ends: For each of these stages, the layer whose output is its end.
      classifier: Name of the classifier.
    """
    whole = [_beginning([name for block in each for name in block]) for each in stages]
    names = []
    for stage, first in zip(stages, whole, strict=True):
        if first and first[-1].isdigit() and whole.count(first) == 1:
            names.append(first)
        else:
            names.append(_beginning(stage[-1]) or stage[-1][-1])
    layers = [stage[-1][-1] for stage in stages]
    names = _replace_repeated(names, layers, classifier)
    names = _without_family(names)
    return (*_replace_repeated(names, ends, classifier), classifier)


def _replace_repeated(
    names: Sequence[str], others: Sequence[str], classifier: str
) -> list[str]:
    """The names, with another for each that is not unique."""
    every = [*names, classifier]
    return [
        other if every.count(name) > 1 else name
        for name, other in zip(names, others, strict=True)
    ]


def _beginning(names: Sequence[str]) -> str:
    """The words that all names begin with."""
    return "_".join(os.path.commonprefix([name.split("_") for name in names]))


def _without_family(names: Sequence[str]) -> list[str]:
    """The names without the words that all of them begin with."""
    words = [name.split("_") for name in names]
    shared = len(os.path.commonprefix(words)) if len(words) > 1 else 0
    # What is left begins with a letter.
    count = max(
        count
        for count in range(shared + 1)
        if count == 0 or all("_".join(each[count:])[:1].isalpha() for each in words)
    )
    return ["_".join(each[count:]) for each in words]
