"""Which outputs of frozen layers are computed once and kept, if any.

A frozen layer's output for an image is the same in every epoch, up to the first
dropout, which acts in frozen layers too. Keeping it costs memory, one pass over the
images, and reading it for every batch. (Not in the paper.)
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping

from yosinski_tf.experiment.networks import Dense, Network
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.experiment.treatments import Treatment

MODES = ("auto", "on", "off")
# The share of the free memory that kept outputs may take: four processes together
# then take a fifth, which is what the sizes of cohorts leave.
SHARE = 0.05
# The least share of a cohort's work that a trunk must save. On a processor, saving
# less brought nothing, since reading costs as much (8% saved: 0.98 times the speed;
# two trunks of 2%: 1.00; half of the work of a network alone: 1.97).
LEAST_SAVED = 0.15
# Multiply-accumulates that take as long as reading a byte for a batch, as computing
# and storing a byte, and as compiling the extractor.
_FETCHED, _STORED, _COMPILED = 8, 8, 1e10

Kept = Mapping[str, tuple[int, ...]]


@dataclasses.dataclass(frozen=True)
class KeptFeatures:
    """The layers of a trunk whose outputs are kept, 1 for conv1, rising, and why."""

    layers: tuple[int, ...]
    reason: str


@dataclasses.dataclass(frozen=True)
class Trunk:
    """The costs of the frozen layers that some networks stand on.

    Attributes:
      work: Multiply-accumulates of each layer for one image, conv1 first.
      sizes: Bytes of each layer's output for one image.
      depths: After how many layers networks stand on it; the largest is the number
        of layers.
      constant: How many layers, the last up to its own dropout, do not depend on
        dropout.
    """

    work: tuple[int, ...]
    sizes: tuple[int, ...]
    depths: tuple[int, ...]
    constant: int


def make_trunk(
    network: Network, input_size: int, depths: Iterable[int], value_bytes: int
) -> Trunk:
    """The costs of a network's first layers, frozen, for crops of a side in pixels.

    `depths` are those of `Trunk`, each from 1 to 7; an activation has `value_bytes`.
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
    trunk: Trunk,
    most_bytes: float,
    mode: str = "auto",
    *,
    seen: int,
    computed: int,
    work: int = 0,
) -> KeptFeatures:
    """Chooses the set of layers that saves most work, of those that fit into memory.

    Args:
      trunk: The frozen layers.
      most_bytes: Memory that kept outputs may take.
      mode: `auto`; `off` for none; `on` to ignore what keeping costs.
      seen: Passes of images through the trunk if nothing is kept.
      computed: Passes if outputs are kept: one for each view of each image.
      work: Multiply-accumulates of one image in one step, of all networks that are
        trained together.
    """
    if mode == "off":
        return KeptFeatures((), "off")
    if mode == "auto" and computed >= seen:
        return KeptFeatures((), f"{computed:,} views to compute, {seen:,} are used")
    best: tuple[float, tuple[int, ...]] = (0.0, ())
    fits = False
    for choice in range(1, 2**trunk.constant):
        kept = tuple(n for n in range(1, trunk.constant + 1) if choice >> (n - 1) & 1)
        size = kept_bytes(trunk, kept)
        if size * computed > most_bytes:
            continue
        fits = True
        saved = seen * (sum(trunk.work) - work_left(trunk, kept))
        if mode == "auto":
            saved -= seen * size * _FETCHED
            saved -= computed * (sum(trunk.work[: kept[-1]]) + size * _STORED)
            saved -= _COMPILED
        # Of two sets that save the same, `max` takes the first, which is smaller.
        best = max(best, (saved, kept), key=lambda found: found[0])
    saved, kept = best
    if not fits:
        return KeptFeatures((), f"none fits into {most_bytes / 1e6:,.0f} MB")
    if not kept:
        return KeptFeatures((), "it costs more than it saves")
    gain = sum(trunk.work) - work_left(trunk, kept)
    if mode == "auto" and gain < LEAST_SAVED * work:
        return KeptFeatures((), f"it would save {gain / work:.0%} of all work")
    size = kept_bytes(trunk, kept) * computed
    share = 1 - work_left(trunk, kept) / sum(trunk.work)
    return KeptFeatures(
        kept, f"saves {share:.0%} of their work for {size / 1e6:,.1f} MB"
    )


