"""How many networks can be trained together in the memory that there is.

An estimate on the safe side, from counts of parameters and activations; how
runs are packed changes no result (not in the paper, which trained each alone).
"""

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence

from yosinski_tf.experiment.cohorts import Cohort, make_cohorts
from yosinski_tf.experiment.networks import Conv, Network
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.experiment.runs import Run

# The rest is for what nobody counts: other programs, pages of files.
SHARE = 0.8
_FLOAT32 = 4
# A process with TensorFlow or JAX, Keras and a data pipeline, before it has a model.
_PROCESS = 900 << 20
# What Keras, the graph and its kernels' bookkeeping take for each network.
_MODEL = 20 << 20
# Copies of what is trained: weights, gradients, velocities and, while a step is
# taken or a checkpoint written, three more.
_COPIES = 8
# Networks that are worth a cohort of their own.
_WORTHWHILE = 7
# Buffers of normalisation, in float32, for each number that it puts out.
_NORMALISATION = 4


@dataclasses.dataclass(frozen=True)
class Packing:
    """A size of cohorts and what it rests on.

    Attributes:
      size: Most networks trained together, at least 1.
      wanted: Networks of the largest cohort, were there memory enough.
      wanted_bytes: What the processes at work would then take.
      needed_bytes: What they take with this size.
      room: Bytes that they may take.
      processes: How many of them there are with this size.
    """

    size: int
    wanted: int
    wanted_bytes: int
    needed_bytes: int
    room: int
    processes: int

    def __str__(self) -> str:
        """A sentence if the memory limits anything, else nothing."""
        many = self.processes > 1
        room = f"about {self.room / 1e9:.1f} GB of memory can be used"
        if self.needed_bytes > self.room:
            several = f"{self.processes} networks side by side"
            networks = several if many else "a network"
            return (
                f"Memory: {networks} would take about {self.needed_bytes / 1e9:.1f} GB"
                f" and {room}: if training fails, give"
                f" {'fewer --processes or ' if many else ''}a smaller --batch_size."
            )
        if self.size < self.wanted:
            most = f"at most {self.size} networks together"
            return (
                f"Cohorts: {most if self.size > 1 else 'each network alone'}, since"
                f" {self.wanted} would take about {self.wanted_bytes / 1e9:.1f} GB and"
                f" {room}{f', by {self.processes} at a time' if many else ''}."
            )
        return ""


def pack(
    runs: Sequence[Run],
    needed: Callable[[Cohort], int],
    *,
    processes: int,
    available: int | None,
    turns: int,
) -> Packing | None:
    """The largest size of cohorts whose processes fit into the memory.

    Args:
      runs: All runs of the study.
      needed: Bytes that the process of a cohort takes.
      processes: Most cohorts that are trained at a time.
      available: Bytes that are free; None if that is not known.
      turns: How many cohorts each process is to train, where there are few: two
        where cores idle while one process is left, else one.

    Returns:
      The packing, with a size of 1 if not even that fits; None, which is no
      limit, if the memory is not known or there is no run.
    """
    if available is None or not runs:
        return None
    room = int(SHARE * available)

    def together(size: int) -> tuple[int, int]:
        """Bytes of the largest cohorts that can be at work, and how many these are."""
        sizes = sorted(map(needed, make_cohorts(runs, size)), reverse=True)
        return sum(sizes[:processes]), len(sizes[:processes])

    natural = make_cohorts(runs)
    wanted = max(len(cohort.runs) for cohort in natural)
    if 1 < processes and len(natural) < 2 * processes:
        # Otherwise some processes wait for the base of the others' copies.
        share = math.ceil(len(runs) / (turns * processes))
        wanted = min(wanted, max(_WORTHWHILE, share))
    without_limit, _ = together(wanted)
    for size in range(wanted, 0, -1):
        total, count = together(size)
        if total <= room or size == 1:
            return Packing(size, wanted, without_limit, total, room, count)
    raise AssertionError("a size of 1 is always returned")


def process_bytes(
    runs: Iterable[Run],
    network: Network,
    recipe: Recipe,
    num_classes: int,
    image_bytes: int = 0,
) -> int:
    """Bytes that the process takes which trains some runs together.

    Args:
      runs: The runs.
      network: Their network.
      recipe: Their recipe.
      num_classes: Classes of their half.
      image_bytes: What the images of their half take in memory.
    """
    runs = tuple(runs)
    layers = _layers(network, recipe, num_classes)
    batch, trunks = recipe.batch_size, {}
    half = 0 if recipe.precision == "float32" else _FLOAT32 // 2
    weights = kept = passing = 0
    for run in runs:
        frozen = run.treatment.frozen_layers
        own = layers[frozen:]
        weights += (_COPIES * _FLOAT32 + 3 * half) * sum(n.parameters for n in own)
        kept += sum(layer.kept for layer in own)
        passing += max(layer.passing for layer in own)
        if frozen:
            source = run.treatment.source
            trunks[source] = max(trunks.get(source, 0), frozen)
    for depth in trunks.values():
        # Also as they are read from the base, or drawn.
        parameters = sum(layer.parameters for layer in layers[:depth])
        weights += (2 * _FLOAT32 + half) * parameters
        passing += max(layer.passing for layer in layers[:depth])
        # What heads stand on.
        kept += sum(layer.kept for layer in layers[:depth])
    pixels = 2 * _FLOAT32 * 3 * recipe.crop_size**2
    training = batch * (kept + 2 * passing + pixels)
    validation = recipe.validation_batch_size * (2 * passing + pixels)
    return (
        _PROCESS
        + _MODEL * len(runs)
        + weights
        + max(training, validation)
        + image_bytes
    )


@dataclasses.dataclass(frozen=True)
class _Layer:
    """Sizes of one layer.

    Attributes:
      parameters: How many it has.
      kept: Bytes for each image that are kept until its gradient is computed.
      passing: Bytes for each image of its largest output.
    """

    parameters: int
    kept: int
    passing: int


def _layers(network: Network, recipe: Recipe, num_classes: int) -> list[_Layer]:
    counts = network.count(recipe.crop_size, num_classes)
    width = _FLOAT32 if recipe.precision == "float32" else _FLOAT32 // 2
    side, found = recipe.crop_size, []
    for layer, count in zip(network.layers, counts, strict=True):
        outputs = math.prod(count.output_shape)
        if isinstance(layer, Conv):
            convolved = layer.convolved(side) ** 2 * layer.filters
            side = layer.pooled(layer.convolved(side))
            kept = width * (convolved + (outputs if layer.pool else 0))
            if layer.lrn:
                kept += _FLOAT32 * _NORMALISATION * outputs
            passing = width * convolved
        else:
            # Output, activation, mask.
            kept = _FLOAT32 * 3 * outputs
            passing = _FLOAT32 * outputs
        found.append(_Layer(count.parameters, kept, passing))
    return found
