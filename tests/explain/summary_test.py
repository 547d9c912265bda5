"""The measures in Markdown, and the tidy table."""

import dataclasses
import math

import pytest

from yosinski_tf.explain.rows import COLUMNS, Row, read_table, write_table
from yosinski_tf.explain.summary import probes_in_short, summary
from yosinski_tf.system.errors import UserError


def rows(measure, network, values, split="random:0", seed=0):
    return [
        Row(split, "AB", seed, n, f"layer{n}", network, measure, value)
        for n, value in enumerate(values, 1)
    ]


def test_a_table_has_a_row_for_each_value(tmp_path):
    made = rows("cka", "baseA baseB", [0.5, math.nan])
    write_table(tmp_path / "layers.csv", reversed(made))
    assert (tmp_path / "layers.csv").read_text().splitlines() == [
        "split,direction,seed,n,layer,network,measure,value",
        "random:0,AB,0,1,layer1,baseA baseB,cka,0.5",
        "random:0,AB,0,2,layer2,baseA baseB,cka,nan",
    ]
    assert COLUMNS[-1] == "value"
    assert str(read_table(tmp_path / "layers.csv")) == str(made)


@pytest.mark.parametrize("text", ["", "a,b\n", ",".join(COLUMNS) + "\nx,AB,0\n"])
def test_a_broken_table_is_one_sentence(tmp_path, text):
    path = tmp_path / "layers.csv"
    path.write_text(text)
    with pytest.raises(UserError, match="layers.csv, found that it cannot be read"):
        read_table(path)


def test_means_have_an_interval_from_three_pairs_on():
    two = [
        row for seed in range(2) for row in rows("knn_probe", "R", [seed], seed=seed)
    ]
    assert "| random values | 0.5 |" in summary(two)
    three = two + rows("knn_probe", "R", [2.0], seed=2)
    # 1 plus or minus 4.30265 / sqrt(3).
    assert "| random values | 1.0 (-1.5 to 3.5) |" in summary(three)


def test_first_layers_that_pairs_share_are_counted_once():
    made = []
    for seed in range(2):
        for network, value in (("R", float(seed)), ("P", 0.25), ("baseA", 0.5)):
            there = rows("gabor_share", network, [value], seed=seed)
            made += there + [dataclasses.replace(row, direction="BA") for row in there]
    text = summary(made)
    assert "| P | 0.25 |" in text and "| random values | 0.50 |" in text
    assert "| base A | 0.50 (0.50 to 0.50) |" in text


def test_splits_of_different_kinds_are_not_mixed():
    text = summary(
        rows("knn_probe", "R", [10.0])
        + rows("knn_probe", "R", [30.0], "manmade_natural")
    )
    assert "## Random splits, 1 pair" in text
    assert "## Natural and man-made split, 1 pair" in text
    assert "| random values | 10.0 |" in text and "| random values | 30.0 |" in text


def test_a_score_that_ranks_layers_the_other_way_is_said_to_disagree():
    made = []
    for seed in range(3):
        made += rows("top1", "AnB", [50.0, 40.0, 30.0], seed=seed)
        made += rows("logme", "baseA", [0.1, 0.2, 0.3], seed=seed)
        made += rows("knn_probe", "baseA", [20.0, 15.0, 12.0], seed=seed)
        made += rows("cka", "baseA baseB", [0.5, 0.1, 0.3 - 0.3 * seed], seed=seed)
    text = summary(made)
    assert "LogME of base A | -1.00 (-1.00 to -1.00), disagrees with the curve" in text
    assert "the k-NN probe of base A | 1.00 (1.00 to 1.00), ranks as the curve" in text
    # What disagrees is said first.
    told = text.split("as the curves do:\n\n")[1]
    assert told.startswith("- LogME of base A ranks the layers the other way")
    assert "depth alone (-n) | 1.00 (1.00 to 1.00), ranks as the curve" in text
    assert "CKA of base A and base B | 0.78 (-0.18 to 1.00), cannot be told" in text


def test_values_of_fewer_pairs_than_there_are_say_so():
    made = rows("knn_probe", "baseA", [20.0, 15.0]) + rows(
        "knn_probe", "baseA", [22.0, 17.0, 9.0], seed=1
    )
    made += rows("knn_probe", "baseB", [30.0, 31.0, 32.0], seed=1)
    text = summary(made)
    assert "| base A | 21.0 | 16.0 | 9.0, 1 pair |" in text
    assert "| base B (1 pair) | 30.0 | 31.0 | 32.0 |" in text


def test_layers_that_gave_no_number_are_empty():
    text = summary(rows("cka", "baseA baseB", [0.5, math.nan]))
    assert "| base A with base B | 0.50 |  |" in text


def test_where_no_filter_is_a_gabor_function_it_is_said():
    told = "No filter of a trained first layer is called a Gabor function"
    none = rows("gabor_share", "baseA", [0.0]) + rows("gabor_share", "R", [0.25])
    assert told in summary(none)
    assert told not in summary(none + rows("gabor_share", "baseB", [0.25]))


def test_probes_are_told_in_short_as_means():
    made = rows("linear_probe", "baseA", [20.0, 15.0], seed=0)
    made += rows("linear_probe", "baseA", [21.0, 15.0], seed=1)
    made += rows("knn_probe", "R", [9.0, math.nan])
    assert probes_in_short(made) == [
        "                                         layer1  layer2",
        "linear probe of base A, %                  20.5    15.0",
        "k-NN probe of random values (1 pair), %     9.0",
    ]
    assert probes_in_short(rows("logme", "baseA", [1.0])) == []
