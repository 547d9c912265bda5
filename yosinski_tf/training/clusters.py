"""Which devices train a cohort, as a value: read from flags and `TF_CONFIG`."""

import dataclasses
import json
from typing import Any

from yosinski_tf.system.errors import UserError

DISTRIBUTIONS = ("none", "mirrored", "multi_worker")
_EXAMPLE = (
    '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker",'
    ' "index": 0}}'
)


@dataclasses.dataclass(frozen=True)
class Distribution:
    """How a batch is shared out; the batch and, but for rounding, the results are
    those of one device.

    Attributes:
      kind: `none`, `mirrored` or `multi_worker`.
      devices: How many devices `mirrored` uses: the first accelerators, or parts
        that the processor is divided into; None for all accelerators, or one.
      workers: Addresses of all workers, `host:port`, for `multi_worker`.
      rank: Which of them this is; 0 is the chief, who alone writes.
    """

    kind: str = "none"
    devices: int | None = None
    workers: tuple[str, ...] = ()
    rank: int = 0

    @property
    def follows(self) -> bool:
        """Whether this is a worker that does what the chief says."""
        return self.rank > 0

    @property
    def tf_config(self) -> str:
        """The cluster as TensorFlow reads it."""
        task = {"type": "worker", "index": self.rank}
        return json.dumps({"cluster": {"worker": list(self.workers)}, "task": task})


def parse_cluster(text: str | None) -> tuple[tuple[str, ...], int]:
    """The workers' addresses and the number of this one.

    Args:
      text: `TF_CONFIG`, of tasks of the types `worker` and at most one `chief`.

    Returns:
      The addresses, the chief's first, and which of them is this process's.

    Raises:
      UserError: If it is not there, or describes no such cluster.
    """
    if not text:
        raise UserError(
            "--distribution=multi_worker wants the environment variable TF_CONFIG, got"
            f" none: set it on every worker, such as {_EXAMPLE}"
        )
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refused(f"text that is not JSON ({error})") from None
    cluster, task = (
        values.get(key) if isinstance(values, dict) else None
        for key in ("cluster", "task")
    )
    if not isinstance(cluster, dict) or not isinstance(task, dict):
        raise _refused("no cluster and task")
    others = sorted(cluster.keys() - {"chief", "worker"})
    if others:
        raise _refused(f"tasks of the type {others[0]!r}")
    chiefs, workers = (_addresses(cluster, kind) for kind in ("chief", "worker"))
    if len(chiefs) > 1:
        raise _refused(f"{len(chiefs)} chiefs")
    kind, index = task.get("type"), task.get("index")
    mine = {"chief": chiefs, "worker": workers}.get(kind, []) if _is_text(kind) else []
    if type(index) is not int or not 0 <= index < len(mine):
        raise _refused(f"the task {kind!r} {index!r}, which is not in its cluster")
    addresses = (*chiefs, *workers)
    if len(set(addresses)) < len(addresses):
        raise _refused("an address twice")
    return addresses, index + (len(chiefs) if kind == "worker" else 0)


def _addresses(cluster: dict[str, Any], kind: str) -> list[str]:
    found = cluster.get(kind, [])
    if not isinstance(found, list) or not all(map(_is_address, found)):
        raise _refused(f"{kind}s that are no list of host:port")
    return found


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_address(value: object) -> bool:
    if not isinstance(value, str):
        return False
    host, _, port = value.rpartition(":")
    whole = port.isascii() and port.isdecimal() and len(port) <= 5
    return bool(host) and whole and 0 < int(port) < 65536


def _refused(got: str) -> UserError:
    return UserError(
        "TF_CONFIG wants the addresses of all workers and which of them this is, got"
        f" {got}: give such as {_EXAMPLE}"
    )
