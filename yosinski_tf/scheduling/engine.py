"""What runs cohorts that are ready: what all engines do, and that of this machine."""

from collections import Counter
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from typing import Protocol

from yosinski_tf.scheduling import cohort_process
from yosinski_tf.scheduling.cohort_process import CohortProcess, Work
from yosinski_tf.scheduling.events import Event, EventKind, Fate
from yosinski_tf.training.job import Job

# For a GPU that several processes share: each takes the memory that it needs.
SHARING = {
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}


class Engine(Protocol):
    """Runs cohorts side by side, each in a process of its own.

    Every job that was started has an event `STARTED` and ends with an event whose fate
    is not `RUNNING`.
    """

    def has_room(self) -> bool:
        """Whether another job can be started now."""

    def start(self, job: Job) -> None:
        """Starts a job; only when there is room."""

    def wait(self, seconds: float) -> list[Event]:
        """Waits for events of all jobs, for some seconds at most."""

    def stop(self) -> list[Event]:
        """Stops all jobs, waits until they have saved; returns their last events."""

    def close(self) -> None:
        """Ends the engine; jobs that still run end without saving."""


class LocalEngine:
    """Runs cohorts in child processes of this one.

    Attributes:
      devices: The GPUs, each a value for `CUDA_VISIBLE_DEVICES`.
    """

    def __init__(
        self,
        processes: int,
        devices: Sequence[str] = (),
        work: Work = cohort_process.train,
    ):
        """Starts nothing yet.

        Args:
          processes: Most cohorts at a time.
          devices: The GPUs that a process may see, each a value for
            `CUDA_VISIBLE_DEVICES`; they are given out evenly. Without any, every
            process sees what this one sees.
          work: Trains a job, in the new process.
        """
        self.devices = tuple(devices)
        self._processes, self._work = processes, work
        self._shared = SHARING if devices and processes > len(devices) else {}
        self._used = Counter(dict.fromkeys(devices, 0))
        self._running: dict[Connection, tuple[CohortProcess, str | None]] = {}
        self._events: list[Event] = []

    def has_room(self) -> bool:
        """Whether fewer processes run than may."""
        return len(self._running) < self._processes

    def start(self, job: Job) -> None:
        """Starts the process of a job, on the GPU that fewest others use."""
        device, environment = None, dict[str, str | None](self._shared)
        if self._used:
            device = min(self._used, key=self._used.__getitem__)
            environment["CUDA_VISIBLE_DEVICES"] = device
            self._used[device] += 1
        child = CohortProcess(job, self._work, environment)
        self._running[child.connection] = child, device
        self._events.append(Event(EventKind.STARTED, job.cohort))

    def wait(self, seconds: float) -> list[Event]:
        """Waits for events, for some seconds at most."""
        events, self._events = self._events, []
        for connection in wait(list(self._running), 0 if events else seconds):
            child, device = self._running[connection]
            event = child.receive()
            events.append(event)
            if event.kind.fate is not Fate.RUNNING:
                child.process.join()
                del self._running[connection]
                if device is not None:
                    self._used[device] -= 1
        return events

    def stop(self) -> list[Event]:
        """Asks all processes to save and end; returns their last events."""
        children = [child for child, _ in self._running.values()]
        for child in children:
            child.process.terminate()
        return [child.last_event() for child in children]

    def close(self) -> None:
        """Kills the processes that still run."""
        for child, _ in self._running.values():
            child.process.kill()
