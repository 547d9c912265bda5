"""Trains cohorts on a cluster of Ray, each in a child process of a task.

The child is that of `--engine=local`, so that the cluster changes neither results nor
what happens after a failure: it sees the same variables, saves when it is told to stop
or its parent has ended, and cannot take the task's process with it. Checkpoints are in
the study folder, which all nodes share; so only events come back to the driver.

Ray kills the children of a worker that ends, and then its process group. Both are
kept from the child, which sees the end of its parent and saves.
"""

import dataclasses
import functools
import math
import os
import pathlib
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from yosinski_tf.experiment.cohorts import Cohort
from yosinski_tf.machine import keras_settings, nodes
from yosinski_tf.scheduling import cohort_process
from yosinski_tf.scheduling.cohort_process import CohortProcess, Work
from yosinski_tf.scheduling.engine import SHARING
from yosinski_tf.scheduling.events import Event, EventKind, Fate
from yosinski_tf.scheduling.ray_nodes import note_stands, on_each, prove
from yosinski_tf.system import locks, ray_cluster, signals, versions
from yosinski_tf.system.errors import UserError, in_brief
from yosinski_tf.training.job import Job

# Variables of the driver that its cohorts see, whatever a node has.
_BROUGHT = ("TF_", "XLA_", "JAX_", "ONEDNN_", "OMP_", "KERAS_")
_SPARE_CHILDREN = {"RAY_kill_child_processes_on_worker_exit": "0"}
# On a busy machine Ray needs seconds to start a task.
_PATIENCE_SECONDS = 30.0
_LOOK_SECONDS, _POLL_SECONDS, _MOUNT_SECONDS = 5.0, 0.5, 10.0


@dataclasses.dataclass(frozen=True)
class Share:
    """What each cohort gets of its node, beside memory.

    Attributes:
      cpus, gpus: Their numbers; a part of one if cohorts share it.
    """

    cpus: float
    gpus: float

    @classmethod
    def of(
        cls,
        nodes: Sequence[nodes.Node],
        processes: int,
        threads: int | None = None,
        devices: int = 0,
    ) -> "Share":
        """The share with which as many cohorts train at a time as are asked for.

        Args:
          nodes: The machines that train.
          processes: Cohorts at a time on the smallest of them; others with more GPUs
            take more.
          threads: CPUs of a cohort; None for its part of those of its node.
          devices: GPUs of a cohort; 0 for one, or a part of one.
        """
        fewest = min(len(node.gpus) for node in nodes)

        def cpus(node):
            places = len(node.gpus) * processes // fewest if fewest else processes
            return _part(node.cores, max(1, places))

        # A cohort gets no parts of two GPUs.
        gpus = devices or _part(1, math.ceil(processes / fewest)) if fewest else 0
        return cls(threads or min(map(cpus, nodes)), gpus)

    def with_memory(self, size: float) -> str:
        """For people, with so many bytes."""
        gpus = f", {self.gpus:g} GPU{'s' * (self.gpus > 1)}" if self.gpus else ""
        cpus = f"{self.cpus:g} CPU{'s' * (self.cpus > 1)}"
        return f"{cpus}{gpus} and {size / 1e9:.1f} GB of memory"

    def fits(self, node: ray_cluster.Node) -> int:
        """How many such cohorts a node takes at a time, but for their memory."""
        of_cpus = int(node.cpus / self.cpus + 1e-6)
        if not self.gpus:
            return of_cpus
        if self.gpus >= 1:
            return min(of_cpus, int(node.gpus / self.gpus))
        return min(of_cpus, int(node.gpus) * int(1 / self.gpus + 1e-6))


def _part(whole: int, parts: int) -> float:
    """A part of some CPUs or of a GPU; Ray knows four digits, and all have to fit."""
    return whole * 10_000 // parts / 10_000


