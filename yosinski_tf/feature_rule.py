"""Which outputs of frozen layers are computed once and kept, and whether any.

A frozen layer's output for an image is the same in every epoch, up to the first
dropout, which acts in frozen layers too. What is kept costs memory, one pass over
the images, and reading it for every batch. (Not in the paper.)
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping

from yosinski_tf.networks import Dense, Network

MODES = ("auto", "on", "off")
# Of the memory that is free: four processes at a time then take at most 60%.
SHARE = 0.15
# Multiply-accumulates that take as long as a byte fetched for a batch, as a byte
# computed and stored, and as compiling what computes it.
_FETCHED, _STORED, _COMPILED = 8, 8, 4e10

Kept = Mapping[str, tuple[int, ...]]


@dataclasses.dataclass(frozen=True)
class Trunk:
    """The frozen layers that some networks stand on.

    Attributes:
      work: Multiply-accumulates of each layer for one image, conv1 first.
      sizes: Bytes of each layer's output for one image.
      depths: After how many layers a network stands on it; the largest is the
        number of layers.
      constant: How many of the layers do not depend on dropout; the last of
        them up to its own.
    """

    work: tuple[int, ...]
    sizes: tuple[int, ...]
    depths: tuple[int, ...]
    constant: int


@dataclasses.dataclass(frozen=True)
class Passes:
    """How often images go through a trunk.

    Attributes:
      seen: Images that go through it if nothing is kept, each time counted.
      computed: Images, and views of them, that go through it if all is kept.
    """

    seen: int
    computed: int


def make_trunk(
    network: Network, input_size: int, depths: Iterable[int], value_bytes: int
) -> Trunk:
    """What the rule has to know of the frozen layers of a network.

    Args:
      network: The network.
      input_size: Side of the crops, pixels.
      depths: After how many layers networks stand on them, each from 1 to 7.
      value_bytes: Bytes of one activation.
    """
    depths = tuple(sorted(set(depths)))
    layers = network.count(input_size, num_classes=1)[: depths[-1]]
    dropping = [
        number
        for number, layer in enumerate(network.layers, start=1)
        if isinstance(layer, Dense) and layer.dropout
    ]
    return Trunk(
        work=tuple(layer.multiply_accumulates for layer in layers),
        sizes=tuple(math.prod(layer.output_shape) * value_bytes for layer in layers),
        depths=depths,
        constant=min([*dropping, len(layers)]),
    )


def choose(
    trunk: Trunk, passes: Passes, most_bytes: float, mode: str = "auto"
) -> tuple[int, ...]:
    """The layers whose outputs are best computed once and kept.

    Of all sets of layers that fit, that one which saves most work in the whole
    training; none if none saves any.

    Args:
      trunk: The frozen layers.
      passes: How often images go through it.
      most_bytes: Memory that may be taken.
      mode: `auto`; `off` for none; `on` to count only what is saved, not what
        it costs.

    Returns:
      Numbers of layers, 1 for conv1, rising.
    """
    best: tuple[float, tuple[int, ...]] = (0.0, ())
    if mode == "off":
        return ()
    for choice in range(1, 2**trunk.constant):
        kept = tuple(n for n in range(1, trunk.constant + 1) if choice >> (n - 1) & 1)
        size = kept_bytes(trunk, kept)
        if size * passes.computed > most_bytes:
            continue
        saved = passes.seen * (sum(trunk.work) - work_left(trunk, kept))
        if mode == "auto":
            saved -= passes.seen * size * _FETCHED
            saved -= passes.computed * (sum(trunk.work[: kept[-1]]) + size * _STORED)
            saved -= _COMPILED
        # Of two that save the same, the smaller.
        best = max(best, (saved, kept), key=lambda found: found[0])
    return best[1]


def kept_bytes(trunk: Trunk, kept: Iterable[int]) -> int:
    """Bytes that the outputs of some layers take for one image."""
    return sum(trunk.sizes[n - 1] for n in kept)


def work_left(trunk: Trunk, kept: Iterable[int]) -> int:
    """Multiply-accumulates for one image if the outputs of some layers are there."""
    needed = set()
    for start, depths in segments(trunk.depths, kept).items():
        needed |= set(range(start, max(depths)))
    return sum(trunk.work[n] for n in needed)


def segments(depths: Iterable[int], kept: Iterable[int]) -> dict[int, list[int]]:
    """What is computed from what.

    Args:
      depths: After how many layers networks stand on a trunk.
      kept: The layers whose outputs are kept.

    Returns:
      For each kept layer that is used, or 0 for the images, the depths that are
      reached from there: those up to the next kept layer.
    """
    found: dict[int, list[int]] = {}
    for depth in sorted(depths):
        start = max((n for n in kept if n <= depth), default=0)
        found.setdefault(start, []).append(depth)
    return found
