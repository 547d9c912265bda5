"""How many layers to keep: chosen by some pairs, stated by others."""

import dataclasses

import numpy as np
import pytest
from fabricate import result

from yosinski_tf.results.analysis import Estimate
from yosinski_tf.results.recommendation import (
    NOTHING,
    Choice,
    pairs_needed,
    recommend,
    recommended_network,
    sentence,
    study_recommendation,
)

BOTH = ("AnB", "AnB+")


def study(table, splits):
    """Networks by treatment, with an accuracy for each split."""
    return [
        result(treatment, values[split], f"random:{split}")
        for treatment, values in table.items()
        for split in range(splits)
    ]


def test_each_pair_is_stated_by_the_choice_of_the_others():
    table = {
        "baseB": (0.50, 0.50, 0.50),
        # The best one on average, but not without its lucky third pair.
        "A3B+": (0.51, 0.51, 0.60),
        "A5B+": (0.53, 0.53, 0.53),
    }
    found = recommend(study(table, 3), BOTH)
    assert found.best == Choice("AnB+", 3)
    # The first two choose by the third: +1, +1; the third by the first two: +3.
    assert found.gain.mean == pytest.approx(5 / 3)
    assert found.top1 == pytest.approx(0.5 + 0.05 / 3)
    assert found.gain.n == 3


def test_choosing_among_equals_gains_nothing():
    """The highest of eight noisy means is 1.2 points up; what is stated is not."""
    random = np.random.default_rng(0)
    copies = [f"A{n}B{plus}" for n in (1, 3, 5, 7) for plus in ("", "+")]
    gains = []
    for _ in range(200):
        table = {name: random.normal(0.5, 0.02, 6) for name in ("baseB", *copies)}
        gains.append(recommend(study(table, 6), BOTH).gain.mean)
    assert abs(np.mean(gains)) < 0.3


def test_other_seeds_of_a_half_do_not_choose_for_it():
    """They share its validation images, and so the luck of a treatment there."""
    lucky = {0: "A3B+", 1: "A5B+"}
    networks = []
    for split, best in lucky.items():
        for seed in (0, 1):
            for treatment in ("baseB", "A3B+", "A5B+"):
                top1 = 0.6 if treatment == best else 0.5
                networks.append(result(treatment, top1, f"random:{split}", seed))
    found = recommend(networks, BOTH)
    assert (found.gain.mean, found.gain.n, found.pairs_per_seed) == (0, 4, 2)


def test_a_treatment_that_few_pairs_have_takes_none_of_them_away():
    networks = study({"baseB": (0.5,) * 4, "A3B+": (0.52,) * 4, "A5B": (0.5,) * 4}, 4)
    networks.append(result("A7B+", 0.9, "random:2"))
    found = recommend(networks, BOTH)
    assert (found.best, found.gain.n) == (Choice("AnB+", 3), 4)
    # Copies of different halves have no pair in common.
    apart = [result(each, 0.5) for each in ("baseA", "baseB", "A3B", "B5A")]
    assert recommend(apart, BOTH).gain.n == 1


def test_freezing_is_compared_with_the_best():
    table = {
        "baseB": (0.50, 0.51, 0.49),
        "A3B": (0.51, 0.53, 0.50),
        "A3B+": (0.55, 0.56, 0.54),
    }
    work = {Choice("AnB", 3): 2.0, Choice("AnB+", 3): 5.0}
    found = recommend(study(table, 3), BOTH, work=work)
    assert found.frozen == Choice("AnB", 3)
    assert found.cost.mean == pytest.approx(11 / 3)
    assert found.speedup == 2.5
    text = sentence(found)
    assert text.startswith(
        "Keep the first 3 layers, fine-tuned: 55.0%, 5.0 points (95% "
    )
    assert text.endswith("training then takes 2.5 times less arithmetic.")


@pytest.mark.parametrize("treatments", [("baseB",), ("A3B+",), ("baseB", "B3B+")])
def test_without_a_copy_and_its_base_there_is_nothing_to_recommend(treatments):
    networks = [result(each, 0.5) for each in treatments]
    assert study_recommendation(networks) == NOTHING
    assert "No recommendation yet" in sentence(NOTHING)


def test_pairs_needed():
    # t(5) / sqrt(6) = 1.05 and t(6) / sqrt(7) = 0.92.
    wide = Estimate(mean=1.0, n=3, std=1.0, low=-1.5, high=3.5)
    assert pairs_needed(wide) == 7
    assert pairs_needed(dataclasses.replace(wide, low=0.5)) is None
    assert pairs_needed(Estimate(mean=1.0, n=2, std=1.0)) is None
    assert pairs_needed(dataclasses.replace(wide, mean=0.01)) is None


@pytest.mark.parametrize(
    "gain, words",
    [
        (Estimate(mean=2.0, n=1), "in 1 pair. That is too few"),
        (
            Estimate(mean=2.0, n=6, std=1.0, low=0.9, high=3.1),
            "2.0 points (95% +0.9 to",
        ),
        (Estimate(mean=-2.0, n=6, std=1.0, low=-3.1, high=-0.9), "Train from scratch"),
        (Estimate(mean=0.4, n=6, std=1.0, low=-1.0, high=1.8), "No difference"),
    ],
)
def test_the_sentence_says_how_sure_it_is(gain, words):
    found = dataclasses.replace(NOTHING, best=Choice("AnB+", 1), top1=0.5, gain=gain)
    text = sentence(found)
    assert words in text and "the first layer, fine-tuned" in text


def test_it_says_how_many_seeds_are_missing():
    gain = Estimate(mean=0.4, n=6, std=1.0, low=-1.0, high=1.8)
    found = dataclasses.replace(
        NOTHING, best=Choice("AnB+", 1), top1=0.5, gain=gain, pairs_needed=27
    )
    told = sentence(dataclasses.replace(found, pairs_per_seed=6))
    assert told.endswith("would show in about 27 pairs: train 4 seeds more.")
    few = dataclasses.replace(found, gain=Estimate(mean=2.0, n=2), pairs_per_seed=2)
    assert sentence(few).endswith("to say how sure it is: train 1 seed more.")


def test_pairs_of_distant_halves_add_none_to_random_ones():
    networks = study({"baseB": (0.5,), "A3B+": (0.6,)}, 1)
    networks += [result(each, 0.4, "natural_manmade") for each in ("baseB", "A3B+")]
    assert study_recommendation(networks).pairs_per_seed == 1


@pytest.mark.parametrize(
    ("gains", "half", "run_id"),
    [
        # The most accurate of the recommended ones, on the first split.
        ((0.06, 0.07, 0.05, 0.06), "B", "random:0-A3B+-s1"),
        ((0.06, 0.07, 0.05, 0.06), "A", "random:0-baseA-s0"),
        ((0.06, 0.07, 0.05, 0.06), "W", None),
        # Training from scratch is better.
        ((-0.06, -0.07, -0.05, -0.06), "B", "random:0-baseB-s1"),
    ],
)
def test_the_network_to_use_is_the_recommended_one(gains, half, run_id):
    networks = [result("baseA", 0.9), result("A7B", 0.1, "natural_manmade")]
    pairs = [(split, seed) for split in ("random:1", "random:0") for seed in (0, 1)]
    for (split, seed), gain in zip(pairs, gains, strict=True):
        networks.append(result("baseB", 0.5 + 0.01 * seed, split, seed))
        networks.append(result("A3B+", 0.5 + 0.01 * seed + gain, split, seed))
    found = recommended_network(networks, half)
    assert (found and found.run_id) == run_id
