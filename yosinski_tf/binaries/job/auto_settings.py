"""What `auto` stands for on this machine: the number format, the size of cohorts."""

import pathlib
from collections.abc import Sequence

from yosinski_tf.binaries.job.machine_flags import AUTO
from yosinski_tf.data.sources.by_name import Description
from yosinski_tf.experiment.cohorts import Cohort
from yosinski_tf.experiment.runs import Run
from yosinski_tf.machine import cohort_memory
from yosinski_tf.machine.nodes import Node
from yosinski_tf.machine.precision import PrecisionChoice
from yosinski_tf.machine.threads import choose_threads
from yosinski_tf.study import settings
from yosinski_tf.study.settings import StudySettings


def number_format(
    named: str, runs: pathlib.Path, optimizer: str, nodes: Sequence[Node]
) -> PrecisionChoice:
    """The number format that is named, or the folder's, or that of all machines."""
    if named != AUTO:
        return PrecisionChoice(named, "")
    if found := settings.noted_precision(runs):
        return PrecisionChoice(found, "as this folder was made with")
    choice = nodes[0].precision
    if len({node.precision.precision for node in nodes}) > 1:
        return PrecisionChoice("float32", "the machines have different fast formats")
    if choice.precision == "float16" and optimizer != "sgd":
        return PrecisionChoice("float32", f"float16 is not for {optimizer}")
    return choice


def host_memory(
    runs: Sequence[Run], study: StudySettings, data: Description, on_gpu: bool
) -> int:
    """Estimates the bytes that a cohort takes of the memory of its machine."""
    classes = len(runs[0].split.classes(runs[0].treatment.target))
    images = _image_bytes(study, data, classes)
    if on_gpu:
        return cohort_memory.PROCESS + images
    recipe = study.recipe
    return cohort_memory.process_bytes(runs, study.network, recipe, classes, images)


def cohort_size(
    wanted: Sequence[Run],
    study: StudySettings,
    data: Description,
    processes: int,
    nodes: Sequence[Node],
) -> tuple[int | None, str]:
    """The most networks in a cohort if `processes` cohorts fit into each machine.

    Returns:
      The number, None for no limit, and a sentence for the user if the memory sets
      a limit.
    """
    network, recipe = study.network, study.recipe
    free = [node.free_memory() for node in nodes]
    on_gpu = bool(nodes[0].gpus)
    memories = min(max(1, len(node.gpus)) for node in nodes)

    def needed(cohort: Cohort) -> int:
        classes = len(cohort.split.classes(cohort.target))
        images = 0 if on_gpu else _image_bytes(study, data, classes)
        runs = cohort.runs
        return cohort_memory.process_bytes(runs, network, recipe, classes, images)

    classes = (len(run.split.classes(run.treatment.target)) for run in wanted)
    most = max(classes, default=1)
    threads = choose_threads(network, recipe, most, processes, node=nodes[0])
    packing = cohort_memory.pack(
        wanted,
        needed,
        processes=processes * len(nodes),
        available=None if None in free else min(free),
        # Threads that share no operation also use the cores of ended processes.
        turns=1 if threads.per_operation == 1 else 2,
        memories=memories * len(nodes),
    )
    return (packing.size, str(packing)) if packing else (None, "")


def _image_bytes(study: StudySettings, data: Description, classes: int) -> int:
    """Bytes of the images of a half with so many classes, in memory."""
    images = data.num_images * classes // len(data.class_names)
    return 0 if data.stored else images * study.recipe.image_size**2 * 3
