"""Sentences on where measures and curves agree or disagree."""

import pytest

from yosinski_tf.explain.agreement import DEPTH, agreements, sentences
from yosinski_tf.explain.rows import Row, counted_pairs

FALLING, RISING = [3.0, 2.0, 1.0], [1.0, 2.0, 3.0]


def rows(measure, network, *values):
    """A pair for each list of values, by n."""
    return [
        Row("random:0", "AB", seed, n, f"layer{n}", network, measure, value)
        for seed, each in enumerate(values)
        for n, value in enumerate(each, 1)
    ]


def test_disagreements_come_first_and_then_what_agrees_and_what_is_open():
    made = rows("top1", "AnB", FALLING, FALLING, FALLING)
    made += rows("knn_probe", "baseA", FALLING, FALLING, [3.0, 1.0, 0.5])
    made += rows("logme", "baseA", RISING, RISING, RISING)
    made += rows("h_score", "baseA", RISING, FALLING, [2.0, 3.0, 1.0])
    # Only the n of the curve count.
    made += [Row("random:0", "AB", 0, 4, "layer4", "baseA", "logme", 99.0)]
    assert sentences(made) == [
        "LogME of base A ranks the layers the other way than AnB: tau -1.00 (95% -1.00"
        " to -1.00), 3 pairs of 3 layers. It is highest at n = 3, AnB at n = 1.",
        "The k-NN probe of base A ranks the layers as AnB does: tau 1.00 (95% 1.00"
        " to 1.00), 3 pairs of 3 layers, no better than depth alone (tau less that of"
        " depth: 0.00 (0.00 to 0.00)).",
        "Whether these rank the layers as AnB does cannot be told, since each interval"
        " contains 0: the H-score of base A 0.11 (-1.00 to 1.00).",
    ]


def test_too_few_pairs_and_layers_are_said():
    made = rows("top1", "PnB", FALLING, FALLING) + rows("cka", "P baseB", FALLING)
    made += rows("top1", "PnB+", FALLING)
    assert sentences(made) == [
        "Whether a measure ranks the layers as PnB does takes 3 pairs with 3 layers"
        " each, found 1.",
        "Whether a measure ranks the layers as PnB+ does takes 3 pairs with 3 layers"
        " each, found 1.",
    ]
    two = rows("top1", "AnB", FALLING[:2]) + rows("cka", "baseA baseB", FALLING)
    assert sentences(two) == [
        "AnB was measured at fewer than 3 layers: too few to rank them."
    ]


def test_a_small_agreement_is_weak():
    made = rows("top1", "AnB", *[[4.0, 3.0, 2.0, 1.0]] * 3)
    made += rows("logme", "baseA", *[[4.0, 2.0, 1.0, 3.0]] * 3)
    weak = "LogME of base A ranks the layers weakly as AnB does: tau 0.33"
    assert any(each.startswith(weak) for each in sentences(made)), sentences(made)


def test_a_measure_is_set_beside_depth_at_the_same_layers():
    rising = [[1.0, 2.0, 3.0, 4.0]] * 3
    # Depth orders three of six pairs of layers the right way.
    made = rows("top1", "AnB", *[[3.0, 1.0, 2.0, 4.0]] * 3)
    made += rows("logme", "baseA", *[[3.0, 1.0, 2.0, 4.0]] * 3)
    made += rows("h_score", "baseA", *rising)
    better, worse = (each for each in agreements(made) if each.name != DEPTH)
    assert better.verdict == "ranks as the curve, better than depth alone"
    # Four of six pairs against two of six.
    assert better.beyond_depth.mean == pytest.approx(1 - (-1 / 3))
    assert worse.tau.mean == pytest.approx(1 / 3)
    falling = rows("top1", "AnB", *[[4.0, 3.0, 2.0, 1.0]] * 3)
    falling += rows("logme", "baseA", *[[4.0, 2.0, 1.0, 3.0]] * 3)
    (_, found) = agreements(falling)
    assert found.verdict == "ranks as the curve, worse than depth alone"
    assert found.beyond_depth.mean == pytest.approx(1 / 3 - 1)


def test_pairs_without_copies_are_counted_apart():
    made = rows("top1", "AnB", FALLING, FALLING)
    made += rows("logme", "baseA", RISING, RISING, RISING, RISING)
    assert counted_pairs(made) == "4 pairs, 2 of them with copies"
    assert counted_pairs(made[:6]) == "2 pairs"
    assert sentences(made) == [
        "Whether a measure ranks the layers as AnB does takes 3 pairs with 3 layers"
        " each, found 2."
    ]


def test_without_copies_there_is_nothing_to_agree_with():
    assert sentences(rows("logme", "baseA", RISING)) == [
        "No copies: there are no curves to compare with."
    ]
