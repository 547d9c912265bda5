"""Which number format `--precision=auto` stands for on this machine."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Collection, Sequence

from yosinski_tf.machine import gpus
from yosinski_tf.machine.gpus import Gpu

# From this compute capability on a GPU multiplies in it many times as fast as in
# float32: Ampere has bfloat16, Volta and Turing have only float16.
_FAST_BFLOAT16 = 8.0
_FAST_FLOAT16 = 7.0
# Of x86 processors, as Linux names them.
_BFLOAT16_FLAGS = ("amx_bf16", "avx512_bf16")
_CPUINFO = pathlib.Path("/proc/cpuinfo")


@dataclasses.dataclass(frozen=True)
class PrecisionChoice:
    """A precision and why.

    Attributes:
      precision: One of `recipes.PRECISIONS`.
      reason: Why, to stand behind it in brackets; empty if a flag said it.
    """

    precision: str
    reason: str

    def __str__(self) -> str:
        """A sentence, unless the user knows."""
        return f"Precision: {self.precision} ({self.reason})." if self.reason else ""


def here() -> PrecisionChoice:
    """The choice for this machine and the Keras backend that is set."""
    return choose(gpus.visible(), processor_flags(), keras_backend())


def choose(
    visible: Sequence[Gpu], flags: Collection[str], backend: str
) -> PrecisionChoice:
    """The fast number format of some hardware, float32 where none is known to be.

    Args:
      visible: The GPUs.
      flags: What the processor can do, in the words of Linux.
      backend: The Keras backend.
    """
    if visible:
        gpu = min(visible, key=lambda each: each.compute_capability)
        capability = gpu.compute_capability
        has = f"{gpu.name}, compute capability {capability:.1f}"
        if capability >= _FAST_BFLOAT16:
            return PrecisionChoice("bfloat16", has)
        if capability >= _FAST_FLOAT16:
            return PrecisionChoice("float16", f"{has}: bfloat16 from 8.0 on")
        return PrecisionChoice("float32", f"{has}: faster formats from 7.0 on")
    found = [flag for flag in _BFLOAT16_FLAGS if flag in flags]
    if not found:
        return PrecisionChoice(
            "float32", "this processor has no instructions for bfloat16"
        )
    if backend != "tensorflow":
        return PrecisionChoice(
            "float32", f"bfloat16 is not faster on a processor in {backend}"
        )
    return PrecisionChoice("bfloat16", f"this processor has {found[0]}")


def processor_flags() -> frozenset[str]:
    """What Linux says that the processor can do; nothing elsewhere."""
    try:
        with _CPUINFO.open() as lines:
            for line in lines:
                name, _, value = line.partition(":")
                if name.strip() == "flags":
                    return frozenset(value.split())
    except OSError:
        pass
    return frozenset()


def keras_backend() -> str:
    """The backend that Keras will take, found as Keras finds it."""
    if backend := os.environ.get("KERAS_BACKEND"):
        return backend
    home = os.environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras"
    try:
        found = json.loads((pathlib.Path(home) / "keras.json").read_text())
        return str(found["backend"])
    except (OSError, ValueError, KeyError, TypeError):
        return "tensorflow"
