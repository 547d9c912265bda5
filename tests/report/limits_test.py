"""What stands beside a recommendation: images, choice and training."""

import dataclasses

import pytest
from fabricate import record

from yosinski_tf.report.limits import limits, validation
from yosinski_tf.results.analysis import Estimate
from yosinski_tf.results.recommendation import Choice, Recommendation

FOUND = Recommendation(
    best=Choice("PnB+", 4),
    top1=0.6,
    gain=Estimate(mean=10.0, n=3, std=1.0, low=7.5, high=12.5, above=3),
    pairs=tuple(("whole", "W", seed) for seed in range(3)),
    compared=1,
)
TRAINED_OUT = [{"step": 50, "top1": 0.5}, {"step": 75, "top1": 0.505}]


def bases(images=100, history=TRAINED_OUT):
    return [
        record(
            "baseW", 0.5, "whole", seed, num_validation_images=images, history=history
        )
        for seed in range(3)
    ]


def told(found=FOUND, of=None, **options):
    return limits(found, of or bases(), **{"has_selffer": False} | options)


def test_it_says_what_an_image_is_worth_and_that_seeds_share_the_images():
    # 100 * sqrt((0.6 * 0.4 + 0.5 * 0.5) / 100) = 7.
    assert told() == [
        "Each network was validated on 100 images: one image is worth 1.0 points. All"
        " pairs share these images, so the interval is about seeds only. With other"
        " images of these classes the gain would have a standard error of up to 7.0"
        " points (binomial), so the images alone could make such a difference."
    ]
    (text,) = told(of=bases(images=10_000))
    assert text.startswith("Each network was validated on 10,000 images: one image is")
    assert "worth 0.01 points" in text and text.endswith("up to 0.7 points (binomial).")
    found = validation(FOUND, bases())
    assert (found.images, found.points_per_image) == ((100,), 1.0)
    assert found.standard_error == pytest.approx(7.0)


def test_without_an_interval_nothing_is_said_of_it():
    few = dataclasses.replace(FOUND, gain=Estimate(mean=0.0, n=2))
    (text,) = told(few)
    assert "interval" not in text and text.endswith("6.9 points (binomial).")


def test_halves_have_images_and_a_choice_of_their_own():
    pairs = (("random:0", "A", 0), ("random:0", "B", 0))
    found = dataclasses.replace(FOUND, pairs=pairs, compared=9)
    of = [
        record("baseA", 0.5, num_validation_images=1000),
        record("baseB", 0.5, num_validation_images=1200),
    ]
    assert told(found, of, has_selffer=True) == [
        "Each network was validated on 1,000 to 1,200 images: one image is worth 0.1"
        " points."
    ]


def test_a_best_that_is_chosen_and_judged_by_the_same_images_is_too_high():
    chosen = dataclasses.replace(FOUND, compared=9)
    (_, text) = told(chosen)
    assert text == (
        "The best of 9 treatments was chosen by the accuracies that are stated, since"
        " all pairs have the same classes: its gain is a little too high."
    )


@pytest.mark.parametrize(
    ("history", "words"),
    [
        (TRAINED_OUT, ""),
        ([(20, 0.3), (40, 0.5), (60, 0.62)], "rose by 12.0 points from step 40 to"),
        ([(20, 0.3), (60, 0.62)], "rose by 32.0 points from step 20 to step 60."),
        # The last validation comes soon after the one before it.
        ([(50, 0.3), (60, 0.5)], "rose by 20.0 points from step 50 to step 60."),
        ([(60, 0.62)], "was measured once."),
        ([(40, 0.7), (60, 0.6)], ""),
    ],
)
def test_bases_that_may_not_be_trained_out_are_told(history, words):
    if history is not TRAINED_OUT:
        history = [{"step": step, "top1": top1} for step, top1 in history]
    of = bases(history=history)
    found = told(of=of)[1:]
    assert len(found) == bool(words)
    if words:
        assert f"trained out is not known: their accuracy {words}" in found[0]
        assert found[0].endswith(
            "longer training (--steps) would leave less of the gain."
        )
    # BnB+ would tell it.
    assert len(told(of=of, has_selffer=True)) == 1


def test_records_that_tell_no_images_are_no_error():
    assert validation(FOUND, bases(images=0)) is None
    assert told(of=bases(images=0)) == []
    nothing = dataclasses.replace(FOUND, top1=0.0, gain=Estimate(mean=1e-13, n=1))
    assert validation(nothing, bases()).standard_error == pytest.approx(0, abs=1e-4)
