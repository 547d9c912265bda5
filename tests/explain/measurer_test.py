"""Which values a step gives, for networks with made-up weights."""

import numpy as np
import pytest
from any_network import NAMES, finish_run
from stage_networks import two_norms

from yosinski_tf.data.sources.image_set import make_image_set
from yosinski_tf.explain import half_images
from yosinski_tf.explain.measuring import Measurer, Study
from yosinski_tf.explain.units import find_units
from yosinski_tf.models.network_reading import describe


def measurer_of(runs, train, validation, direction="AB"):
    """Of pairs of images and labels."""
    images = make_image_set("made", NAMES, None, train, validation)
    units = {unit.direction: unit for unit in find_units(runs)}
    return Measurer(Study(runs, images, None, None), units[direction])


def test_statistics_do_not_follow_the_order_of_the_images(tmp_path, monkeypatch):
    monkeypatch.setattr(half_images, "_BATCH", 10)
    network = describe(two_norms(), name="test", stages="one_relu,two_relu")
    finish_run(tmp_path, network, 2, treatment="baseB")
    by_class, random = np.arange(100) // 20, np.random.default_rng(1)
    found = []
    for labels in (by_class, random.permutation(by_class)):
        # All images of a class are alike.
        pixels = np.broadcast_to(labels[:, None, None, None] * 50, (100, 6, 6, 3))
        part = pixels.astype(np.uint8), labels
        measurer = measurer_of(tmp_path, part, part)
        found.append(measurer._calibrated(measurer._weights("baseB")))
    variances = [each["one_norm/moving_variance"] for each in found]
    assert variances[0] == pytest.approx(variances[1], rel=0.2)
