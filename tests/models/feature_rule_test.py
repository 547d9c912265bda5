"""Which outputs of frozen stages are kept, in cases with plain numbers."""

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
    make_trunk,
    segments,
    stages_kept,
)

MINI = get_network("mini")
# Each stage takes a million multiply-accumulates; the first has a large output.
PLAIN = Trunk((10**6,) * 4, (10**6, 1000, 1000, 1000), (1, 3), 3)
OFTEN = {"seen": 10**6, "computed": 1000}
ROOM = 1e12


def test_a_trunk_of_mini():
    trunk = make_trunk(MINI, 32, [7, 2, 2], 4)
    assert trunk.depths == (2, 7)
    assert trunk.work == (307200, 442368, 442368, 589824, 589824, 98304, 73728)
    assert trunk.sizes == (4096, 3072, 4096, 4096, 1024, 1536, 768)
    # The dropout of fc6 has another mask in every step.
    assert trunk.constant == 5
    assert make_trunk(get_network("mini", dropout=0.0), 32, [7], 4).constant == 7
    assert make_trunk(MINI, 32, [3], 4).constant == 3
    assert make_trunk(MINI, 32, [3], 2).sizes == (2048, 1536, 2048)


@pytest.mark.parametrize(
    ("kept", "found"),
    [
        ((), {0: [1, 3]}),
        ((1,), {1: [1, 3]}),
        ((3,), {0: [1], 3: [3]}),
        ((1, 3), {1: [1], 3: [3]}),
        ((2,), {0: [1], 2: [3]}),
    ],
)
def test_depths_are_computed_from_the_nearest_kept_stage(kept, found):
    assert segments((1, 3), kept) == found


def test_outputs_that_are_slower_to_read_than_to_compute_are_not_kept():
    # Stage 1 has a million bytes for a million multiply-accumulates.
    assert choose(PLAIN, ROOM, **OFTEN).stages == (3,)
    assert choose(PLAIN, ROOM, mode="on", **OFTEN).stages == (1, 3)
    assert choose(PLAIN, ROOM, mode="off", **OFTEN) == KeptFeatures((), "off")


def test_only_outputs_that_fit_into_memory_or_a_file_are_kept():
    assert choose(PLAIN, 1000 * 1000, mode="on", **OFTEN).stages == (3,)
    assert choose(PLAIN, 1000 * 1000 - 1, mode="on", **OFTEN) == KeptFeatures(
        (), "none fits into 1 MB"
    )
    # If not all fit, the deepest; what has no place in memory goes into a file.
    trunk = Trunk((10**6, 10**6, 10**6), (10, 10, 10), (1, 2, 3), 3)
    assert choose(trunk, 30 * 1000, **OFTEN).stages == (1, 2, 3)
    assert choose(trunk, 10 * 1000, **OFTEN).stages == (3,)
    in_both = choose(trunk, 10 * 1000, 10 * 1000, **OFTEN)
    assert (in_both.stages, in_both.on_disk) == ((2, 3), (2,))
    assert choose(dataclasses.replace(trunk, depths=(3,)), ROOM, **OFTEN).stages == (3,)


def test_outputs_of_stages_without_counted_work_can_be_kept():
    trunk = Trunk((0, 0), (1000, 1000), (1, 2), 2)
    kept = choose(trunk, ROOM, mode="on", **OFTEN)
    assert kept == KeptFeatures((1, 2), "saves 0% of their work for 2.0 MB")
    assert choose(trunk, ROOM, **OFTEN).stages == ()


def test_nothing_is_kept_if_images_are_used_once():
    views = {"seen": 1000, "computed": 1000}
    assert choose(PLAIN, ROOM, **views) == KeptFeatures(
        (), "1,000 views to compute, 1,000 are used"
    )
    assert choose(PLAIN, ROOM, mode="on", **views).stages == (1, 3)


def test_a_short_training_keeps_nothing():
    assert choose(PLAIN, ROOM, seen=100, computed=10) == KeptFeatures(
        (), "it costs more than it saves"
    )


def chosen(treatments, recipe=None, network=MINI, views=3000, **options):
    options = {"num_validation": 2000, "memory": 10**10, "disk": 0, **options}
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
        (ALL, "A", "5%"),
        ([*ALL, *(f"{name}+" for name in ALL)], "A", "2%"),
    ],
)
def test_nothing_is_kept_if_trained_layers_take_most_of_the_work(names, source, share):
    training, validation = chosen(names)
    assert training[source] == KeptFeatures((), f"it would save {share} of all work")
    assert chosen(names, mode="on")[0][source].stages == (1, 2, 3, 4, 5)
    assert validation.keys() == training.keys()


@pytest.mark.parametrize("n", [4, 5, 6, 7])
def test_a_deep_trunk_of_a_network_alone_is_kept(n):
    assert chosen([f"A{n}B"])[0]["A"].stages == (min(n, 5),)


def test_what_is_kept_of_two_trunks():
    training, _ = chosen(["A2B", "A7B", "B7B", "B3B+", "baseB"], mode="on")
    assert {source: kept.stages for source, kept in training.items()} == {
        "A": (2, 5),
        "B": (5,),
    }
    assert stages_kept(training, MINI) == {"A": ["conv2", "conv5"], "B": ["conv5"]}
    assert explain(training, MINI) == (
        "frozen stages computed once: conv2, conv5 of A (saves 93% of their work for"
        " 12.3 MB); conv5 of B (saves 93% of their work for 3.1 MB)"
    )


def test_without_frozen_stages_nothing_is_kept():
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
        memory=10**11,
    )
    assert training["A"].stages == ()
    assert "views" in training["A"].reason
    # The 25,000 central crops are validated 450 times.
    assert validation["A"].stages == (5,)


def test_unknown_memory_keeps_nothing():
    training, validation = chosen(["A3B"], memory=None)
    assert training["A"].stages == validation["A"].stages == ()


def test_memory_is_shared_by_trunks():
    # conv5 takes 3.07 MB. 5% of 240 MB for two trunks, in training and in validation:
    # 3 MB each.
    training, _ = chosen(["A5B", "B6B"], memory=24 * 10**7)
    assert training["A"].stages == training["B"].stages == ()
    assert chosen(["B6B"], memory=24 * 10**7)[0]["B"].stages == (5,)
    # 10% of 240 MB on the disk: 6 MB each.
    training, _ = chosen(["A5B", "B6B"], memory=24 * 10**7, disk=24 * 10**7)
    assert training["A"].stages == training["A"].on_disk == (5,)
