"""Differences, decomposition, Table 1 and the choice of networks by hand."""

import dataclasses
import math

import pytest
from fabricate import RESNET_MINI, TEN_STAGES, record, result, results

from yosinski_tf.results import analysis, network_result
from yosinski_tf.system.errors import UserError

TEN, LAST = "top1_mean_of_10_best", "top1"
FAR = "natural_manmade"
# Halves A and B of one split, B easier by 10 points than A.
TWO_HALVES = [
    *results({"baseA": 0.50, "A3A": 0.48, "B3A": 0.45, "A3A+": 0.51, "B3A+": 0.54}),
    *results({"baseB": 0.60, "B3B": 0.58, "A3B": 0.55, "B3B+": 0.61, "A3B+": 0.64}),
]


def _boost(networks, *cell):
    return analysis.boost_table(networks, LAST)[cell]


def test_relative_to_base_takes_the_base_of_the_own_half_and_seed():
    made = [
        *results({"baseA": 0.5, "baseB": 0.6, "A3B": 0.55, "B3A": 0.52}),
        *results({"baseB": 0.7, "A3B": 0.69}, seed=1),
    ]
    differences = analysis.relative_to_base(made, LAST)
    assert {d.network.run_id: round(d.value, 6) for d in differences} == {
        "random:0-A3B-s0": -5.0,
        "random:0-A3B-s1": -1.0,
        "random:0-B3A-s0": 2.0,
    }


def test_random_layers_on_all_classes_use_the_base_on_all_classes():
    made = [result("baseB", 0.9), *results({"baseW": 0.5, "R2W": 0.2}, "whole")]
    (difference,) = analysis.relative_to_base(made, LAST)
    assert difference.value == pytest.approx(-30)


def test_a_network_without_its_base_is_left_out():
    made = results({"baseA": 0.5, "A3B": 0.4})
    assert analysis.relative_to_base(made, LAST) == []


def test_measure_is_a_choice_of_two():
    base, copy = result("baseB", 0.5), result("A3B", 0.4)
    made = [base, dataclasses.replace(copy, top1_mean_of_10_best=0.46)]
    (last,) = analysis.relative_to_base(made, LAST)
    (best,) = analysis.relative_to_base(made, TEN)
    assert (last.value, best.value) == (pytest.approx(-10), pytest.approx(-5))
    with pytest.raises(UserError, match="top1_mean_of_10_best, top1"):
        analysis.relative_to_base(made, "top5")


def test_decomposition_by_hand():
    found = analysis.decomposition(TWO_HALVES, LAST)
    for name, mean in (("co-adaptation", 2), ("specificity", 3), ("gain", 3)):
        cell = found[3, name]
        assert cell.mean == pytest.approx(mean)
        assert cell.n == 2
        assert cell.low is None and cell.high is None
        assert found[4, name].mean is None


def test_decomposition_pairs_within_the_half():
    # BnB only for the easy half B, AnB only for the hard half A: no pair.
    left_out = (("BnB", "A"), ("AnB", "B"))
    made = [n for n in TWO_HALVES if (n.family, n.target_half) not in left_out]
    found = analysis.decomposition(made, LAST)
    assert found[3, "specificity"].n == 0
    assert found[3, "co-adaptation"].n == 1


def test_decomposition_looks_at_one_kind_of_split():
    made = [*TWO_HALVES, *results({"baseB": 0.5, "B3B": 0.4}, FAR)]
    near = analysis.decomposition(made, LAST)
    far = analysis.decomposition(made, LAST, splits=FAR)
    assert near[3, "co-adaptation"].mean == pytest.approx(2)
    assert far[3, "co-adaptation"].mean == pytest.approx(10)


def test_what_can_be_told_of_a_given_network():
    made = []
    for seed, loss in enumerate((0.01, 0.02, 0.03)):
        top1 = {"baseW": 0.5, "P9W": 0.5 - loss, "P9W+": 0.54, "R9W": 0.3}
        made += results(top1, "whole", seed, TEN_STAGES)
    parts = analysis.GIVEN_COMPONENTS
    found = analysis.decomposition(made, LAST, "whole", parts)
    assert {n for n, _ in found} == set(range(1, 10))
    loss = found[9, "loss of P"]
    assert (loss.mean, loss.n) == (pytest.approx(2), 3)
    assert loss.low == pytest.approx(2 - 4.30265273 / math.sqrt(3))
    assert found[9, "gain of P"].mean == pytest.approx(4)
    assert found[9, "P over random"].mean == pytest.approx(18)
    assert found[8, "loss of P"].n == 0
    # No base network has P's classes, so the paper's components have no pair.
    assert not any(p.n for p in analysis.decomposition(made, LAST, "whole").values())


