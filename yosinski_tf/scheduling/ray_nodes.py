"""What the nodes of a Ray cluster have, and whether they run the same software."""

import dataclasses
import pathlib
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from yosinski_tf.data.sources import study_copy
from yosinski_tf.machine import keras_settings
from yosinski_tf.machine.nodes import Node
from yosinski_tf.study.image_source import IMAGES_FOLDER
from yosinski_tf.system import files, locks, ray_cluster, versions
from yosinski_tf.system.errors import UserError, in_brief

_ANSWER_SECONDS = 120.0


def look() -> tuple[Node, ...]:
    """Asks the nodes of the connected cluster what they have; the smallest first.

    They are those with GPUs; without any, those with CPUs.

    Raises:
      UserError: If a node has other versions than this process, or its driver does not
        know its GPUs, or there is no node.
    """
    with_cpus = [node for node in ray_cluster.nodes() if node.cpus >= 1]
    found = [node for node in with_cpus if node.gpus >= 1] or with_cpus
    ours = versions.deciding()

    def ask(count: int, backend: str) -> tuple[dict[str, str], Any]:
        # Sent to the node whole: it may have another version of this package, or none.
        try:
            from yosinski_tf.machine import nodes
            from yosinski_tf.system import processes, versions

            theirs = versions.deciding()
            if theirs != ours:
                return theirs, None
            variables = {
                "CUDA_VISIBLE_DEVICES": nodes.devices_of_ray(count),
                "KERAS_BACKEND": backend,
            }
            with processes.environment(variables):
                return theirs, nodes.here()
        except (ImportError, AttributeError) as error:
            return {"yosinski_tf": f"none that can be used ({error})"}, None

    backend = keras_settings.backend()
    answers = on_each(found, ask, [(int(node.gpus), backend) for node in found])
    made = []
    for node, (theirs, there) in answers:
        versions.check_same(ours, theirs, node.host)
        if len(there.gpus) < int(node.gpus):
            raise UserError(
                f"--engine=ray needs nvidia-smi to find the {node.gpus:g} GPUs that Ray"
                f" has on {node.host}, found {len(there.gpus)}: install it there, or"
                " start that node with the --num-gpus that it has"
            )
        known = there.memory is not None
        memory = int(min(node.memory, there.memory) if known else node.memory)
        made.append(dataclasses.replace(there, cores=int(node.cpus), memory=memory))
    if not made:
        raise UserError(
            "--engine=ray needs a node with CPUs, found none in the cluster: start one"
            " (ray start --address=...)"
        )
    return tuple(sorted(made, key=lambda node: (node.cores, node.memory)))


def prove(runs: pathlib.Path, note: str, ours: Mapping[str, str]) -> None:
    """Refuses the node that calls this if it differs from the driver's.

    Args:
      runs: The study folder, an absolute path.
      note: What the driver has written to `locks.note_of_driver`.
      ours: The driver's `versions.deciding()`.

    Raises:
      UserError: If the folder has another note or none, or its images are not there,
        or a version is another one.
    """
    versions.check_same(ours, versions.deciding(), socket.gethostname())
    path, found = locks.note_of_driver(runs), ""
    try:
        found = path.read_text()
        reason = "another one"
    except OSError as error:
        reason = f"none ({error.strerror})"
    if found != note:
        raise UserError(
            f"--engine=ray needs the study folder {runs} on every node, found {reason}"
            f" on {socket.gethostname()}: put --runs on a file system that all nodes"
            " share, under the same path"
        )
    # A store may be elsewhere.
    study_copy.load(runs / IMAGES_FOLDER)


def note_stands(runs: pathlib.Path, note: str) -> bool:
    """Whether the driver has neither ended nor told its tasks to stop."""
    try:
        return locks.note_of_driver(runs).read_text() == note
    except OSError as error:
        # Any other error may be a disk that is away for a moment.
        return not files.is_gone(error)


def on_each(
    found: Sequence[ray_cluster.Node], function: Callable, arguments: Sequence[tuple]
) -> list[tuple[ray_cluster.Node, Any]]:
    """Calls a function on each of some nodes.

    Args:
      found: The nodes.
      function: The function.
      arguments: Its arguments on each node.

    Returns:
      Each node, unless it has died meanwhile, and what the function returned there.

    Raises:
      UserError: If it raises one, or a node does not answer.
    """
    import ray
    from ray.exceptions import RayError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as On

    task = ray.remote(num_cpus=0, max_retries=2)(function)
    asked = [
        task.options(scheduling_strategy=On(node.id, soft=False)).remote(*each)
        for node, each in zip(found, arguments, strict=True)
    ]
    answers = []
    for node, ref in zip(found, asked, strict=True):
        try:
            answers.append((node, ray.get(ref, timeout=_ANSWER_SECONDS)))
        except RayError as error:
            cause = getattr(error, "cause", None)
            if isinstance(cause, UserError):
                raise cause from None
            if node.id not in {each.id for each in ray_cluster.nodes()}:
                continue
            raise UserError(
                f"--engine=ray needs an answer of every node, found none of {node.host}"
                f" ({in_brief(cause or error, 120)}): look at Ray's logs there, or end"
                " that node"
            ) from None
    return answers
