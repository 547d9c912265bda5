"""Which outputs of frozen stages are computed once and kept, if any.

A frozen stage's output for an image is the same in every epoch, up to the first dropout
that acts in frozen stages too. Keeping it costs room, one pass over the images, and
reading it for every batch. (Not in the paper.)
"""

import dataclasses
import itertools
import math
from collections.abc import Iterable, Mapping

from yosinski_tf.experiment.keras_networks import KerasNetwork
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.experiment.stages import Network
from yosinski_tf.experiment.treatments import Treatment

MODES = ("auto", "on", "off")
# The share of the free memory that kept outputs may take: four processes together
# then take a fifth, which is what the sizes of cohorts leave. And that of the disk.
MEMORY_SHARE, DISK_SHARE = 0.05, 0.1
# The least share of a cohort's work that a trunk must save. On a processor, saving
# less brought nothing, since reading costs as much (8% saved: 0.98 times the speed;
# two trunks of 2%: 1.00; half of the work of a network alone: 1.97).
LEAST_SAVED = 0.15
# Multiply-accumulates that take as long as reading a byte for a batch, as computing
# and storing a byte, and as compiling the extractor.
_FETCHED, _STORED, _COMPILED = 8, 8, 1e10


@dataclasses.dataclass(frozen=True)
class KeptFeatures:
    """The stages of a trunk whose outputs are kept, 1 for the first, rising, and why.

    Those `on_disk` are in a file, the others in memory.
    """

    stages: tuple[int, ...]
    reason: str
    on_disk: tuple[int, ...] = ()


# By trunk.
Kept = Mapping[str, KeptFeatures]


@dataclasses.dataclass(frozen=True)
class Trunk:
    """The costs of the frozen stages that some networks stand on.

    Attributes:
      work: Multiply-accumulates of each stage for one image, the first one first.
      sizes: Bytes of each stage's output for one image.
      depths: After how many stages networks stand on it; the largest is the number
        of stages.
      constant: How many stages give the same output every time.
    """

    work: tuple[int, ...]
    sizes: tuple[int, ...]
    depths: tuple[int, ...]
    constant: int


def make_trunk(
    network: Network, input_size: int, depths: Iterable[int], value_bytes: int
) -> Trunk:
    """The costs of a network's first stages, frozen, for crops of a side in pixels.

    `depths` are those of `Trunk`; an activation has `value_bytes`.
    """
    depths = tuple(sorted(set(depths)))
    stages = network.stages(input_size, num_classes=1)[: depths[-1]]
    # Frozen stages of a Keras network compute as in inference.
    dropping = not isinstance(network, KerasNetwork)
    constant = itertools.takewhile(lambda s: not (dropping and s.random), stages)
    return Trunk(
        work=tuple(stage.multiply_accumulates for stage in stages),
        sizes=tuple(math.prod(stage.output_shape) * value_bytes for stage in stages),
        depths=depths,
        constant=len(list(constant)),
    )


def choose(
    trunk: Trunk,
    memory: float,
    disk: float = 0,
    mode: str = "auto",
    *,
    seen: int,
    computed: int,
    work: int = 0,
) -> KeptFeatures:
    """Chooses the outputs to keep: deepest first, each if it saves work and fits.

    The candidates are the depths of the trunk. One saves the work from the depth before
    it on, whether or not that one is kept.

    Args:
      trunk: The frozen stages.
      memory: Bytes that outputs may take in memory.
      disk: Bytes that they may take in a file.
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
    candidates = sorted({min(depth, trunk.constant) for depth in trunk.depths} - {0})
    kept, on_disk, gain, size, full = [], [], 0, 0, False
    for before, depth in reversed(list(itertools.pairwise([0, *candidates]))):
        own, saved = trunk.sizes[depth - 1], sum(trunk.work[before:depth])
        if mode == "auto" and saved <= own * _FETCHED:
            continue
        if own * computed <= memory:
            memory -= own * computed
        elif own * computed <= disk:
            disk -= own * computed
            on_disk.append(depth)
        else:
            full = True
            continue
        kept.append(depth)
        gain, size = gain + saved, size + own
    if not kept:
        reason = "it costs more than it saves"
        if full:
            reason = f"none fits into {max(memory, disk) / 1e6:,.0f} MB"
        return KeptFeatures((), reason)
    if mode == "auto":
        cost = seen * size * _FETCHED + _COMPILED
        cost += computed * (sum(trunk.work[: kept[0]]) + size * _STORED)
        if seen * gain <= cost:
            return KeptFeatures((), "it costs more than it saves")
        if gain < LEAST_SAVED * work:
            return KeptFeatures((), f"it would save {gain / work:.0%} of all work")
    # Operations without weights count as no work.
    share = gain / max(1, sum(trunk.work))
    return KeptFeatures(
        stages=tuple(sorted(kept)),
        reason=f"saves {share:.0%} of their work for {size * computed / 1e6:,.1f} MB",
        on_disk=tuple(sorted(on_disk)),
    )


def segments(depths: Iterable[int], kept: Iterable[int]) -> dict[int, list[int]]:
    """From which kept output each depth of a trunk, see `Trunk`, is computed.

    Returns:
      For each kept stage that is used, or 0 for the images, the depths that are
      computed from it: those before the next kept stage.
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
    memory: int | None,
    disk: int,
    mode: str = "auto",
) -> tuple[dict[str, KeptFeatures], dict[str, KeptFeatures]]:
    """Chooses what is kept of each trunk of a cohort.

    Args:
      treatments: The treatments of the cohort's networks.
      num_views: Number of views of all training images.
      num_validation: Number of validation images.
      memory: Bytes that are free; None if unknown: none is used then.
      disk: Bytes that are free on the disk of the study folder.

    Returns:
      For training and for validation, by source (`A`, `B`, `P` or `R`).
    """
    treatments = tuple(treatments)
    depths: dict[str, list[int]] = {}
    for treatment in treatments:
        if treatment.source and treatment.frozen_layers:
            depths.setdefault(treatment.source, []).append(treatment.frozen_layers)
    work = [
        stage.multiply_accumulates
        for stage in network.stages(recipe.crop_size, num_classes=1)
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
    part = 1 / (2 * max(1, len(depths)))
    room = ((memory or 0) * MEMORY_SHARE * part, disk * DISK_SHARE * part)
    trunks = {
        source: make_trunk(network, recipe.crop_size, each, value_bytes)
        for source, each in depths.items()
    }
    for_training, for_validation = (
        {source: choose(t, *room, mode, **passes) for source, t in trunks.items()}
        for passes in (training, validation)
    )
    return for_training, for_validation


def stages_kept(
    kept_features: Mapping[str, KeptFeatures], network: Network
) -> dict[str, list]:
    """Names of the stages whose outputs are kept, by source."""
    names = network.stage_names
    return {
        source: [names[n - 1] for n in kept.stages]
        for source, kept in kept_features.items()
    }


def explain(kept_features: Mapping[str, KeptFeatures], network: Network) -> str:
    """One line on what is kept of each trunk, and why; empty without trunks."""
    parts = []
    for source, stages in stages_kept(kept_features, network).items():
        what = ", ".join(stages) or "nothing"
        parts.append(f"{what} of {source} ({kept_features[source].reason})")
    return f"frozen stages computed once: {'; '.join(parts)}" if parts else ""
