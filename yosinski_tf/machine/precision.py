"""The number format that `--precision=auto` stands for on this machine."""

import dataclasses
from collections.abc import Collection, Sequence

from yosinski_tf.machine import gpus, hardware, keras_settings

# From these compute capabilities on, a GPU multiplies many times faster in the
# format than in float32: Ampere has bfloat16; Volta and Turing have only float16.
_FAST_BFLOAT16 = 8.0
_FAST_FLOAT16 = 7.0
# Instruction sets of x86 processors, as Linux names them.
_BFLOAT16_FLAGS = ("amx_bf16", "avx512_bf16")


@dataclasses.dataclass(frozen=True)
class PrecisionChoice:
    """A number format and the reason for it.

    Attributes:
      precision: One of `recipes.PRECISIONS`.
      reason: Why it was chosen, for people; empty if the user chose it.
    """

    precision: str
    reason: str

    def __str__(self) -> str:
        """A sentence; empty if the user chose the format."""
        return f"Precision: {self.precision} ({self.reason})." if self.reason else ""


def here() -> PrecisionChoice:
    """The choice for this machine and the current Keras backend."""
    return choose(gpus.visible(), hardware.processor_flags(), keras_settings.backend())


def choose(
    visible: Sequence[gpus.Gpu], flags: Collection[str], backend: str
) -> PrecisionChoice:
    """The fastest number format for some GPUs, processor flags and Keras backend.

    It is float32 if no other format is known to be faster.
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
        reason = "this processor has no instructions for bfloat16"
        return PrecisionChoice("float32", reason)
    if backend != "tensorflow":
        reason = f"bfloat16 is not faster on a processor in {backend}"
        return PrecisionChoice("float32", reason)
    return PrecisionChoice("bfloat16", f"this processor has {found[0]}")
