"""Measuring: variants take turns; ratios are taken round by round."""

import itertools

import pytest

from yosinski_tf.benchmarks import measuring
from yosinski_tf.benchmarks.measuring import Sample


def test_variants_take_turns_and_the_first_round_does_not_count():
    started = []

    def variant(name):
        def start():
            started.append(name)
            return iter([5, 4, 3])

        return start

    samples = measuring.take_turns({n: variant(n) for n in "abc"}, rounds=3)
    assert "".join(started) == "cba" + "abc" + "cba" + "abc"
    # What comes first is only waited for.
    assert [s.images for s in samples["b"]] == [7, 7, 7]


def test_time_runs_from_the_first_delivery_to_the_end(monkeypatch):
    clock = itertools.count()
    monkeypatch.setattr(measuring.time, "perf_counter", lambda: next(clock))
    order = []

    def batches():
        order.append(("first", next(clock)))
        yield 8
        order.append(("second", next(clock)))
        yield 2

    sample = measuring.measure(batches())
    assert order == [("first", 0), ("second", 2)]
    assert (sample.images, sample.seconds) == (2, 3 - 1)


def test_rates_and_ratios():
    samples = {
        "ours": [Sample(100, 1.0, 2.0), Sample(100, 2.0, 2.0), Sample(100, 4.0, 5.0)],
        "other": [Sample(50, 1.0, 2.0), Sample(50, 1.0, 1.0), Sample(50, 1.0, 2.0)],
    }
    rates = measuring.rates(samples["ours"])
    assert rates["images_per_second"] == {"median": 50, "min": 25, "max": 100, "n": 3}
    assert rates["images_per_core_second"]["median"] == 50
    ratio = measuring.ratios(samples, "ours", "other")
    # 100/50, 50/50, 25/50 by the clock; 50/25, 50/50, 20/25 by the cores.
    assert ratio["wall"] == {"median": 1.0, "min": 0.5, "max": 2.0, "n": 3}
    assert ratio["core"] == pytest.approx({"median": 1.0, "min": 0.8, "max": 2, "n": 3})