class RayEngine:
    """Runs cohorts as tasks of the cluster that this process is connected to."""

    def __init__(
        self,
        runs: pathlib.Path,
        share: Share,
        memory: Callable[[Cohort], int],
        work: Work = cohort_process.train,
    ):
        """Checks that every node sees the study folder.

        Args:
          runs: The study folder, held by this process (`locks.driving`).
          share: What each cohort gets.
          memory: The bytes that a cohort needs.
          work: Trains a job, in a process of a node.

        Raises:
          UserError: If a node does not see the folder, or sees another one, or runs
            other versions.
        """
        self._runs = pathlib.Path(os.path.abspath(runs))
        note = locks.note_of_driver(runs).read_text()
        self._proof = self._runs, note, versions.deciding()
        self._share, self._memory, self._work = share, memory, work
        self._task = _ray().remote(
            num_returns="streaming",
            max_retries=0,
            scheduling_strategy="SPREAD",
            runtime_env={"env_vars": _SPARE_CHILDREN},
        )(_train)
        self._running: dict[Any, _Running] = {}
        self._places, self._looked = 1, -math.inf
        # Memory of the smallest cohort.
        self._least = 0
        self._told = False
        found = [node for node in ray_cluster.nodes() if share.fits(node)]
        on_each(found, prove, [self._proof] * len(found))

    def check(self, cohorts: list[Cohort]) -> None:
        """Refuses cohorts for which no node is large enough.

        Raises:
          UserError: It names what is needed, and the largest node.
        """
        found, share = ray_cluster.nodes(), self._share
        self._least = min(map(self._memory, cohorts), default=0)
        # A head that trains nothing may have the most memory.
        largest = max(found, key=lambda n: (n.gpus, n.cpus >= 1, n.memory, n.cpus))
        for cohort in cohorts:
            memory = self._memory(cohort)
            if not any(share.fits(n) and n.memory >= memory for n in found):
                has = Share(largest.cpus, largest.gpus).with_memory(largest.memory)
                raise UserError(
                    f"the cohort {cohort.cohort_id} needs {share.with_memory(memory)}"
                    f" on one node, found at most {has} on {largest.host}: give a"
                    " smaller --cohort_size, --threads or --devices, or add a larger"
                    " node"
                )

    def has_room(self) -> bool:
        """Whether fewer tasks run than nodes have places."""
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            self._looked = time.monotonic()
            places = sum(map(self._places_of, ray_cluster.nodes()))
            # Without a node for it, one cohort waits.
            self._places = max(1, places)
        return len(self._running) < self._places

    def start(self, job: Job) -> None:
        """Sends a job to the cluster, which starts it on a node with room."""
        job = dataclasses.replace(
            job, runs=self._runs, images=self._runs / job.images.name
        )
        task = self._task.options(
            num_cpus=self._share.cpus,
            num_gpus=self._share.gpus,
            memory=self._memory(job.cohort),
        )
        shared = self._share.gpus % 1 != 0
        stream = task.remote(job, self._work, _variables(shared), self._proof)
        self._running[stream] = _Running(job.cohort, time.monotonic())

    def wait(self, seconds: float) -> list[Event]:
        """Waits for events, for some seconds at most."""
        ray = _ray()
        # Without tasks Ray would refuse to wait.
        ready = list(self._running)
        for count, timeout in ((1, seconds), (len(ready), 0)):
            if ready:
                options = {"num_returns": count, "timeout": timeout}
                ready, _ = ray.wait(list(self._running), fetch_local=False, **options)
        events = [event for stream in ready for event in self._next(stream)]
        return events + self._pending()

    def stop(self) -> list[Event]:
        """Has all tasks stop, waits until they have saved; returns their last events.

        Tasks that have started look at the driver's note. To cancel them is no use: a
        task that is just starting misses it, and one that is just ending can end this
        process (Ray 2.60).
        """
        ray = _ray()
        for stream, running in self._running.items():
            if not running.host:
                ray.cancel(stream, force=False)
        locks.note_of_driver(self._runs).unlink(missing_ok=True)
        events = []
        for stream, running in self._running.items():
            last = None
            try:
                while True:
                    event = ray.get(next(stream))
                    running.see(event)
                    last = last if event.kind.fate is Fate.RUNNING else event
            # After its last event, before its first, or at the end of its node.
            except (StopIteration, ray.exceptions.RayError) as error:
                if last is None and running.host:
                    last = self._lost(running, error)
                events.append(last or Event(EventKind.STOPPED, running.cohort))
        self._running.clear()
        return events

    def close(self) -> None:
        """Leaves the rest to the end of the connection, which ends all tasks."""

    def _next(self, stream) -> Iterator[Event]:
        running = self._running[stream]
        ray = _ray()
        try:
            event = ray.get(next(stream))
        # Without another event it ends only if something else has interrupted it.
        except (StopIteration, ray.exceptions.RayError) as error:
            event = self._lost(running, error)
        running.see(event)
        if event.kind is EventKind.STARTED:
            self._told = False
        if event.kind.fate is not Fate.RUNNING:
            del self._running[stream]
        yield event

    def _lost(self, running: "_Running", error: Exception) -> Event:
        cause = getattr(error, "cause", None)
        what = in_brief(cause or error, 120)
        message = f"its task on {running.host or 'the cluster'} ended ({what})"
        # Of a node that has joined since: the others go on.
        if isinstance(cause, UserError):
            message = str(cause)
        return Event(EventKind.LOST, running.cohort, message=message)

    def _places_of(self, node: ray_cluster.Node) -> int:
        of_memory = int(node.memory / self._least) if self._least else math.inf
        return min(self._share.fits(node), of_memory)

    def _pending(self) -> list[Event]:
        """Says once what is waited for, if no node has had room for a while."""
        late = time.monotonic() - _PATIENCE_SECONDS
        for running in self._running.values():
            if not running.host and running.sent < late and not self._told:
                self._told = True
                needs = self._share.with_memory(self._memory(running.cohort))
                message = f"it waits for a node with {needs}"
                return [Event(EventKind.WAITING, running.cohort, message=message)]
        return []


