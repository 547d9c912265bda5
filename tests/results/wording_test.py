"""A recommendation in words: certain, not certain yet, or no difference."""

import dataclasses

import pytest
from fabricate import TEN_STAGES, results

from yosinski_tf.results.analysis import Estimate
from yosinski_tf.results.recommendation import (
    NOTHING,
    Choice,
    Recommendation,
    study_recommendation,
)
from yosinski_tf.results.wording import Verdict, sentence, verdict

IMAGES = 72


def of_right_answers(counts):
    """What is said of networks on all classes, by right answers of 72, by seed."""
    made = []
    for seed in range(3):
        top1 = {name: values[seed] / IMAGES for name, values in counts.items()}
        made += results(top1, "whole", seed, TEN_STAGES)
    return sentence(study_recommendation(made), TEN_STAGES)


def test_a_large_gain_that_seeds_differ_on_is_not_certain_yet():
    assert of_right_answers({"baseW": (30, 25, 21), "P4W+": (41, 43, 48)}) == (
        "Not certain yet: the best copy, the first 4 stages of P (to block3),"
        " fine-tuned, reaches 61.1%, +25.9 points to training from scratch (95% -1.7 to"
        " +53.6, 3 pairs). It was above in all 3 pairs. A difference of this size would"
        " show in about 4 pairs: train 1 seed more."
    )


def test_to_freeze_is_no_advice_where_training_from_scratch_is_better():
    told = of_right_answers(
        {"baseW": (28, 31, 26), "P3W+": (31, 33, 29), "P1W": (25, 28, 27)}
    )
    assert told == (
        "Keep the first 3 stages of P (to block2), fine-tuned: 43.1%, 3.7 points (95%"
        " +1.7 to +5.7, 3 pairs) above training from scratch. Freezing the first stage"
        " of P (to stem) instead costs 6.0 points (95% -1.2 to +13.2, not certain yet);"
        " it ends at -2.3 points to training from scratch (95% -10.3 to +5.7, not"
        " certain yet). The fine-tuned copy was above in all 3 pairs. A difference of"
        " this size would show in about 4 pairs: train 1 seed more."
    )


def not_certain(gain):
    """A fine-tuned copy of 7 layers to which freezing the first one was preferable."""
    return Recommendation(
        best=Choice("AnB+", 7),
        top1=0.48,
        gain=gain,
        frozen=Choice("AnB", 1),
        cost=Estimate(-1.6, 3, 2.8, low=-8.5, high=5.3, above=1),
        frozen_gain=Estimate(-4.0, 3, 6.1, low=-19.2, high=11.2, above=1),
    )


def test_what_freezing_gains_lies_in_its_interval():
    told = sentence(not_certain(Estimate(0.4, 3, 7.7, low=-18.7, high=19.6, above=2)))
    assert told.endswith(
        " Freezing the first layer instead gains 1.6 points (95% -5.3 to +8.5, not"
        " certain yet); it ends at -4.0 points to training from scratch (95% -19.2 to"
        " +11.2, not certain yet). The fine-tuned copy was above in 1 of 3 pairs."
    )


def test_training_from_scratch_is_said_to_do_best_where_no_copy_is_above():
    found = not_certain(Estimate(-5.6, 3, 7.7, low=-24.7, high=13.6, above=1))
    assert sentence(found) == (
        "Not certain yet, but training from scratch did best: the best copy, the first"
        " 7 layers, fine-tuned, reaches 48.0%, -5.6 points to it (95% -24.7 to +13.6, 3"
        " pairs). It was above in 1 of 3 pairs. A difference of this size would show in"
        " about 10 pairs: train 7 seeds more. Against that copy, freezing the first"
        " layer gains 1.6 points (95% -5.3 to +8.5, not certain yet); it ends at -4.0"
        " points to training from scratch (95% -19.2 to +11.2, not certain yet). The"
        " fine-tuned copy was above in 1 of 3 pairs."
    )
    few = dataclasses.replace(NOTHING, best=Choice("AnB", 1), top1=0.5)
    few = dataclasses.replace(few, gain=Estimate(-3.0, 1, above=0))
    assert sentence(few) == (
        "Training from scratch did best so far: the best copy, the first layer, frozen,"
        " reaches 50.0%, -3.0 points to it, in 1 pair. That is too few to say how sure"
        " it is: train 2 seeds more."
    )


