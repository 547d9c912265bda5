"""The benchmark of a target half: what is trained, and what is made of the times."""

import itertools
from unittest import mock

import pytest

from yosinski_tf.benchmarks import target_half
from yosinski_tf.system.errors import UserError


def make_request(folder, rounds=2):
    names = target_half.networks_of_half()
    return target_half.Request(work=folder, rounds=rounds, steps=10, treatments=names)


def test_a_half_has_36_networks():
    names = target_half.networks_of_half()
    assert len(set(names)) == len(names) == 36
    assert names[0] == "baseB" and {"R7B", "A1B", "A3B+", "B5B", "B7B+"} <= set(names)


def test_variants_take_turns_in_fresh_folders(tmp_path, monkeypatch):
    calls = []
    # The clock in minutes, before and after each variant: plain Keras takes ten. The
    # children's times rise by a second each.
    clock = itertools.accumulate(60 * minutes for minutes in [0, *[1, 0] * 5, 10])
    times = ((0, 0, count, count, now) for count, now in enumerate(clock))

    def train_study(request, folder, precision, treatments, more=()):
        if treatments == ["baseA"]:
            folder.mkdir()
            return []
        assert folder.is_dir() and not list(folder.iterdir())
        (folder / "something").write_text("")
        calls.append((precision, *more))
        return [1.0, 2.0]

    monkeypatch.setattr(target_half, "train_study", train_study)
    monkeypatch.setattr(target_half, "train_plainly", lambda request, folder: [3.0])
    monkeypatch.setattr(target_half.os, "times", times.__next__)
    half, ratios, each, (saved,) = target_half.run(make_request(tmp_path, 1)).values()
    assert calls == [
        ("float32", "--cohort_size=18", "--feature_cache=auto"),
        ("float32", "--cohort_size=1", "--feature_cache=auto"),
        ("bfloat16", "--cohort_size=18", "--feature_cache=auto"),
        ("bfloat16", "--cohort_size=1", "--feature_cache=auto"),
        ("float32", "--cohort_size=1", "--feature_cache=off"),
    ]
    assert [row["minutes"]["median"] for row in half] == [1, 1, 1, 1, 1, 10]
    assert half[0]["minutes of the cores"]["median"] == 2 / 60
    assert [row["images/s"]["median"] for row in ratios] == [1, 1, 1, 10, 10]
    assert [row["seconds"]["n"] for row in each] == [2, 2, 2, 2, 2, 1]
    assert saved["cohorts of"] == "8, 14, 14"
    assert saved["times fewer than alone"] == pytest.approx(1.16, abs=0.005)
    assert not list(tmp_path.glob("*/something"))


@pytest.mark.parametrize("code", [1, KeyboardInterrupt])
def test_a_half_is_asked_for_as_a_user_would(tmp_path, monkeypatch, code):
    process = mock.Mock()
    process.wait.side_effect = [code, 0]
    started = mock.Mock(return_value=process)
    monkeypatch.setattr(target_half.subprocess, "Popen", started)
    monkeypatch.setattr(target_half, "default_processes", lambda: 3)
    request, folder = make_request(tmp_path), tmp_path / "s"
    with pytest.raises((UserError, KeyboardInterrupt), match="code 1: see .*log|^$"):
        target_half.train_study(request, folder, "bfloat16", ["baseB", "A3B"], ["--x"])
    assert started.call_args[0][0][2:] == [
        *("yosinski_tf.binaries.study", f"--runs={folder}", "--split=random:0"),
        *("--treatments=baseB,A3B", "--steps=10", "--precision=bfloat16"),
        *("--processes=3", "--x"),
    ]
    assert process.terminate.called == (code != 1)
