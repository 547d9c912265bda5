"""The NVIDIA GPUs that training processes will see, read from the driver.

The planning process asks the driver because it never imports a tensor library,
which would take hold of a GPU when asked. (A training process asks Keras' backend:
`training.provenance.accelerators`.)
"""

import dataclasses
import functools
import os
import subprocess
from collections.abc import Sequence

_QUERY = "--query-gpu=uuid,compute_cap,memory.free,name"
_TIMEOUT_SECONDS = 20


@dataclasses.dataclass(frozen=True)
class Gpu:
    """One GPU.

    Attributes:
      uuid: Its identity, `GPU-...`.
      compute_capability: NVIDIA's number for its features, for example 8.0.
      free_bytes: The part of its memory that nobody used when it was asked for.
      name: Its name, for people.
    """

    uuid: str
    compute_capability: float
    free_bytes: int
    name: str


def visible() -> tuple[Gpu, ...]:
    """The GPUs that `CUDA_VISIBLE_DEVICES` does not hide; often none."""
    return without_hidden(installed(), os.environ.get("CUDA_VISIBLE_DEVICES"))


@functools.cache
def installed() -> tuple[Gpu, ...]:
    """All GPUs of the machine; `nvidia-smi` may take a second, so it is run once."""
    try:
        done = subprocess.run(
            ["nvidia-smi", _QUERY, "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return parse(done.stdout)


def parse(text: str) -> tuple[Gpu, ...]:
    """Reads the output of `nvidia-smi`, a GPU a line; skips lines with unknowns."""
    found = []
    for line in text.splitlines():
        try:
            uuid, capability, free, name = line.split(",", maxsplit=3)
            free_bytes = int(free) << 20  # From MiB.
            found.append(Gpu(uuid.strip(), float(capability), free_bytes, name.strip()))
        except ValueError:  # such as [N/A]
            continue
    return tuple(found)


def without_hidden(gpus: Sequence[Gpu], visible_devices: str | None) -> tuple[Gpu, ...]:
    """The GPUs that `CUDA_VISIBLE_DEVICES` leaves visible, in its order.

    Args:
      gpus: All GPUs, in the driver's order.
      visible_devices: Numbers or first letters of identities, separated by commas;
        all from the first that matches no GPU are ignored. None hides nothing.
    """
    if visible_devices is None:
        return tuple(gpus)
    found: list[Gpu] = []
    for word in (part.strip() for part in visible_devices.split(",")):
        if word.isdecimal():
            named = list(gpus[int(word) : int(word) + 1])
        else:
            named = [gpu for gpu in gpus if word and gpu.uuid.startswith(word)]
        if len(named) != 1:
            break
        found += named
    return tuple(found)
