"""What `auto` stands for on this machine: the number format, the size of cohorts."""

import pathlib
from collections.abc import Sequence

from yosinski_tf.binaries.job.machine_flags import AUTO
from yosinski_tf.data.sources.by_name import Description
from yosinski_tf.experiment.cohorts import Cohort
from yosinski_tf.experiment.runs import Run
from yosinski_tf.machine import cohort_memory, gpus, precision
from yosinski_tf.machine.hardware import available_memory
from yosinski_tf.machine.threads import choose_threads
from yosinski_tf.study import settings
from yosinski_tf.study.settings import StudySettings


def number_format(
    named: str, runs: pathlib.Path, optimizer: str
) -> precision.PrecisionChoice:
    """The number format that is named, or the folder's, or the machine's."""
    if named != AUTO:
        return precision.PrecisionChoice(named, "")
    if found := settings.noted_precision(runs):
        return precision.PrecisionChoice(found, "as this folder was made with")
    choice = precision.here()
    if choice.precision == "float16" and optimizer != "sgd":
        return precision.PrecisionChoice("float32", f"float16 is not for {optimizer}")
    return choice


def cohort_size(
    wanted: Sequence[Run], study: StudySettings, data: Description, processes: int
) -> tuple[int | None, str]:
    """The most networks in a cohort if `processes` cohorts are to fit into memory.

    Returns:
      The number, None for no limit, and a sentence for the user if the memory sets
      a limit.
    """
    visible = gpus.visible()
    # TensorFlow takes nearly all of a GPU that it sees, JAX three quarters, at once
    # and for one process; what counts is whether the networks fit into that.
    free = [gpu.free_bytes for gpu in visible]
    available = min(free) if free else available_memory()
    network, recipe = study.network, study.recipe

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

    classes = (len(run.split.classes(run.treatment.target)) for run in wanted)
    threads = choose_threads(network, recipe, max(classes, default=1), processes)
    packing = cohort_memory.pack(
        wanted,
        needed,
        processes=processes,
        available=available,
        # Threads that share no operation also use the cores of ended processes.
        turns=1 if threads.per_operation == 1 else 2,
    )
    return (packing.size, str(packing)) if packing else (None, "")
