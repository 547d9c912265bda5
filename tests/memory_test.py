"""A data set too large for the memory is refused."""

import os

import pytest

from yosinski_tf.data import memory
from yosinski_tf.errors import UserError


def test_memory_limit():
    memory.check_memory(2, 100, 100_000)
    with pytest.raises(UserError):
        memory.check_memory(2, 100, 99_999)


def test_available_memory_is_less_than_the_machine_has():
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < memory.available_memory() < total
