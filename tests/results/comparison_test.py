"""A study compared with the paper's networks."""

from fabricate import results

from yosinski_tf.results import comparison, published

TEN, LAST = "top1_mean_of_10_best", "top1"
FAR = "natural_manmade"


def test_comparison_with_itself_has_no_difference():
    theirs = published.networks()
    rows = comparison.compare(theirs, theirs, LAST)
    assert len(rows) == 1 + 28 + 2 * (1 + 7) + 1 + 7
    assert {row["difference"] for row in rows} == {0.0}


def _random_layers(made):
    rows = comparison.compare(made, published.networks(), LAST)
    return [
        (row["splits"], row["n"], row["ours"], row["theirs_networks"])
        for row in rows
        if row["family"] == "RnB" and row["ours"]
    ]


def test_random_layers_of_one_kind_of_split_are_compared():
    near = results({"baseB": 0.5, "R1B": 0.4})
    far = results({"baseB": 0.5, "R1B": 0.1}, FAR)
    whole = results({"baseW": 0.5, "R1W": 0.2}, "whole")
    assert _random_layers([*far, *near]) == [("random", 1, 40.0, 1)]
    assert _random_layers(far) == [(FAR, 1, 10.0, 1)]
    assert _random_layers([*near, *far, *whole]) == [("whole", 1, 20.0, 1)]
    assert _random_layers(results({"R1B": 0.4}, "file:x")) == [("file", 1, 40.0, 1)]


def test_natural_and_man_made_classes_are_compared_apart():
    theirs = published.networks()
    # One direction, but both bases: a study of A3B trains baseA too.
    far = [network for network in theirs if network.split == FAR]
    ours = [n for n in far if n.family == "base" or n.target_half == "B"]
    rows = comparison.compare(ours, theirs, TEN)
    far = [row for row in rows if row["splits"] == FAR]
    assert {row["difference"] for row in far if row["ours"]} == {0.0}
    assert {row["relative_difference"] for row in far if row["ours"] and row["n"]} == {
        0.0
    }
    bases = {
        row["target"]: round(row["theirs"], 1) for row in far if row["family"] == "base"
    }
    assert bases == {"natural": 65.3, "man-made": 53.7}
    assert [row["target"] for row in far if row["ours"] and row["n"]] == [
        "man-made"
    ] * 7
    text = comparison.comparison_markdown(rows)
    assert "| natural and man-made split, trained on natural | base |" in text
    assert "| random splits | base |" in text
