"""Measures of trained networks against what the study recorded and other code."""

import numpy as np
import pytest
import tiny
from tiny import NETWORK, folder_of, make_job, record_of, weights_of

from yosinski_tf.data.sources import study_copy
from yosinski_tf.explain.measuring import Measurer
from yosinski_tf.explain.unit_networks import Study, UnitNetworks
from yosinski_tf.explain.units import find_units
from yosinski_tf.models import surgery
from yosinski_tf.models.plain_network import plain_network
from yosinski_tf.study import finished_run
from yosinski_tf.training import trainer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return tiny.draw_images(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory, images):
    runs = tmp_path_factory.mktemp("study")
    for names in (["baseA"], ["baseB"], ["R3B", "A3B+"]):
        trainer.train(make_job(runs, images, names))
    return runs


@pytest.fixture(scope="module")
def study_and_unit(runs, images):
    unit = find_units(runs)[1]
    assert unit.direction == "AB"
    return Study(runs, study_copy.load(images), None, None), unit


@pytest.fixture(scope="module")
def networks(study_and_unit):
    return UnitNetworks(*study_and_unit)


@pytest.fixture(scope="module")
def measurer(study_and_unit):
    return Measurer(*study_and_unit)


def values(rows, measure, network):
    found = [row for row in rows if (row.measure, row.network) == (measure, network)]
    return [row.value for row in sorted(found, key=lambda row: row.n)]


def test_accuracies_are_those_of_the_record_and_of_kerass_own_layers(
    runs, networks, measurer
):
    run = finished_run.read_finished_run(runs, folder_of(runs, "baseB").name)
    half = networks.validation
    pixels = np.concatenate(list(half.batches()))

    def top1(weights):
        model = plain_network(
            NETWORK, weights, input_size=16, num_classes=5, mean=run.mean
        )
        return 100 * np.mean(model.predict_on_batch(pixels).argmax(1) == half.labels)

    whole = top1(run.weights)
    assert whole == pytest.approx(100 * record_of(runs, "baseB").top1)
    rows = measurer.take("criticality").rows
    for measure, untrained in (
        ("loss_put_back", finished_run.initial_weights(run)),
        ("loss_drawn_anew", finished_run.redrawn_weights(run, 0)),
    ):
        expected = []
        for name in NETWORK.stage_names[:-1]:
            swapped = dict(run.weights)
            for part in ("kernel", "bias"):
                swapped[f"{name}/{part}"] = untrained[f"{name}/{part}"]
            expected.append(whole - top1(swapped))
        assert values(rows, measure, "baseB") == pytest.approx(expected)


def test_the_random_network_is_the_one_that_networks_r_stand_on(runs, networks):
    digest = surgery.digest(networks.weights("R"), NETWORK.layers_below(3))
    assert digest == record_of(runs, "R3B").frozen_sha256_before


def test_travel_is_from_the_weights_that_were_copied(runs, measurer):
    start, end = weights_of(runs, "baseA"), weights_of(runs, "A3B+")
    vectors = [
        np.concatenate([each["conv2/kernel"].ravel(), each["conv2/bias"]])
        for each in (start, end)
    ]
    length = np.linalg.norm(vectors[1] - vectors[0]) / np.linalg.norm(vectors[0])
    found = values(measurer.take("travel").rows, "travel", "AnB+ n=3")
    assert found[1] == pytest.approx(length, rel=1e-5)
    assert len(found) == 3


def test_layers_say_how_many_images_and_numbers_there_are(measurer):
    rows = measurer.take("layers").rows
    # Half B has 5 classes of 11 images.
    assert values(rows, "train_images", "all") == [55] * 7
    assert values(rows, "fewest_of_a_class", "all") == [11] * 7
    assert values(rows, "dimensions", "all") == [64, 16, 16, 16, 4, 8, 8]
    assert len(values(rows, "logme", "baseA")) == 7
