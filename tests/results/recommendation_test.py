"""How many layers to keep: chosen by some pairs, stated by others."""

import dataclasses

import numpy as np
import pytest
from fabricate import TEN_STAGES, result, results

from yosinski_tf.results.analysis import Estimate
from yosinski_tf.results.recommendation import (
    NOTHING,
    Choice,
    pairs_needed,
    recommend,
    recommended_network,
    reduced_recommendations,
    study_recommendation,
)
from yosinski_tf.results.wording import sentence

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


def given(gains, split="whole", target="W", **others):
    """A study of P with as many seeds as gains, all of P9 fine-tuned."""
    made = []
    for seed, gain in enumerate(gains):
        top1 = {
            f"base{target}": 0.5,
            f"P9{target}+": 0.5 + gain,
            f"P2{target}": 0.49,
            f"R1{target}": 0.45,
            **others,
        }
        made += results(top1, split, seed, TEN_STAGES)
    return made


def test_how_much_of_a_given_network_to_keep_for_all_classes():
    # On halves, which have other networks too, nothing is gained.
    halves = given((0.0, 0.0, 0.0), "random:0", "B", A1B=0.9)
    found = study_recommendation(given((0.05, 0.06, 0.07)) + halves)
    assert (found.best, found.frozen) == (Choice("PnB+", 9), Choice("PnB", 2))
    assert found.gain.mean == pytest.approx(6)
    assert sentence(found, TEN_STAGES) == (
        "Keep the first 9 stages of P (to block8), fine-tuned: 56.0%, 6.0 points"
        " (95% +3.5 to +8.5, 3 pairs) above training from scratch. Freezing the first"
        " 2 stages of P (to block1) instead costs 7.0 points (95% +4.5 to +9.5); it"
        " ends at -1.0 points to training from scratch (95% -1.0 to -1.0)."
    )


def test_halves_decide_of_a_given_network_where_they_alone_have_an_interval():
    halves = given((0.01, 0.01, 0.02), "random:0", "B")
    found = study_recommendation(given((0.05,)) + halves)
    assert (found.gain.n, found.gain.mean) == (3, pytest.approx(4 / 3))
    assert study_recommendation(given((0.05,))).gain.n == 1


def test_random_layers_can_beat_those_of_a_given_network():
    found = study_recommendation(given((-0.1, -0.1, -0.1), R1W=0.55))
    assert found.best == Choice("RnB", 1)
    text = sentence(found, TEN_STAGES)
    assert text.startswith("Keep the first stage (to stem), random and frozen: 55.0%")
    # Random layers of other splits recommend nothing.
    top1 = {"baseB": 0.5, "R1B": 0.9}
    alone = [each for seed in range(3) for each in results(top1, seed=seed)]
    assert study_recommendation(alone) == NOTHING
    assert study_recommendation(alone + given((0.05,))).best == Choice("PnB+", 9)


def test_to_freeze_is_to_freeze_layers_of_the_given_network():
    found = study_recommendation(given((0.05, 0.06, 0.07), R1W=0.53))
    assert (found.best, found.frozen) == (Choice("PnB+", 9), Choice("PnB", 2))


def test_random_layers_of_more_pairs_take_no_copy_away():
    networks = given((0.05,)) + results({"baseW": 0.5, "R1W": 0.4}, "whole", 1)
    assert study_recommendation(networks).best == Choice("PnB+", 9)


def test_training_from_scratch_can_beat_a_given_network():
    found = study_recommendation(given((-0.05, -0.06, -0.07), R1W=0.3, P2W=0.3))
    assert sentence(found, TEN_STAGES).startswith(
        "Train from scratch: the best copy, the first 9 stages of P (to block8),"
        " fine-tuned, reaches 44.0%, -6.0 points to it (95% -8.5 to -3.5, 3 pairs)."
    )


def test_the_network_to_use_is_a_copy_of_the_given_one():
    networks = given((0.05, 0.07, 0.06))
    assert recommended_network(networks, "W").run_id == "whole-P9W+-s1"
    assert recommended_network(networks, "B") is None


def test_reduced_data_has_a_recommendation_for_each_number_of_images():
    networks = given((0.01,) * 3, "first:20") + given((0.05,) * 3, "first:10", P2W=0.7)
    # Without its base nothing can be said of a copy.
    networks += [result("P1W", 0.9, "first:30", stages=TEN_STAGES)]
    found = reduced_recommendations(networks)
    assert {count: each.best for count, each in found.items()} == {
        10: Choice("PnB", 2),
        20: Choice("PnB+", 9),
    }
    assert found[20].gain.mean == pytest.approx(1)
    assert study_recommendation(networks) == NOTHING
    assert recommended_network(networks, "W").run_id == "first:20-P9W+-s0"
    # Random layers alone are no copies.
    assert not reduced_recommendations(results({"baseW": 0.5, "R1W": 0.6}, "first:2"))


def test_pairs_needed():
    # t(5) / sqrt(6) = 1.05 and t(6) / sqrt(7) = 0.92.
    wide = Estimate(mean=1.0, n=3, std=1.0, low=-1.5, high=3.5)
    assert pairs_needed(wide) == 7
    assert pairs_needed(dataclasses.replace(wide, low=0.5)) is None
    assert pairs_needed(Estimate(mean=1.0, n=2, std=1.0)) is None
    assert pairs_needed(dataclasses.replace(wide, mean=0.01)) is None


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
        # Training from scratch is better, and was better so far.
        ((-0.06, -0.07, -0.05, -0.06), "B", "random:0-baseB-s1"),
        ((-0.06, -0.07, 0.05, 0.06), "B", "random:0-baseB-s1"),
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
