"""The released networks: counts, names, Table 1 and decomposition."""

import collections

import pytest

from yosinski_tf.results import analysis, published

TEN = "top1_mean_of_10_best"


def test_counts_of_the_released_networks():
    networks = published.networks()
    assert len(published.rows()) == 148
    assert len(networks) == 136
    assert collections.Counter((n.kind, n.family) for n in networks) == {
        ("random", "base"): 8,
        ("random", "BnB"): 28,
        ("random", "BnB+"): 10,
        ("random", "AnB"): 56,
        ("random", "AnB+"): 10,
        ("natural_manmade", "base"): 2,
        ("natural_manmade", "AnB"): 14,
        ("whole", "base"): 1,
        ("whole", "RnB"): 7,
    }
    assert len({network.run_id for network in networks}) == 136


def test_names_are_mapped():
    by_run = {network.run_id: network for network in published.networks()}
    plus = by_run["transfer-ft1A1B_1_4"]
    assert (plus.split, plus.family, plus.n) == ("random:1", "AnB+", 4)
    assert (plus.source_half, plus.target_half) == ("A", "B")
    assert (plus.top1, plus.top1_mean_of_10_best) == (0.634079, 0.634675)
    far = by_run["transfernatmanBA_1_7"]  # man-made to natural
    assert (far.split, far.source_half, far.target_half) == (
        "natural_manmade",
        "B",
        "A",
    )
    layers = by_run["nolearn_1_2"]
    assert (layers.split, layers.source_half, layers.target_half) == ("whole", "R", "W")


def test_every_network_has_its_base():
    differences = analysis.relative_to_base(published.networks(), TEN)
    assert len(differences) == 136 - 11
    by_run = {d.network.run_id: d.value for d in differences}
    assert by_run["transfer0B0A_1_7"] == pytest.approx(53.3012 - 61.51)
    assert by_run["nolearn_1_1"] == pytest.approx(49.1662 - 57.6305)


def test_reduced_data_is_a_list_of_its_own():
    runs = published.reduced_networks()
    assert {(run.kind, run.family, run.target_half) for run in runs} == {
        ("first", "base", "W")
    }
    assert [run.examples_per_class for run in runs] == [
        1, 2, 5, 10, 25, 50, 100, 250, 500, 750, 1000, 1300,
    ]  # fmt: skip
    assert (runs[7].top1, runs[7].top1_mean_of_10_best) == (0.38332, 0.384284)


def _table(method):
    return {
        (layers, comparison): boost.mean
        for (layers, comparison, way), boost in analysis.boost_table(
            published.networks(), TEN
        ).items()
        if way == method
    }


def test_table_1_by_layer_means_of_the_released_logs():
    found = _table("layers")
    expected = {
        ((1, 7), "AnB+ over base"): 1.67,
        ((3, 7), "AnB+ over base"): 1.88,
        ((5, 7), "AnB+ over base"): 2.06,
        ((1, 7), "AnB+ over BnB+"): 1.56,
        ((3, 7), "AnB+ over BnB+"): 1.50,
        ((5, 7), "AnB+ over BnB+"): 1.76,
    }
    assert {key: round(found[key], 2) for key in expected} == expected


def test_table_1_by_pooled_networks_is_what_the_paper_printed():
    found = _table("networks")
    printed = published.PRINTED_TABLE_1
    assert {key: round(found[key], 1) for key in printed} == printed
    assert list(printed.values()) == [1.6, 1.8, 2.1, 1.4, 1.4, 1.7]


def test_released_fine_tuned_networks_pair_with_bases_only():
    found = _table("own base")
    assert found[(1, 7), "AnB+ over BnB+"] is None
    assert round(found[(1, 7), "AnB+ over base"], 2) == 0.95
    assert round(found[(1, 7), "BnB+ over base"], 2) == 0.98


def test_decomposition_of_the_released_logs():
    found = analysis.decomposition(published.networks(), TEN)
    fragile = found[5, "co-adaptation"]
    assert fragile.n == 4
    assert round(fragile.mean, 2) == 2.97
    assert (round(fragile.low, 2), round(fragile.high, 2)) == (2.68, 3.27)
    assert round(found[7, "specificity"].mean, 2) == 8.24
