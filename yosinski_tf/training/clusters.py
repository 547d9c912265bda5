"""The devices that train a cohort, as a value read from flags and `TF_CONFIG`."""

import dataclasses
import json
import re
from typing import Any

from yosinski_tf.system.errors import UserError

DISTRIBUTIONS = ("none", "mirrored", "multi_worker")
_ADDRESS = re.compile(r".+:([0-9]{1,5})")
_EXAMPLE = (
    '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker",'
    ' "index": 0}}'
)


@dataclasses.dataclass(frozen=True)
class Distribution:
    """How devices share a batch. Results are those of one device, within rounding.

    Attributes:
      kind: `none`, `mirrored` or `multi_worker`.
      devices: How many devices `mirrored` uses: the first accelerators, or parts
        that the processor is divided into; None for all accelerators, or one.
      workers: Addresses of all workers, `host:port`, for `multi_worker`.
      rank: Number of this worker; 0 is the chief, which alone writes files.
    """

    kind: str = "none"
    devices: int | None = None
    workers: tuple[str, ...] = ()
    rank: int = 0

    @property
    def follows(self) -> bool:
        """Whether this worker trains what the chief tells it to."""
        return self.rank > 0

    @property
    def tf_config(self) -> str:
        """The cluster as TensorFlow reads it."""
        task = {"type": "worker", "index": self.rank}
        return json.dumps({"cluster": {"worker": list(self.workers)}, "task": task})


def parse_cluster(text: str | None) -> tuple[tuple[str, ...], int]:
    """Reads the workers' addresses and the number of this worker.

    Args:
      text: `TF_CONFIG`, with tasks of the types `worker` and at most one `chief`.

    Returns:
      The addresses, the chief's first, and the number of this process among them.

    Raises:
      UserError: If it is missing, or describes no such cluster.
    """
    if not text:
        raise UserError(
            "--distribution=multi_worker needs the environment variable TF_CONFIG,"
            f" found none: set it on every worker, such as {_EXAMPLE}"
        )
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refused(f"text that is not JSON ({error})") from None
    values = values if isinstance(values, dict) else {}
    cluster, task = values.get("cluster"), values.get("task")
    if not isinstance(cluster, dict) or not isinstance(task, dict):
        raise _refused("no cluster and task")
    if others := sorted(cluster.keys() - {"chief", "worker"}):
        raise _refused(f"tasks of the type {others[0]!r}")
    chiefs, workers = (_addresses(cluster, kind) for kind in ("chief", "worker"))
    if len(chiefs) > 1:
        raise _refused(f"{len(chiefs)} chiefs")
    kind, index = task.get("type"), task.get("index")
    mine = chiefs if kind == "chief" else workers if kind == "worker" else []
    if type(index) is not int or not 0 <= index < len(mine):
        raise _refused(f"the task {kind!r} {index!r}, which is not in its cluster")
    addresses = (*chiefs, *workers)
    if len(set(addresses)) < len(addresses):
        raise _refused("an address twice")
    return addresses, index + (len(chiefs) if kind == "worker" else 0)


def check_batch(batch_size: int, count: int, sharers: str = "--devices") -> None:
    """Raises a `UserError` if a batch does not divide into `count` equal parts."""
    if batch_size % count:
        raise UserError(
            f"--batch_size needs a multiple of the {count}"
            f" {sharers.removeprefix('--')}, found {batch_size}: set a multiple of"
            f" {count}, or other {sharers}"
        )


def _addresses(cluster: dict[str, Any], kind: str) -> list[str]:
    found = cluster.get(kind, [])
    if not isinstance(found, list) or not all(map(_is_address, found)):
        raise _refused(f"{kind}s that are no list of host:port")
    return found


def _is_address(value: object) -> bool:
    match = isinstance(value, str) and _ADDRESS.fullmatch(value)
    return bool(match) and 0 < int(match[1]) < 65536


def _refused(found: str) -> UserError:
    return UserError(
        "TF_CONFIG needs the addresses of all workers and the number of this one, found"
        f" {found}: set it such as {_EXAMPLE}"
    )
