"""Which outputs of frozen layers are kept, in cases with plain numbers."""

import dataclasses

import pytest

from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.experiment.treatments import parse_treatment
from yosinski_tf.models.feature_rule import (
    KeptFeatures,
    Trunk,
    choose,
    choose_all,
    explain,
    layers_kept,
    make_trunk,
    segments,
    work_left,
)

MINI = get_network("mini")
# Each layer takes a million multiply-accumulates; the first has a large output.
PLAIN = Trunk((10**6,) * 4, (10**6, 1000, 1000, 1000), (1, 3), 3)
OFTEN = {"seen": 10**6, "computed": 1000}
ROOM = 1e12


def test_a_trunk_of_mini():
    trunk = make_trunk(MINI, 32, [7, 2, 2], 4)
    assert trunk.depths == (2, 7)
    assert trunk.work == (307200, 442368, 442368, 589824, 589824, 98304, 73728)
    assert trunk.sizes == (4096, 3072, 4096, 4096, 1024, 1536, 768)
    # fc6 up to its dropout, whose mask changes in every step.
    assert trunk.constant == 6
    assert make_trunk(get_network("mini", dropout=0.0), 32, [7], 4).constant == 7
    assert make_trunk(MINI, 32, [3], 4).constant == 3
    assert make_trunk(MINI, 32, [3], 2).sizes == (2048, 1536, 2048)


@pytest.mark.parametrize(
    ("kept", "found", "left"),
    [
        ((), {0: [1, 3]}, 3),
        ((1,), {1: [1, 3]}, 2),
        ((3,), {0: [1], 3: [3]}, 1),
        ((1, 3), {1: [1], 3: [3]}, 0),
        ((2,), {0: [1], 2: [3]}, 2),
    ],
)
def test_depths_are_computed_from_the_nearest_kept_layer(kept, found, left):
    assert segments((1, 3), kept) == found
    trunk = dataclasses.replace(PLAIN, work=(10**6,) * 3)
    assert work_left(trunk, kept) == left * 10**6


def test_outputs_that_are_slower_to_read_than_to_compute_are_not_kept():
    # Layer 1 has a million bytes for a million multiply-accumulates.
    assert choose(PLAIN, ROOM, **OFTEN).layers == (3,)
    assert choose(PLAIN, ROOM, "on", **OFTEN).layers == (1, 3)
    assert choose(PLAIN, ROOM, "off", **OFTEN) == KeptFeatures((), "off")


def test_only_outputs_that_fit_into_memory_are_kept():
    assert choose(PLAIN, 1000 * 1000, "on", **OFTEN).layers == (3,)
    assert choose(PLAIN, 1000 * 1000 - 1, "on", **OFTEN) == KeptFeatures(
        (), "none fits into 1 MB"
    )
    # If not all fit, those that save most.
    trunk = Trunk((10**6, 10**6, 10**6), (10, 10, 10), (1, 2, 3), 3)
    assert choose(trunk, 30 * 1000, **OFTEN).layers == (1, 2, 3)
    assert choose(trunk, 10 * 1000, **OFTEN).layers == (1,)
    assert choose(dataclasses.replace(trunk, depths=(3,)), ROOM, **OFTEN).layers == (3,)


def test_nothing_is_kept_if_images_are_used_once():
    views = {"seen": 1000, "computed": 1000}
    assert choose(PLAIN, ROOM, **views) == KeptFeatures(
        (), "1,000 views to compute, 1,000 are used"
    )
    assert choose(PLAIN, ROOM, "on", **views).layers == (1, 3)


def test_a_short_training_keeps_nothing():
    assert choose(PLAIN, ROOM, seen=100, computed=10) == KeptFeatures(
        (), "it costs more than it saves"
    )


def chosen(treatments, recipe=None, network=MINI, views=3000, **options):
    options = {"num_validation": 2000, "available_bytes": 10**10, **options}
    training, validation = choose_all(
        [parse_treatment(name) for name in treatments],
        network,
        recipe or Recipe(),
        num_views=views,
        **options,
    )
    return training, validation


ALL = [f"{half}{n}B" for half in "AB" for n in range(1, 8)]


@pytest.mark.parametrize(
    ("names", "source", "share"),
    [
        (["baseB", *(f"R{n}B" for n in range(1, 8))], "R", "8%"),
        (ALL, "A", "6%"),
        ([*ALL, *(f"{name}+" for name in ALL)], "A", "2%"),
    ],
)
def test_nothing_is_kept_if_trained_layers_take_most_of_the_work(names, source, share):
    training, validation = chosen(names)
    assert training[source] == KeptFeatures((), f"it would save {share} of all work")
    assert chosen(names, mode="on")[0][source].layers == (1, 2, 3, 4, 5, 6)
    assert validation.keys() == training.keys()


@pytest.mark.parametrize("n", [4, 5, 6, 7])
def test_a_deep_trunk_of_a_network_alone_is_kept(n):
    assert chosen([f"A{n}B"])[0]["A"].layers == (min(n, 6),)


def test_what_is_kept_of_two_trunks():
    training, _ = chosen(["A2B", "A7B", "B7B", "B3B+", "baseB"], mode="on")
    assert {source: kept.layers for source, kept in training.items()} == {
        "A": (2, 6),
        "B": (6,),
    }
    assert layers_kept(training, MINI) == {"A": ["conv2", "fc6"], "B": ["fc6"]}
    assert explain(training, MINI) == (
        "frozen layers computed once: conv2, fc6 of A (saves 97% of their work for"
        " 13.8 MB); fc6 of B (saves 97% of their work for 4.6 MB)"
    )


def test_without_frozen_layers_nothing_is_kept():
    assert chosen(["baseB", "A3B+"]) == ({}, {})
    assert explain({}, MINI) == ""


def test_crops_of_the_released_recipe_have_too_many_views():
    recipe = Recipe(
        steps=450_000,
        batch_size=256,
        rate_drops=(),
        image_size=256,
        crop_size=227,
        mirror=True,
        validate_every=1000,
    )
    views = 640_000 * 30 * 30 * 2
    training, validation = chosen(
        ["A5B"],
        recipe,
        get_network("caffenet"),
        views,
        num_validation=25_000,
        available_bytes=10**11,
    )
    assert training["A"].layers == ()
    assert "views" in training["A"].reason
    # The 25,000 central crops are validated 450 times.
    assert validation["A"].layers == (5,)


def test_unknown_memory_keeps_nothing():
    training, validation = chosen(["A3B"], available_bytes=None)
    assert training["A"].layers == validation["A"].layers == ()


def test_memory_is_shared_by_trunks():
    # 5% of 300 MB for two trunks, in training and in validation: 3.75 MB each.
    training, _ = chosen(["A5B", "B6B"], available_bytes=3 * 10**8)
    assert training["A"].layers == (5,)
    assert training["B"] == KeptFeatures((5,), training["B"].reason)
    assert chosen(["B6B"], available_bytes=3 * 10**8)[0]["B"].layers == (6,)
