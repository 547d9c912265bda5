"""A machine that trains, as the process that plans sees it: this one or another."""

import dataclasses
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
