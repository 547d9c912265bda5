"""Tables: the one for the terminal, signs, and Table 1."""

import dataclasses

import pytest
from fabricate import TEN_STAGES, result, results

from yosinski_tf.results import tables
from yosinski_tf.results.network_result import families_of, shown_name

LAST = "top1"


def test_table_for_the_terminal():
    made = [
        *results({"baseB": 0.6, "A2B": 0.55, "A7B+": 0.61}),
        *results({"baseB": 0.5, "A2B": 0.48}, "random:1"),
        *results({"baseB": 0.5}, "natural_manmade"),
    ]
    assert tables.results_table(made, LAST).splitlines() == [
        "random splits (2), last validation",
        "           base  n=1       n=2  n=3  n=4  n=5  n=6       n=7",
        "base  55.0% (2)",
        "AnB                .  -3.5 (2)    .    .    .    .         .",
        "AnB+               .         .    .    .    .    .  +1.0 (1)",
        "",
        "natural and man-made split (1), last validation",
        "           base  n=1  n=2  n=3  n=4  n=5  n=6  n=7",
        "base  50.0% (1)",
        "",
        "differences to the own base in percentage points (number of networks)",
    ]


def test_a_table_has_every_n_of_the_network():
    top1 = {"baseW": 0.5, "P1W": 0.54, "P9W": 0.45, "P9W+": 0.56, "R2W": 0.4}
    made = results(top1, "whole", stages=TEN_STAGES)
    lines = tables.results_table(made, LAST).splitlines()[:6]
    assert lines == [
        "all classes (1), last validation",
        "            base       n=1        n=2  n=3  n=4  n=5  n=6  n=7  n=8       n=9",
        "baseW  50.0% (1)",
        "PnW               +4.0 (1)          .    .    .    .    .    .    .  -5.0 (1)",
        "PnW+                     .          .    .    .    .    .    .    .  +6.0 (1)",
        "RnW                      .  -10.0 (1)    .    .    .    .    .    .         .",
    ]
    text = tables.family_markdown(made, LAST, relative=False)
    assert text.splitlines()[0].endswith("| n = 8 | n = 9 |")
    assert "| PnW+ |  |  |  |  |  |  |  |  |  | 56.00 (1) |" in text


@pytest.mark.parametrize(
    ("treatments", "names"),
    [
        ("baseW P3W P3W+ R3W P3W~2", "baseW PnW PnW~2 PnW+ RnW"),
        ("baseB A3B P3B+", "base AnB PnB+"),
        ("baseA P3A", "base PnB"),
        ("baseW R3W baseB", "base RnB"),
    ],
)
def test_families_have_the_names_that_a_user_types(treatments, names):
    made = [result(name, 0.5) for name in treatments.split()]
    shown = [shown_name(family, made) for family in families_of(made)]
    assert shown == names.split()


def test_the_parts_of_a_given_network_have_rows_in_the_csv():
    rows = tables.decomposition_rows(results({"baseB": 0.5, "P1B": 0.53, "P1B+": 0.6}))
    found = {
        (row["n"], row["component"]): round(row["mean_points"], 6)
        for row in rows
        if row["pairs"] and row["measure"] == LAST
    }
    assert found == {(1, "loss of P"): -3.0, (1, "gain of P"): 10.0}


def test_differences_that_round_to_zero_have_no_minus():
    assert tables.signed(-0.001) == "+0.00"
    assert tables.signed(-0.006) == "-0.01"


def test_table_1_has_no_two_ranges_of_the_same_layers():
    def ranges(made):
        rows = tables.table1_markdown(made, LAST).splitlines()[2:]
        return [row.split(" | ")[1] for row in rows if "AnB+ over base" in row]

    made = results({"baseB": 0.5, "A3B+": 0.52, "A7B+": 0.51})
    assert ranges(made) == ["3-7", "5-7"]
    assert ranges([*made, *results({"A1B+": 0.52})]) == ["1-7", "3-7", "5-7"]
    assert ranges(made[:1]) == ["1-7", "3-7", "5-7"]


def test_table_1_counts_halves():
    made = [
        *results({"baseA": 0.5, "baseB": 0.5, "A1B+": 0.52}),
        *results({"baseA": 0.5, "baseB": 0.5, "A1B+": 0.52}, seed=1),
    ]
    one = [network for network in made if network.seed == 0]
    many = [*made, *(dataclasses.replace(n, seed=n.seed + 2) for n in made)]
    for networks, cell in (
        (one, "+2.00, 1 half: too few for an interval"),
        (made, "+2.00, 2 halves and seeds: too few for an interval"),
        (many, "+2.00 [+2.00, +2.00], 4 halves and seeds"),
    ):
        assert f"| {cell} |" in tables.table1_markdown(networks, LAST)
