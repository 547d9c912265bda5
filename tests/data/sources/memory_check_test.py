"""Data sets that are too large for the memory are refused."""

import numpy as np
import pytest

from yosinski_tf.data.sources import memory_check
from yosinski_tf.data.sources.image_set import make_image_set
from yosinski_tf.system.errors import UserError


@pytest.fixture
def free(monkeypatch):
    """Sets the free memory, in bytes."""

    def set_free(count):
        monkeypatch.setattr(memory_check, "available_memory", lambda: count)

    return set_free


def test_memory_limit(free):
    free(100_000)
    memory_check.check_memory(2, 100)
    free(99_999)
    with pytest.raises(UserError):
        memory_check.check_memory(2, 100)


def test_every_process_holds_the_images_of_its_half(free):
    # Classes 0 to 3 have 1, 2, 3 and 4 training images and as many validation images.
    labels = np.repeat(np.arange(4), [1, 2, 3, 4])
    part = np.zeros((10, 10, 10, 3), np.uint8), labels
    images = make_image_set("made up", ["a", "b", "c", "d"], None, part, part)
    halves = [(0, 1), (2, 3), (2, 3)]
    # The halves have 6, 14 and 14 images of 300 bytes; 60% of the memory may be used.
    for processes, needed in ((1, 7_000), (2, 14_000), (3, 17_000), (9, 17_000)):
        # The 6,000 bytes of all images become free.
        free(needed - 6_000)
        memory_check.check_halves(images, halves, processes)
        free(needed - 6_001)
        with pytest.raises(UserError, match="choose fewer --processes"):
            memory_check.check_halves(images, halves, processes)
