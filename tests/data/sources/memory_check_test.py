"""Data sets that are too large for the memory are refused."""

import numpy as np
import pytest

from yosinski_tf.data.sources import memory_check
from yosinski_tf.data.sources.image_set import make_image_set
from yosinski_tf.system.errors import UserError


def test_memory_limit():
    memory_check.check_memory(2, 100, 100_000)
    with pytest.raises(UserError):
        memory_check.check_memory(2, 100, 99_999)


def test_every_process_holds_the_images_of_its_half():
    # Classes 0 to 3 have 1, 2, 3 and 4 training images and as many validation images.
    labels = np.repeat(np.arange(4), [1, 2, 3, 4])
    part = np.zeros((10, 10, 10, 3), np.uint8), labels
    images = make_image_set("made up", ["a", "b", "c", "d"], None, part, part)
    halves = [(0, 1), (2, 3), (2, 3)]
    # The halves have 6, 14 and 14 images of 300 bytes; 60% of the memory may be used.
    for processes, needed in ((1, 7_000), (2, 14_000), (3, 17_000), (9, 17_000)):
        memory_check.check_halves(images, halves, processes, needed)
        with pytest.raises(UserError, match="choose fewer --processes"):
            memory_check.check_halves(images, halves, processes, needed - 1)