def test_frozen_layers_above_training_from_scratch_are_not_called_below_it():
    told = of_right_answers(
        {"baseW": (20, 21, 22), "P3W+": (40, 41, 42), "P1W": (39, 40, 41)}
    )
    assert told.endswith("instead costs 1.4 points (95% +1.4 to +1.4).")


def test_none_needs_a_narrow_interval():
    narrow = {"baseW": (0.5, 0.5, 0.5), "P2W+": (0.501, 0.503, 0.498)}
    made = []
    for seed in range(3):
        top1 = {name: values[seed] for name, values in narrow.items()}
        made += results(top1, "whole", seed, TEN_STAGES)
    assert sentence(study_recommendation(made), TEN_STAGES) == (
        "There is no difference to training from scratch of more than a point: the best"
        " copy, the first 2 stages of P (to block1), fine-tuned, reaches 50.1%, +0.1"
        " points to training from scratch (95% -0.6 to +0.7, 3 pairs)."
    )
    # As small, but the seeds differ: this tells nothing.
    told = of_right_answers({"baseW": (30, 40, 35), "P2W+": (40, 30, 35)})
    assert told.startswith("Not certain yet: the best copy")
    assert "+0.0 points" in told and "It was above in 1 of 3 pairs." in told
    assert told.endswith("Train more seeds for a narrower interval.")


@pytest.mark.parametrize(
    ("low", "high", "judged"),
    [
        (None, None, Verdict.TOO_FEW),
        (0.1, 9.0, Verdict.ABOVE),
        (-9.0, -0.1, Verdict.BELOW),
        (-1.0, 1.0, Verdict.NONE),
        (0.0, 0.0, Verdict.NONE),
        (-0.1, 1.1, Verdict.UNCERTAIN),
        (-1.1, 0.1, Verdict.UNCERTAIN),
        (0.0, 20.0, Verdict.UNCERTAIN),
    ],
)
def test_the_interval_decides(low, high, judged):
    assert verdict(Estimate(1.0, 3, 1.0, low, high)) is judged


@pytest.mark.parametrize(
    "gain, words",
    [
        (Estimate(mean=2.0, n=1), "in 1 pair. That is too few"),
        (Estimate(mean=-0.01, n=2), "+0.0 points to training"),
        (
            Estimate(mean=2.0, n=6, std=1.0, low=0.9, high=3.1),
            "2.0 points (95% +0.9 to",
        ),
        (Estimate(mean=-2.0, n=6, std=1.0, low=-3.1, high=-0.9), "Train from scratch"),
        (
            Estimate(mean=-0.4, n=6, std=1.0, low=-1.8, high=1.0, above=0),
            "It was above in none of 6 pairs.",
        ),
    ],
)
def test_the_sentence_says_how_sure_it_is(gain, words):
    found = dataclasses.replace(NOTHING, best=Choice("AnB+", 1), top1=0.5, gain=gain)
    text = sentence(found)
    assert words in text and "the first layer, fine-tuned" in text


def test_it_says_how_many_seeds_are_missing():
    # 2.57 / sqrt(6) = 1.05; at 27 pairs, 2.06 / sqrt(27) = 0.396.
    gain = Estimate(mean=0.4, n=6, std=1.0, low=-0.65, high=1.45, above=4)
    found = dataclasses.replace(NOTHING, best=Choice("AnB+", 1), top1=0.5, gain=gain)
    told = sentence(dataclasses.replace(found, pairs_per_seed=6))
    assert told.endswith(
        "It was above in 4 of 6 pairs. A difference of this size would show in about 27"
        " pairs: train 4 seeds more."
    )
    few = dataclasses.replace(found, gain=Estimate(mean=2.0, n=2), pairs_per_seed=2)
    assert sentence(few).endswith("to say how sure it is: train 1 seed more.")
