"""What the machine has."""

import os

from yosinski_tf.machine import hardware


def test_available_memory_is_less_than_the_machine_has():
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < hardware.available_memory() < total


def test_a_limit_of_the_container_counts(monkeypatch, tmp_path):
    limits = [tmp_path / "none", tmp_path / "max", tmp_path / "limit"]
    monkeypatch.setattr(hardware, "_CONTAINER_LIMITS", limits)
    limits[1].write_text("max\n")
    without = hardware.available_memory()
    limits[2].write_text("1000000\n")
    assert hardware.available_memory() == 1_000_000 < without


def test_the_processor_is_read_from_linux(monkeypatch, tmp_path):
    monkeypatch.setattr(hardware, "_CPUINFO", tmp_path / "cpuinfo")
    assert hardware.processor_flags() == frozenset()
    assert hardware.processor_name()
    text = "processor\t: 0\nmodel name\t: A: B\nflags\t\t: fpu avx2\n"
    (tmp_path / "cpuinfo").write_text(text + "model name\t: C\n")
    assert hardware.processor_name() == "A: B"
    assert hardware.processor_flags() == {"fpu", "avx2"}
