"""A Ray cluster of several nodes, simulated on this machine."""

import contextlib
import os
import pathlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import psutil
from places import ROOT

_STORE = 80 * 2**20


class Machines:
    """A cluster whose head trains nothing, and nodes that do.

    Attributes:
      address: For `--ray_address`.
      nodes: Those that train.
    """

    def __init__(self, temporary: pathlib.Path):
        from ray.cluster_utils import Cluster

        head = {
            "num_cpus": 0,
            "num_gpus": 0,
            "include_dashboard": False,
            "object_store_memory": _STORE,
            "temp_dir": str(temporary),
        }
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self.address = self._cluster.address
        self.nodes: list[Any] = []

    def add(self):
        """Starts a node with one processor and returns it."""
        options = {"num_cpus": 1, "num_gpus": 0, "object_store_memory": _STORE}
        self.nodes.append(self._cluster.add_node(**options))
        return self.nodes[-1]

    def remove(self, node) -> None:
        """Kills a node, as when a machine fails."""
        self.nodes.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)

    def training(self):
        """A node on which a cohort is trained."""
        above = {each.pid for each in cohort_processes()[0].parents()}
        for node in self.nodes:
            (raylet,) = node.all_processes["raylet"]
            if raylet.process.pid in above:
                return node
        raise AssertionError("no node trains")

    def shutdown(self) -> None:
        """Ends all nodes."""
        self._cluster.shutdown()


@contextlib.contextmanager
def machines() -> Iterator[Machines]:
    """A cluster without nodes that train, for a `with` block; needs Ray."""
    # Its sockets need a short path.
    temporary = pathlib.Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    variables = {
        "RAY_AUTH_TOKEN": secrets.token_hex(16),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
    }
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        found = Machines(temporary)
        try:
            yield found
        finally:
            found.shutdown()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        shutil.rmtree(temporary, ignore_errors=True)


def cohort_processes() -> list[psutil.Process]:
    """The processes that train cohorts for tasks of clusters of this process."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            parent = process.parent()
            if "spawn_main" in " ".join(process.cmdline()) and parent is not None:
                if parent.name().startswith("ray::"):
                    found.append(process)
    return found
