"""Measuring and printing: turns, times, ratios within a round, tables."""

import itertools

import pytest

from yosinski_tf.benchmarks import measuring
from yosinski_tf.benchmarks.table import markdown


def test_every_other_round_is_reversed():
    order = []
    variants = {
        name: lambda name=name: order.append(name) or {"images/s": len(order)}
        for name in "abc"
    }
    found = measuring.rounds("test", 3, variants)
    assert "".join(order) == "abccbaabc"
    assert [sample["images/s"] for sample in found["b"]] == [2, 5, 8]


def test_time_runs_from_the_first_batch_to_the_end(monkeypatch):
    clock = itertools.count()
    monkeypatch.setattr(measuring.time, "perf_counter", lambda: next(clock))
    cores = itertools.count(step=4)
    monkeypatch.setattr(measuring.time, "process_time", lambda: next(cores))
    order = []

    def batches():
        order.append(next(clock))
        yield 8
        order.append(next(clock))
        yield 2

    # The first batch is only waited for; the clock shows 1 at the start and 3 at the
    # end, that of the cores 0 and 4.
    assert measuring.measure(batches()) == {"images/s": 1, "images/s of a core": 0.5}
    assert order == [0, 2]


def test_rows_and_ratios():
    samples = {
        "ours": [
            measuring.rates(100, seconds, cores)
            for seconds, cores in ((1, 2), (2, 2), (4, 5))
        ],
        "other": [measuring.rates(50, 1, cores) for cores in (2, 1, 2)],
    }
    ours, _ = measuring.rows(samples)
    assert ours["variant"] == "ours"
    assert ours["images/s"] == {"median": 50, "min": 25, "max": 100, "n": 3}
    assert ours["images/s of a core"]["median"] == 50
    (ratio,) = measuring.ratios(samples, [("ours", "other")])
    assert ratio["variant"] == "ours / other"
    # 100/50, 50/50, 25/50 by the clock; 50/25, 50/50, 20/25 by the cores.
    assert ratio["images/s"] == {"median": 1.0, "min": 0.5, "max": 2.0, "n": 3}
    expected = {"median": 1.0, "min": 0.8, "max": 2, "n": 3}
    assert ratio["images/s of a core"] == pytest.approx(expected)


def test_tables():
    samples = [{"images/s": 1200.4, "%": 14.04}, {"images/s": 900, "%": 9}]
    samples.append({"images/s": 2000, "%": 9.96})
    row = {"variant": "ours", **measuring.summaries(samples), "MB": 0.125, "n": 1000}
    assert markdown({"Steps": [row], "Again": [row]}).split("\n\n")[:2] == [
        "Steps",
        "| variant | images/s | % | MB | n |\n| --- | --- | --- | --- | --- |\n"
        "| ours | 1,200 (900 to 2,000) | 10.0 (9.0 to 14.0) | 0.12 | 1,000 |",
    ]
