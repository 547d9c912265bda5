"""What flags leave to the machine: the number format, the size of cohorts."""

import pathlib
from collections.abc import Sequence

from absl import flags

from yosinski_tf.binaries.job.flag_parsers import AUTO
from yosinski_tf.data.sources.by_name import Description
from yosinski_tf.experiment.cohorts import Cohort
from yosinski_tf.experiment.networks import Network
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.experiment.runs import Run
from yosinski_tf.machine import cohort_memory, gpus, precision
from yosinski_tf.machine.hardware import available_memory
from yosinski_tf.machine.threads import choose_threads, default_processes
from yosinski_tf.study import settings

FLAGS = flags.FLAGS


def number_format(runs: pathlib.Path) -> precision.PrecisionChoice:
    """What `--precision` stands for: what is said, or the folder's, or the machine's.

    Args:
      runs: The study folder, which need not exist.
    """
    if FLAGS.precision != AUTO:
        return precision.PrecisionChoice(FLAGS.precision, "")
    if found := settings.noted_precision(runs):
        return precision.PrecisionChoice(found, "as this folder was made with")
    return precision.here()


def cohort_size(
    wanted: Sequence[Run],
    network: Network,
    recipe: Recipe,
    data: Description,
    at_once: int | None = None,
) -> tuple[int | None, str]:
    """What `--cohort_size` stands for: what is said, or what the memory allows.

    Args:
      wanted: All runs of the study.
      network: Their network.
      recipe: Their recipe.
      data: Their data set.
      at_once: Cohorts trained at a time; None for what flags or machine say.

    Returns:
      Most networks in a cohort, None for no limit, and a sentence where the memory
      limits it, else nothing.
    """
    if FLAGS.cohort_size != AUTO:
        return FLAGS.cohort_size, ""
    visible = gpus.visible()
    # TensorFlow takes nearly all of a GPU that it sees, JAX three quarters, at once
    # and for one process; what counts is whether the networks fit into that.
    available = (
        min(gpu.free_bytes for gpu in visible) if visible else available_memory()
    )

    def needed(cohort: Cohort) -> int:
        classes = len(cohort.split.classes(cohort.target))
        images = data.num_images * classes // len(data.class_names)
        in_memory = not (visible or data.stored)
        return cohort_memory.process_bytes(
            cohort.runs,
            network,
            recipe,
            classes,
            images * recipe.image_size**2 * 3 if in_memory else 0,
        )

    processes = at_once or FLAGS.processes or default_processes()
    classes = (len(run.split.classes(run.treatment.target)) for run in wanted)
    threads = choose_threads(network, recipe, max(classes, default=1), processes)
    packing = cohort_memory.pack(
        wanted,
        needed,
        processes=processes,
        available=available,
        # One process that is left takes others' cores, if it may.
        turns=1 if threads.per_operation == 1 else 2,
    )
    return (packing.size, str(packing)) if packing else (None, "")