def test_interval_of_three_values_and_none_of_two():
    three = analysis.estimate([1.0, 2.0, 3.0])
    half = 4.30265273 / math.sqrt(3)  # t quantile of 0.975, 2 degrees of freedom
    assert (three.mean, three.n, three.std) == (2.0, 3, 1.0)
    assert three.low == pytest.approx(2 - half)
    assert three.high == pytest.approx(2 + half)
    two = analysis.estimate([1.0, 3.0])
    assert (two.mean, two.n, two.low, two.high) == (2.0, 2, None, None)
    assert analysis.estimate([]) == analysis.Estimate(None, 0)


def test_boost_averages_in_three_ways():
    made = results({"baseB": 0.50, "A5B+": 0.52, "A6B+": 0.56})
    made += results({"baseB": 0.60, "A5B+": 0.66}, "random:1")
    # n = 5: 59, n = 6: 56; bases 55.
    layers = _boost(made, (5, 7), "AnB+ over base", "layers")
    assert layers.mean == pytest.approx(2.5)
    # (52 + 66 + 56) / 3 - 55
    networks = _boost(made, (5, 7), "AnB+ over base", "networks")
    assert (networks.mean, networks.n) == (pytest.approx(3), 3)
    # split 0: (2 + 6) / 2, split 1: 6
    own = _boost(made, (5, 7), "AnB+ over base", "own base")
    assert (own.mean, own.n, own.low) == (pytest.approx(5), 2, None)
    missing = _boost(made, (5, 7), "AnB+ over BnB+", "layers")
    assert (missing.mean, missing.n) == (None, 0)


def test_boost_over_own_has_an_interval_from_three_units():
    made = []
    for seed, gain in enumerate((0.01, 0.02, 0.03)):
        made += results({"baseB": 0.5, "A7B+": 0.5 + gain}, seed=seed)
    own = _boost(made, (1, 7), "AnB+ over base", "own base")
    assert own.mean == pytest.approx(2)
    assert own.low == pytest.approx(2 - 4.30265273 / math.sqrt(3))


def test_boost_ignores_the_distant_split():
    made = [*TWO_HALVES, *results({"baseB": 0.1, "A3B+": 0.9}, FAR)]
    for method in analysis.METHODS:
        cell = _boost(made, (1, 7), "AnB+ over base", method)
        assert cell.mean == pytest.approx(4)


def test_only_networks_of_finished_runs_are_selected():
    made = [record("A3B+", 0.5), record("A4B", 0.3, status="diverged")]
    selection = network_result.finished_networks(made)
    (only,) = selection.networks
    assert (only.family, only.n, only.source_half) == ("AnB+", 3, "A")
    assert (only.top1, only.top1_mean_of_10_best) == (0.5, 0.51)
    assert selection.left_out == ("random-0-A4B-s0",)


def test_results_know_the_stages_of_their_network():
    made = [record(each, 0.5, "whole", **RESNET_MINI) for each in ("P9W+", "baseW")]
    networks = network_result.finished_networks(made).networks
    assert network_result.stages_of(networks) == TEN_STAGES
    assert network_result.layers_of(networks) == range(1, 10)
    assert network_result.families_of(networks) == ["base", "PnB+"]
    (old,) = network_result.finished_networks(
        [record("A3B", 0.5, network_settings={})]
    ).networks
    assert network_result.layers_of([old]) == range(1, 8)
    assert network_result.layers_of([]) == range(1, 8)


def test_one_network_twice_is_refused():
    made = [record("A3B", 0.5), record("A3B", 0.6, run_id="other")]
    with pytest.raises(UserError, match="other are both A3B of split random:0"):
        network_result.finished_networks(made)


@pytest.mark.parametrize(
    ("splits", "kind"),
    [
        ("random:12", "random"),
        ("natural_manmade manmade_natural", "natural_manmade"),
        ("whole", "whole"),
        ("file:pets.txt", "file"),
    ],
)
def test_split_kinds(splits, kind):
    assert {result("A3B", 0.5, split).kind for split in splits.split()} == {kind}


def test_direction_depends_on_the_order_of_the_split():
    assert network_result.direction(result("A3B", 0.5, FAR)) == "man-made"
    assert network_result.direction(result("A3B", 0.5, "manmade_natural")) == "natural"
