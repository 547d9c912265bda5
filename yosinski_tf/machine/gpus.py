"""The NVIDIA GPUs that training processes will see, asked of the driver.

The process that plans never imports a tensor library, which would know and would
take hold of a GPU by being asked.
"""

import dataclasses
import os
import subprocess

_QUERY = "--query-gpu=uuid,compute_cap,memory.total,memory.free,name"
_SECONDS = 20


@dataclasses.dataclass(frozen=True)
class Gpu:
    """One GPU.

    Attributes:
      uuid: Its identity, `GPU-...`.
      compute_capability: NVIDIA's number for what it can do, for example 8.0.
      total_bytes: Its memory.
      free_bytes: What of it nobody uses now.
      name: Its name in words.
    """

    uuid: str
    compute_capability: float
    total_bytes: int
    free_bytes: int
    name: str


def visible() -> tuple[Gpu, ...]:
    """The GPUs that are not hidden by `CUDA_VISIBLE_DEVICES`; mostly none."""
    try:
        told = subprocess.run(
            ["nvidia-smi", _QUERY, "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return choose(parse(told.stdout), os.environ.get("CUDA_VISIBLE_DEVICES"))


def parse(text: str) -> tuple[Gpu, ...]:
    """Reads what `nvidia-smi` says, a line for each GPU; others are left out."""
    found = []
    for line in text.splitlines():
        try:
            uuid, capability, total, free, name = line.split(",", maxsplit=4)
            # In MiB.
            sizes = (int(total) << 20, int(free) << 20)
            found.append(Gpu(uuid.strip(), float(capability), *sizes, name.strip()))
        except ValueError:  # such as [N/A]
            continue
    return tuple(found)


def choose(gpus: tuple[Gpu, ...], visible_devices: str | None) -> tuple[Gpu, ...]:
    """Those that `CUDA_VISIBLE_DEVICES` leaves visible.

    Args:
      gpus: All, in their order.
      visible_devices: Numbers or the beginnings of identities, with commas; what
        comes after the first that names none does not count. None: all.
    """
    if visible_devices is None:
        return gpus
    found: list[Gpu] = []
    for word in (part.strip() for part in visible_devices.split(",")):
        if word.isdecimal():
            named = gpus[int(word) : int(word) + 1]
        else:
            named = tuple(gpu for gpu in gpus if word and gpu.uuid.startswith(word))
        if len(named) != 1:
            break
        found += named
    return tuple(found)
