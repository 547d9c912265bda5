"""What the machine has."""

import os
import resource

import pytest

from yosinski_tf.machine import cgroups, hardware


def test_available_memory_is_less_than_the_machine_has():
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < hardware.available_memory() < total


def test_the_smallest_limit_counts(monkeypatch):
    without = hardware.available_memory()
    for limit, found in ((None, None), (1_000_000, 1_000_000), (2**62, None)):
        monkeypatch.setattr(cgroups, "available_memory", lambda limit=limit: limit)
        # Other processes take and free memory meanwhile.
        expected = without if found is None else found
        assert hardware.available_memory() == pytest.approx(expected, rel=0.3)


def test_ulimit_counts_less_the_addresses_taken(monkeypatch, tmp_path):
    status = tmp_path / "status"
    status.write_text("VmPeak:\t 9 kB\nVmSize:\t 2000 kB\n")
    monkeypatch.setattr(hardware, "_STATUS", status)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (5_000_000, 8_000_000))
    assert hardware.available_memory() == 2_952_000
    status.write_text("VmSize:\t 7000 kB\n")
    assert hardware.available_memory() == 0


def test_the_processor_is_read_from_linux(monkeypatch, tmp_path):
    monkeypatch.setattr(hardware, "_CPUINFO", tmp_path / "cpuinfo")
    assert hardware.processor_flags() == frozenset()
    assert hardware.processor_name()
    text = "processor\t: 0\nmodel name\t: A: B\nflags\t\t: fpu avx2\n"
    (tmp_path / "cpuinfo").write_text(text + "model name\t: C\n")
    assert hardware.processor_name() == "A: B"
    assert hardware.processor_flags() == {"fpu", "avx2"}
