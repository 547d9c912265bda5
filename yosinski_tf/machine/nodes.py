"""A machine that trains, as the process that plans sees it: this one or another."""

import dataclasses
import os
import pathlib
import socket

from yosinski_tf.machine import gpus, hardware, precision


@dataclasses.dataclass(frozen=True)
class Node:
    """A machine that trains.

    Attributes:
      host: Its name, for people.
      cores: Processor cores that may be used.
      memory: Free bytes; None if unknown.
      gpus: The GPUs that may be used.
      precision: The number format that `auto` stands for there.
    """

    host: str
    cores: int
    memory: int | None
    gpus: tuple[gpus.Gpu, ...]
    precision: precision.PrecisionChoice

    def free_memory(self) -> int | None:
        """Free bytes of the memory that limits a cohort: the smallest GPU's, if any.

        TensorFlow takes nearly all of a GPU that it sees, JAX three quarters, at once;
        what counts is whether the networks fit into that.
        """
        return min((gpu.free_bytes for gpu in self.gpus), default=self.memory)


def here() -> Node:
    """This machine, as the current environment lets it be used."""
    return Node(
        socket.gethostname(),
        hardware.cores(),
        hardware.available_memory(),
        gpus.visible(),
        precision.here(),
    )


def devices_of_ray(count: int) -> str:
    """What `CUDA_VISIBLE_DEVICES` has to be for a task of Ray to see its node's GPUs.

    Ray gives its tasks the devices that it was itself started with. In the process of a
    task it changes the variable, but not in what the system keeps of the start.

    Args:
      count: Number of GPUs that Ray has on this node.
    """
    devices = [str(number) for number in range(count)]
    for line in pathlib.Path("/proc/self/environ").read_bytes().split(b"\0"):
        name, _, value = os.fsdecode(line).partition("=")
        if name == "CUDA_VISIBLE_DEVICES" and value:
            devices = value.split(",")
    return ",".join(devices[:count])
