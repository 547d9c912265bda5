"""What tests of training share: the data set of the tiny networks, and a clock."""

import pytest
import tiny
from waiting import Clock

from yosinski_tf.training import save_clock, stopwatch


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    return tiny.draw_images(tmp_path_factory.mktemp("images"))


@pytest.fixture
def clock(monkeypatch):
    """A clock that tests set."""
    clock = Clock()
    for module in (save_clock, stopwatch):
        monkeypatch.setattr(module, "time", clock)
    return clock
