"""Weight travel: how far training moved each stage from where it started."""

import dataclasses
import math
from collections.abc import Collection, Iterator, Mapping

import numpy as np

from yosinski_tf.explain.trained_variables import is_trained

MEANING = (
    "Weight travel says how far training moved a layer: the length of its change"
    " relative to the length of its weights at the start (as distances in parameter"
    " space in Neyshabur et al. 2020, arXiv 2008.11687), and the angle between start"
    " and end, which a mere rescaling leaves at 0 (layer rotation, Carbonnelle and De"
    " Vleeschouwer 2018, arXiv 1806.01603)."
    " A layer that moved little kept the features that were copied; one that moved far"
    " may still compute the same, so read it beside the similarity."
)

# Values that are taken to double precision at once.
_BLOCK = 1 << 20


@dataclasses.dataclass(frozen=True)
class Travel:
    """How far the weights of a stage moved.

    Attributes:
      relative: Norm of the difference over the norm of the start, 0 or more. NaN if
        all of the start was 0.
      degrees: Angle between start and end as vectors, 0..180. NaN if one of them is 0.
    """

    relative: float
    degrees: float


def weight_travel(
    start: Mapping[str, np.ndarray],
    end: Mapping[str, np.ndarray],
    stages: Mapping[str, Collection[str]],
) -> dict[str, Travel]:
    """How far each stage moved, with the trained variables of its layers as a vector.

    Takes no more than 64 MiB beside the weights.

    Args:
      start: Weights by `layer/variable`, as in `surgery`: of fine-tuned copies, those
        of the base.
      end: The trained weights.
      stages: Names of the layers of each stage, by its name: of fine-tuned copies,
        the copied stages.

    Raises:
      ValueError: If the variables of a stage differ in name or shape, or it has none.
    """
    return {
        stage: _travel(stage, start, end, frozenset(layers))
        for stage, layers in stages.items()
    }


def _travel(
    stage: str,
    start: Mapping[str, np.ndarray],
    end: Mapping[str, np.ndarray],
    layers: frozenset[str],
) -> Travel:
    shapes = [
        {
            name: values.shape
            for name, values in weights.items()
            if name.split("/")[0] in layers and is_trained(name)
        }
        for weights in (start, end)
    ]
    if shapes[0] != shapes[1] or not shapes[0]:
        raise ValueError(
            f"stage {stage} needs the same weights at the start and the end, found"
            f" {shapes[0]} and {shapes[1]}"
        )
    pairs = [(start[name], end[name]) for name in shapes[0]]
    squares = np.zeros(3)
    for old, new in _blocks(pairs):
        moved = new - old
        squares += old @ old, new @ new, moved @ moved
    before, after, distance = np.sqrt(squares)
    relative = distance / before if before else math.nan
    if not before * after > 0:
        return Travel(float(relative), math.nan)
    # Of unit vectors: keeps the digits of small angles, unlike the arc cosine.
    apart, along = 0.0, 0.0
    for old, new in _blocks(pairs):
        old, new = old / before, new / after
        difference, total = new - old, new + old
        apart += float(difference @ difference)
        along += float(total @ total)
    angle = 2 * math.atan2(math.sqrt(apart), math.sqrt(along))
    return Travel(float(relative), math.degrees(angle))


def _blocks(
    pairs: list[tuple[np.ndarray, np.ndarray]],
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pieces of pairs of arrays as vectors in double precision."""
    for old, new in pairs:
        old, new = old.reshape(-1), new.reshape(-1)
        for first in range(0, old.size, _BLOCK):
            piece = slice(first, first + _BLOCK)
            yield old[piece].astype(np.float64), new[piece].astype(np.float64)
