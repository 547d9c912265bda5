"""Which values a step gives, for networks with made-up weights."""

import dataclasses
import math

import any_network
import numpy as np
import pytest
from any_network import NAMES, finish_run
from stage_networks import two_norms

from yosinski_tf.data.sources.image_set import make_image_set
from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.explain import half_images
from yosinski_tf.explain.measuring import Measurer
from yosinski_tf.explain.unit_networks import Study, UnitNetworks
from yosinski_tf.explain.units import find_units
from yosinski_tf.models.network_reading import describe
from yosinski_tf.system.errors import UserError

MINI = get_network("mini", widths=(4, 4, 4, 4, 4, 8, 8))


def measurer_of(runs, train, validation, class_names=NAMES, make=Measurer):
    """Of direction AB, for pairs of images and labels."""
    images = make_image_set("made", NAMES, None, train, validation)
    (unit,) = (unit for unit in find_units(runs) if unit.direction == "AB")
    base = dataclasses.replace(unit.base, class_names=class_names)
    unit = dataclasses.replace(unit, base=base)
    return make(Study(runs, images, None, None), unit)


def noise(count):
    random = np.random.default_rng(count)
    pixels = random.integers(0, 256, (count, 20, 20, 3), np.uint8)
    return pixels, np.arange(count) % 5


def values(rows, measure, network):
    found = [row for row in rows if (row.measure, row.network) == (measure, network)]
    return [row.value for row in sorted(found, key=lambda row: row.n)]


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
        networks = measurer_of(tmp_path, part, part, make=UnitNetworks)
        found.append(networks.calibrated(networks.weights("baseB")))
    variances = [each["one_norm/moving_variance"] for each in found]
    assert variances[0] == pytest.approx(variances[1], rel=0.2)


def test_a_half_of_one_class_says_why_it_has_no_probes(tmp_path):
    finish_run(tmp_path, MINI, 16, treatment="baseB")
    measurer = measurer_of(tmp_path, noise(20), noise(10), ["cup"])
    with pytest.raises(UserError, match="need a half of two classes, found only cup:"):
        measurer.layers()


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_measure_without_a_value_leaves_the_others(tmp_path, monkeypatch):
    def large(*args, drawn=any_network.draw_weights):
        weights = drawn(*args)
        return {**weights, "conv1/kernel": weights["conv1/kernel"] * np.float32(1e25)}

    # Too large for products of float32.
    monkeypatch.setattr(any_network, "draw_weights", large)
    finish_run(tmp_path, MINI, 16, treatment="baseB")
    rows = measurer_of(tmp_path, noise(20), noise(10)).layers()
    for measure, known in (("linear_probe", False), ("logme", True), ("h_score", True)):
        found = values(rows, measure, "baseB")
        assert len(found) == 7 and math.isfinite(found[0]) == known, measure


@pytest.mark.parametrize("images, known", [(3, 0), (4, 7)])
def test_fewer_than_4_images_cannot_be_compared(tmp_path, images, known):
    for name in ("baseA", "baseB"):
        finish_run(tmp_path, MINI, 16, treatment=name)
    names = NAMES[:images]  # Each with one image.
    rows = measurer_of(tmp_path, noise(20), noise(5), names).similarity()
    for measure, network in (("cka", "R baseB"), ("first_direction", "baseB")):
        found = values(rows, measure, network)
        assert len(found) == 7 and sum(map(math.isfinite, found)) == known


@pytest.mark.parametrize("broken, left", [("baseA", "baseB"), ("baseB", "baseA")])
def test_a_network_that_cannot_be_read_leaves_the_others(tmp_path, broken, left):
    for name in ("baseA", "baseB"):
        finish_run(tmp_path, MINI, 16, treatment=name)
    (tmp_path / f"random-0-{broken}-s0/weights.npz").unlink()
    measurer = measurer_of(tmp_path, noise(20), noise(10))
    taken = {step: measurer.take(step) for step in ("layers", "filters", "similarity")}
    for found in taken.values():
        (told,) = found.problems
        assert f"random-0-{broken}-s0 has a record but no weights.npz" in told
    for name, known in ((left, True), ("R", True), (broken, False)):
        probes = values(taken["layers"].rows, "linear_probe", name)
        shares = values(taken["filters"].rows, "gabor_share", name)
        assert (len(probes), len(shares)) == ((7, 1) if known else (0, 0))
    compared = values(taken["similarity"].rows, "cka", "R baseB")
    assert len(compared) == (7 if left == "baseB" else 0)


def test_a_copy_that_cannot_be_read_leaves_the_others(tmp_path):
    for name in ("baseA", "baseB", "A1B+", "A2B+"):
        finish_run(tmp_path, MINI, 16, treatment=name)
    (tmp_path / "random-0-A1B+-s0/weights.npz").unlink()
    measurer = measurer_of(tmp_path, noise(20), noise(10))
    travel, similar = measurer.take("travel"), measurer.take("similarity")
    assert "A1B+" in travel.problems[0] and travel.problems == similar.problems
    assert len(values(travel.rows, "travel", "AnB+ n=2")) == 2
    assert values(travel.rows, "travel", "AnB+ n=1") == []
    assert len(values(similar.rows, "cka", "AnB+ baseA")) == 1
    assert measurer.take("criticality").problems == []
