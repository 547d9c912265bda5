"""Sentences on why the curves look so, from rows made by hand."""

from yosinski_tf.explain.findings import findings
from yosinski_tf.explain.rows import Row


def rows(measure, network, *values, first=0):
    """A pair for each list of values, by n."""
    return [
        Row("random:0", "AB", seed, n, f"conv{n}", network, measure, value)
        for seed, each in enumerate(values, first)
        for n, value in enumerate(each, 1)
    ]


def test_the_probes_are_compared_with_specificity_in_the_same_pairs():
    made = rows("linear_probe", "baseA", [40.0, 30.0], [41.0, 29.0], [42.0, 28.0])
    made += rows("linear_probe", "baseB", [40.0, 40.0], [42.0, 40.0], [44.0, 40.0])
    only_probes = findings(made)
    assert only_probes == [
        # Differences 0, 1, 2 and 10, 11, 12: plus or minus 4.30265 / sqrt(3).
        "Accuracy of a linear classifier on layers of base B less that on layers of"
        " base A: 1.0 (-1.5 to 3.5) points at n = 1, 11.0 (8.5 to 13.5) at n = 2."
    ]
    made += rows("top1", "AnB", [50.0, 40.0], [50.0, 40.0])
    made += rows("top1", "BnB", [51.0, 49.0], [51.0, 51.0])
    assert findings(made) == [
        "Accuracy of a linear classifier on layers of base B less that on layers of"
        " base A: 0.5 points at n = 1, 10.5 at n = 2. Specificity, BnB - AnB: 1.0"
        " points at n = 1, 10.0 at n = 2."
    ]


def test_pairs_that_share_nothing_are_not_compared():
    made = rows("linear_probe", "baseA", [40.0]) + rows(
        "linear_probe", "baseB", [44.0], first=1
    )
    assert findings(made) == []


def test_random_values_that_do_as_well_are_said():
    made = rows("linear_probe", "R", [40.0, 20.0], [41.0, 21.0], [42.0, 22.0])
    made += rows("linear_probe", "baseB", [41.0, 30.0], [41.0, 31.0], [41.0, 32.0])
    made += rows("h_score", "baseA", *[[1.0, 3.0]] * 3)
    made += rows("h_score", "R", *[[2.0, 2.0]] * 3)
    assert findings(made) == [
        "A linear classifier is not seen to be better on base B's layers than on random"
        " values at n = 1.",
        "The H-score of base A is lower than that of random values at n = 1: it does"
        " not see what was learned there.",
    ]


def test_similarity_stands_beside_its_ceiling_and_random_values():
    # The last pair has no ceiling, and no random values.
    made = rows("cka", "baseA baseB", *[[0.9, 0.5]] * 3, [0.1, 0.1])
    made += rows("cka", "baseB baseB'", *[[0.95, 0.7]] * 3)
    made += rows("cka", "R baseB", *[[0.2, 0.5]] * 3)
    assert findings(made) == [
        "CKA of base A and base B: 0.90 (0.90 to 0.90) at n = 1, 0.50 (0.50 to 0.50) at"
        " n = 2. Its ceiling, two bases B: 0.95 (0.95 to 0.95) at n = 1, 0.70 (0.70 to"
        " 0.70) at n = 2. At n = 2 random values are not seen to be less like base B,"
        " so it tells nothing there."
    ]


def test_travel_is_that_of_the_longest_copies_and_of_pairs_that_have_both():
    made = rows("travel", "AnB+ n=1", [9.0])
    made += rows("travel", "AnB+ n=2", [0.2, 0.4], [0.3, 0.5], [9.0, 9.0])
    made += rows("travel", "BnB+ n=2", [0.1, 0.1], [0.2, 0.2])
    assert findings(made) == [
        "Fine-tuning moved the layers of base A by 0.35 of their length, own ones by"
        " 0.15: the difference of AnB+ n=2 and BnB+ n=2 is 0.20."
    ]


def test_criticality_and_filters():
    made = rows("loss_put_back", "baseB", [20.0, 30.0, 1.0], [22.0, 34.0, 1.0])
    made += rows("gabor_share", "baseB", [0.25]) + rows("blob_share", "baseB", [0.5])
    made += rows("gabor_share", "R", [0.0]) + rows("blob_share", "R", [0.0])
    assert findings(made) == [
        "Put back to its initial values, conv2 costs base B most, 32.0 points, and"
        " conv3 least, 1.0.",
        "First filters called Gabor functions and colour blobs: of bases 25% and 50%,"
        " of random values 0% and 0%.",
    ]
    none = [row for row in made if row.network == "R"]
    none += rows("gabor_share", "baseB", [0.0]) + rows("blob_share", "baseB", [0.0])
    assert findings(none) == [
        "No first filter of bases or of random values is called a Gabor function or a"
        " colour blob."
    ]
