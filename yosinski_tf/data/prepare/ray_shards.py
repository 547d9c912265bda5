"""Makes the shards of a store as tasks of a Ray cluster, on many machines.

A shard's content depends on its task alone, so many machines write the same records as
one. Results are read from the manifests.
"""

import contextlib
import dataclasses
import functools
import os
import pathlib
import secrets
import socket
from collections.abc import Callable, Iterable, Mapping

from yosinski_tf.data.prepare import process_pool
from yosinski_tf.data.prepare.make_store import Runner
from yosinski_tf.data.prepare.shards import ShardTask, make_shard
from yosinski_tf.system import ray_cluster, versions
from yosinski_tf.system.errors import UserError, in_brief

_TOKEN = "cluster"
# Tasks that wait in the cluster, in parts of what it can do at a time. More would fill
# its memory with lists of file names.
_WAITING = 2
_END_SECONDS = 30.0


@dataclasses.dataclass(frozen=True)
class _Sight:
    """What every node has to see and to have, as the machine that starts the work.

    Attributes:
      file: A file in the store's folder. Once it is gone, the tasks stop.
      token: Its content.
      versions: Of what writes the records.
    """

    file: pathlib.Path
    token: str
    versions: Mapping[str, str]


def ray_runner(address: str, processes: int) -> Runner:
    """Returns a runner for `make_store.make_store`.

    Args:
      address: The cluster, as in `ray_cluster.connected`.
      processes: Number of parallel processes if this machine is the cluster.

    Raises:
      UserError: If Ray is not installed, or nothing listens at the address.
    """
    ray_cluster.check(address)
    return functools.partial(_run, address, processes)


def _run(
    address: str,
    processes: int,
    tasks: Iterable[ShardTask],
    advance: Callable[[int], None],
    notes: pathlib.Path,
) -> None:
    sight = _Sight(notes / _TOKEN, secrets.token_hex(8), _versions())
    with ray_cluster.connected(address, notes / "ray", cpus=processes, gpus=0):
        _make_all(iter(tasks), advance, sight)


def _make_all(tasks, advance: Callable[[int], None], sight: _Sight) -> None:
    import ray

    # A task whose node or process dies is tried again, three times.
    make = ray.remote(num_cpus=1, max_retries=3)(_make)
    most = _WAITING * max(1, int(sum(node.cpus for node in ray_cluster.nodes())))
    running = {}
    try:
        sight.file.write_text(sight.token)
        while True:
            while len(running) < most and (task := next(tasks, None)):
                running[make.remote(task, sight)] = len(task.images)
            if not running:
                return
            (done,), _ = ray.wait(list(running))
            _check(done)
            advance(running.pop(done))
    finally:
        # `ray.cancel` of a task that is just ending may end this process.
        sight.file.unlink(missing_ok=True)
        if running:
            ray.wait(list(running), num_returns=len(running), timeout=_END_SECONDS)


def _check(done) -> None:
    """Raises what a task has raised, or why it has no end."""
    import ray

    try:
        ray.get(done)
        return
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, OSError | UserError):
            raise error.cause from None
        problem = f"{in_brief(error.cause)}, at the node {error.ip}"
    except ray.exceptions.RayError as error:
        problem = in_brief(error)
    raise UserError(
        f"a task of the Ray cluster failed ({problem}): mend it, then start the same"
        " command again, which continues with the finished files"
    )


def _make(task: ShardTask, sight: _Sight) -> None:
    """Makes one shard, in a process of the cluster."""
    _check_node(task, sight)
    with contextlib.suppress(process_pool.Interrupted):
        make_shard(task, stopped=lambda: not sight.file.exists())


def _check_node(task: ShardTask, sight: _Sight) -> None:
    host, images = socket.gethostname(), task.images
    needed = {"the store's folder": sight.file}
    for name, stamp in zip(images.file_names, images.stamps, strict=True):
        # The size of a file that was missing from the beginning is -1.
        if stamp[0] >= 0:
            needed["the source"] = images.origin.path(name, stamp)
            break
    for what, path in needed.items():
        if not os.path.exists(path):
            raise UserError(
                f"node {host} needs {what}, found no {path}: give it there under the"
                " same path, or take the node out of the cluster"
            )
    if sight.file.read_text() != sight.token:
        raise UserError(
            f"node {host} needs the store's folder of this machine, found another"
            f" {sight.file.parent}: share one folder, or take the node out"
        )
    versions.check_same(sight.versions, _versions(), host)


def _versions() -> dict[str, str]:
    return {**versions.deciding(), **versions.installed(("pillow", "array_record"))}
