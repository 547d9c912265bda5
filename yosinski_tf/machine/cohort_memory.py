"""How many networks can be trained together in the available memory.

A high estimate, from counts of parameters and activations. The size of cohorts
changes no result (not in the paper, which trained each network alone).
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

from yosinski_tf.experiment import cohorts, recipes
from yosinski_tf.experiment.runs import Run
from yosinski_tf.experiment.stages import Network

# The rest is for what is not counted: other programs, cached files.
SHARE = 0.8
_FLOAT32 = 4
# Bytes of a process with TensorFlow or JAX, Keras and a data pipeline, but no model.
PROCESS = 900 << 20
# Bytes that Keras, the graph and its kernels take for each network.
_MODEL = 20 << 20
# Copies of trained parameters: weights, gradients, and temporary ones during a step
# or while a checkpoint is written. Each moment of the optimizer takes two more, one
# of them in the checkpoint.
_COPIES, _COPIES_PER_MOMENT = 6, 2
# Cohorts are not made smaller than this only to occupy every process.
_WORTHWHILE = 7


@dataclasses.dataclass(frozen=True)
class Packing:
    """A size of cohorts and the memory that it needs.

    Attributes:
      size: Most networks trained together, at least 1.
      wanted: Networks of the largest cohort if memory were unlimited.
      wanted_bytes: Bytes that the concurrent processes would then need.
      needed_bytes: Bytes that they need with this size.
      room: Bytes that they may use.
      processes: How many of them share a memory at a time with this size.
    """

    size: int
    wanted: int
    wanted_bytes: int
    needed_bytes: int
    room: int
    processes: int

    def __str__(self) -> str:
        """A sentence if the memory limits anything, else empty."""
        many = self.processes > 1
        found = f"found about {self.room / 1e9:.1f} GB that can be used"
        if self.needed_bytes > self.room:
            networks = f"{self.processes} networks side by side need"
            return (
                f"Memory: {networks if many else 'a network needs'} about"
                f" {self.needed_bytes / 1e9:.1f} GB, {found}: if training fails, give"
                f" {'fewer --processes or ' if many else ''}a smaller --batch_size."
            )
        if self.size < self.wanted:
            most = f"at most {self.size} networks together"
            return (
                f"Cohorts: {most if self.size > 1 else 'each network alone'};"
                f" {self.wanted} need about {self.wanted_bytes / 1e9:.1f} GB, {found}"
                f"{f', for {self.processes} cohorts at a time' if many else ''}."
            )
        return ""


def pack(
    runs: Sequence[Run],
    needed: Callable[[cohorts.Cohort], int],
    *,
    processes: int,
    available: int | None,
    turns: int,
    memories: int = 1,
) -> Packing | None:
    """Finds the largest size of cohorts whose processes fit into the memory.

    Args:
      runs: All runs of the study.
      needed: Returns the bytes that the process of a cohort needs.
      processes: Most cohorts trained at a time.
      available: Free bytes of each memory; None if unknown.
      turns: Cohorts to make for each process if there are few: two if the last
        process would leave cores idle, else one.
      memories: Among how many memories, of GPUs or machines, processes are divided.

    Returns:
      The packing, with size 1 even if that does not fit; None (no limit) if the
      memory is unknown or there are no runs.
    """
    if available is None or not runs:
        return None
    room = int(SHARE * available)

    def together(size: int) -> tuple[int, int]:
        """Bytes of the largest cohorts that may run at a time, and their number."""
        sizes = sorted(map(needed, cohorts.make_cohorts(runs, size)), reverse=True)
        largest = sizes[: math.ceil(processes / memories)]
        return sum(largest), len(largest)

    natural = cohorts.make_cohorts(runs)
    wanted = max(len(cohort.runs) for cohort in natural)
    if 1 < processes and len(natural) < 2 * processes:
        # With fewer cohorts, some processes would wait for the base networks.
        share = math.ceil(len(runs) / (turns * processes))
        wanted = min(wanted, max(_WORTHWHILE, share))
    size, (total, count) = wanted, together(wanted)
    without_limit = total
    while total > room and size > 1:
        size -= 1
        total, count = together(size)
    return Packing(
        size=size,
        wanted=wanted,
        wanted_bytes=without_limit,
        needed_bytes=total,
        room=room,
        processes=count,
    )


def process_bytes(
    runs: Sequence[Run],
    network: Network,
    recipe: recipes.Recipe,
    num_classes: int,
    image_bytes: int = 0,
) -> int:
    """Estimates the bytes of a process that trains some runs together.

    Their half has `num_classes` classes; its images take `image_bytes` in memory.
    """
    stages, trunks = _stages(network, recipe, num_classes), {}
    # For copies in the lower precision.
    half = 0 if recipe.precision == "float32" else _FLOAT32 // 2
    copies = _COPIES + _COPIES_PER_MOMENT * recipe.moments
    weights = kept = passing = 0
    for run in runs:
        frozen = run.treatment.frozen_layers
        own = stages[frozen:]
        weights += (copies * _FLOAT32 + 3 * half) * sum(
            stage.parameters for stage in own
        )
        kept += sum(stage.kept for stage in own)
        passing += max(stage.passing for stage in own)
        if frozen:
            source = run.treatment.source
            trunks[source] = max(trunks.get(source, 0), frozen)
    for depth in trunks.values():
        trunk = stages[:depth]
        # A second copy: as read from the base network, or drawn at random.
        weights += (2 * _FLOAT32 + half) * sum(stage.parameters for stage in trunk)
        passing += max(stage.passing for stage in trunk)
        # The activations that the trained layers start from.
        kept += sum(stage.kept for stage in trunk)
    pixels = 2 * _FLOAT32 * 3 * recipe.crop_size**2
    training = recipe.batch_size * (kept + 2 * passing + pixels)
    validation = recipe.validation_batch_size * (2 * passing + pixels)
    fixed = PROCESS + _MODEL * len(runs) + image_bytes
    return fixed + weights + max(training, validation)


@dataclasses.dataclass(frozen=True)
class _Sizes:
    """Sizes of one stage; in bytes an image, kept for the gradient or only passing."""

    parameters: int
    kept: int
    passing: int


def _stages(network: Network, recipe: recipes.Recipe, num_classes: int) -> list[_Sizes]:
    width = _FLOAT32 if recipe.precision == "float32" else _FLOAT32 // 2
    return [
        _Sizes(
            parameters=stage.parameters,
            kept=width * stage.activations + _FLOAT32 * stage.activations_float32,
            passing=width * stage.largest,
        )
        for stage in network.stages(recipe.crop_size, num_classes)
    ]