@dataclasses.dataclass
class _Running:
    """A task: its cohort, when it was sent, and the host on which it has started."""

    cohort: Cohort
    sent: float
    host: str = ""

    def see(self, event: Event) -> None:
        """Notes the host if the event says that the task has started."""
        if event.kind is EventKind.STARTED:
            self.host = event.message.rpartition(" ")[2]


def _train(job: Job, work: Work, variables, proof) -> Iterator[Event]:
    """The task: trains a job in a child process while the driver's note stands.

    Yields its events.
    """
    _prove(proof)
    # The child would import the main module of Ray's workers.
    vars(sys.modules["__main__"]).pop("__file__", None)
    child = None
    try:
        with signals.uninterrupted():
            child = CohortProcess(job, functools.partial(_apart, work), variables)
        count = len(job.cohort.runs)
        where = f"{count} network{'s' * (count > 1)} on {socket.gethostname()}"
        event = Event(EventKind.STARTED, job.cohort, message=where)
        while True:
            yield event
            if event.kind.fate is not Fate.RUNNING:
                child.process.join()
                return
            event = _next_event(child, proof)
    finally:
        # Something has interrupted the task.
        if child is not None and child.process.is_alive():
            child.process.terminate()
            child.last_event()


def _prove(proof) -> None:
    """Proves a node that may have joined since, and whose mounts may come later."""
    end = time.monotonic() + _MOUNT_SECONDS
    while True:
        try:
            return prove(*proof)
        except (UserError, OSError):
            if time.monotonic() > end:
                raise
        time.sleep(_POLL_SECONDS)


def _apart(work: Work, job: Job, report, should_stop) -> None:
    """Runs in the child: leaves the worker's process group, and does the work."""
    os.setsid()
    work(job, report, should_stop)


def _next_event(child: CohortProcess, proof) -> Event:
    runs, note, _ = proof
    while note_stands(runs, note):
        if child.connection.poll(_POLL_SECONDS):
            return child.receive()
    child.process.terminate()
    return child.last_event()


def _variables(shared: bool) -> dict[str, str | None]:
    """The variables of a cohort's process: the driver's, not those of Ray's workers."""
    # Ray sets it to the CPUs of a task; threads here are set by the study.
    found: dict[str, str | None] = {"OMP_NUM_THREADS": None}
    found |= {n: v for n, v in os.environ.items() if n.startswith(_BROUGHT)}
    found["KERAS_BACKEND"] = keras_settings.backend()
    return found | (SHARING if shared else {})


def _ray():
    import ray
    import ray.exceptions

    return ray