def kept_bytes(trunk: Trunk, kept: Iterable[int]) -> int:
    """Bytes that the outputs of some layers take for one image."""
    return sum(trunk.sizes[n - 1] for n in kept)


def work_left(trunk: Trunk, kept: Iterable[int]) -> int:
    """Multiply-accumulates for one image if the outputs of some layers are kept."""
    found = segments(trunk.depths, kept).items()
    return sum(sum(trunk.work[start : max(depths)]) for start, depths in found)


def segments(depths: Iterable[int], kept: Iterable[int]) -> dict[int, list[int]]:
    """From which kept output each depth of a trunk, see `Trunk`, is computed.

    Returns:
      For each kept layer that is used, or 0 for the images, the depths that are
      computed from it: those before the next kept layer.
    """
    found: dict[int, list[int]] = {}
    for depth in sorted(depths):
        start = max((n for n in kept if n <= depth), default=0)
        found.setdefault(start, []).append(depth)
    return found


def choose_all(
    treatments: Iterable[Treatment],
    network: Network,
    recipe: Recipe,
    *,
    num_views: int,
    num_validation: int,
    available_bytes: int | None,
    mode: str = "auto",
) -> tuple[dict[str, KeptFeatures], dict[str, KeptFeatures]]:
    """Chooses what is kept of each trunk of a cohort.

    Args:
      treatments: The treatments of the cohort's networks.
      num_views: Number of views of all training images.
      num_validation: Number of validation images.
      available_bytes: Memory that is free; None if unknown: nothing is kept then.

    Returns:
      For training and for validation, by half of the source (`A`, `B` or `R`).
    """
    treatments = tuple(treatments)
    depths: dict[str, list[int]] = {}
    for treatment in treatments:
        if treatment.source and treatment.frozen_layers:
            depths.setdefault(treatment.source, []).append(treatment.frozen_layers)
    work = [
        layer.multiply_accumulates
        for layer in network.count(recipe.crop_size, num_classes=1)
    ]
    heads = sum(sum(work[treatment.frozen_layers :]) for treatment in treatments)
    below = sum(sum(work[: max(each)]) for each in depths.values())
    # The gradients of a trained layer take twice the work of its output.
    training = {
        "seen": recipe.steps * recipe.batch_size,
        "computed": num_views,
        "work": 3 * heads + below,
    }
    validation = {
        "seen": len(recipe.validation_steps()) * num_validation,
        "computed": num_validation,
        "work": heads + below,
    }
    value_bytes = 4 if recipe.precision == "float32" else 2
    most_bytes = (available_bytes or 0) * SHARE / (2 * max(1, len(depths)))
    trunks = {
        source: make_trunk(network, recipe.crop_size, each, value_bytes)
        for source, each in depths.items()
    }
    for_training, for_validation = (
        {source: choose(t, most_bytes, mode, **passes) for source, t in trunks.items()}
        for passes in (training, validation)
    )
    return for_training, for_validation


def layers_kept(
    kept_features: Mapping[str, KeptFeatures], network: Network
) -> dict[str, list]:
    """Names of the layers whose outputs are kept, by half of the source."""
    names = network.layer_names
    return {
        source: [names[n - 1] for n in kept.layers]
        for source, kept in kept_features.items()
    }


def explain(kept_features: Mapping[str, KeptFeatures], network: Network) -> str:
    """One line on what is kept of each trunk, and why; empty without trunks."""
    parts = []
    for source, layers in layers_kept(kept_features, network).items():
        what = ", ".join(layers) or "nothing"
        parts.append(f"{what} of {source} ({kept_features[source].reason})")
    return f"frozen layers computed once: {'; '.join(parts)}" if parts else ""
