"""The number format that auto stands for, and the GPUs that decide it."""

import pytest

from yosinski_tf.machine import gpus, precision
from yosinski_tf.machine.gpus import Gpu, parse, without_hidden

SMI = """GPU-1a, 8.0, 40000, NVIDIA A100-SXM4-40GB
GPU-2b, 7.5, 15000, Tesla T4
GPU-3c, [N/A], [N/A], Broken
GPU-4d, 9.0, 81000, NVIDIA H100, 80GB
"""
A100 = Gpu("GPU-1a", 8.0, 40000 << 20, "NVIDIA A100-SXM4-40GB")
T4 = Gpu("GPU-2b", 7.5, 15000 << 20, "Tesla T4")
H100 = Gpu("GPU-4d", 9.0, 81000 << 20, "NVIDIA H100, 80GB")
OLD = Gpu("GPU-5e", 6.1, 1 << 20, "GeForce GTX 1080")


@pytest.mark.parametrize(
    ("visible", "flags", "backend", "wanted"),
    [
        ((A100,), (), "tensorflow", "bfloat16"),
        ((T4,), ("avx512_bf16",), "tensorflow", "float16"),
        ((OLD,), ("avx512_bf16",), "tensorflow", "float32"),
        # The slowest of them decides.
        ((H100, T4), (), "jax", "float16"),
        ((), ("avx2", "avx512_bf16"), "tensorflow", "bfloat16"),
        ((), ("amx_bf16",), "tensorflow", "bfloat16"),
        ((), ("avx2", "avx512f"), "tensorflow", "float32"),
        ((), ("avx512_bf16",), "jax", "float32"),
        ((), (), "tensorflow", "float32"),
    ],
)
def test_auto_takes_the_format_that_the_hardware_is_fast_at(
    visible, flags, backend, wanted
):
    assert precision.choose(visible, flags, backend).precision == wanted


def test_the_user_reads_the_choice_with_its_reason():
    assert str(precision.choose((A100,), (), "tensorflow")) == (
        "Precision: bfloat16 (NVIDIA A100-SXM4-40GB, compute capability 8.0)."
    )
    assert str(precision.choose((), (), "tensorflow")) == (
        "Precision: float32 (this processor has no instructions for bfloat16)."
    )
    assert str(precision.PrecisionChoice("float16", "")) == ""


def test_gpus_are_read_from_the_output_of_nvidia_smi():
    assert parse(SMI) == (A100, T4, H100)
    assert parse("") == parse("No devices were found\n") == ()


@pytest.mark.parametrize(
    ("visible", "wanted"),
    [
        (None, (A100, T4, H100)),
        ("", ()),
        ("-1", ()),
        ("2,0", (H100, A100)),
        ("GPU-2", (T4,)),
        ("1,9,0", (T4,)),
    ],
)
def test_hidden_gpus_are_not_counted(visible, wanted):
    assert without_hidden((A100, T4, H100), visible) == wanted


def test_a_machine_without_a_driver_has_no_gpu(monkeypatch, tmp_path):
    # The module remembers the GPUs of the machine.
    monkeypatch.setattr(gpus, "installed", gpus.installed.__wrapped__)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus.visible() == ()
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{SMI}END\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert gpus.visible() == (T4,)
    assert precision.here().precision == "float16"
