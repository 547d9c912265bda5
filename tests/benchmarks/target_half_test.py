"""The benchmark of a target half: what is measured, kept, and told."""

import itertools
from unittest import mock

import pytest

from yosinski_tf.benchmarks import measuring, target_half
from yosinski_tf.system.errors import UserError

OURS = ("cohorts, float32", "alone, float32", "alone, --feature_cache=off, float32")
PLAIN = "plain Keras, alone"


def test_a_half_has_36_networks():
    names = target_half.networks_of_half()
    assert len(set(names)) == len(names) == 36
    assert names[0] == "baseB" and {"R7B", "A1B", "A3B+", "B5B", "B7B+"} <= set(names)


def make_request(folder, **changes):
    values = {
        **{"work": folder, "rounds": 2, "steps": 10, "precisions": ("float32",)},
        **{"processes": 2, "threads": 1, "cohort_size": 12},
        "treatments": target_half.networks_of_half(),
    }
    return target_half.Request(**(values | changes))


@pytest.fixture
def trained(monkeypatch):
    """Training as a list of what was asked for; nothing is trained."""
    calls = []

    def train_study(request, folder, precision, treatments, more=()):
        if treatments == ["baseA"]:
            folder.mkdir(exist_ok=True)
            return []
        assert folder.is_dir() and not list(folder.iterdir())
        (folder / "something").write_text("")
        size, cache = (argument.rpartition("=")[2] for argument in more)
        calls.append(int(size) if cache == "auto" else -int(size))
        return [1.0, 2.0]

    def train_plainly(request, folder):
        assert folder.is_dir() and not list(folder.iterdir())
        calls.append("plain")
        return [3.0]

    for function in (train_study, train_plainly):
        monkeypatch.setattr(target_half, function.__name__, function)
    time = itertools.count().__next__
    monkeypatch.setattr(measuring, "processor_time", lambda who: time())
    return calls


def test_variants_take_turns_in_fresh_folders(tmp_path, trained, capsys):
    found = target_half.run(make_request(tmp_path))
    assert trained == [12, 1, -1, "plain", "plain", -1, 1, 12]
    rows = found["Each training, once its process runs"]
    assert [row["seconds"]["n"] for row in rows] == [4, 4, 4, 2]
    assert "measurements left: 4, time left: 0s" in capsys.readouterr().err
    assert not (tmp_path / "measured_study").exists()
    # Once more: everything is there.
    assert target_half.run(make_request(tmp_path)) == found
    assert len(trained) == 8
    # One round more, and only that is measured.
    target_half.run(make_request(tmp_path, rounds=3))
    assert trained[8:] == [12, 1, -1, "plain"]
    # Of fewer rounds, only these count; other settings are measured by themselves.
    assert target_half.run(make_request(tmp_path)) == found
    assert len(trained) == 12
    target_half.run(make_request(tmp_path, rounds=1, steps=11))
    assert len(trained) == 16


def test_what_was_measured_before_a_stop_is_kept(tmp_path, trained, monkeypatch):
    def stop(request, folder):
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr(target_half, "train_plainly", stop)
        with pytest.raises(KeyboardInterrupt):
            target_half.run(make_request(tmp_path, rounds=1))
    assert trained == [12, 1, -1]
    target_half.run(make_request(tmp_path, rounds=1))
    assert trained == [12, 1, -1, "plain"]


@pytest.mark.parametrize("code", [1, KeyboardInterrupt])
def test_a_half_is_asked_for_as_a_user_would(tmp_path, monkeypatch, code):
    process = mock.Mock()
    process.wait.side_effect = [code, 0]
    started = mock.Mock(return_value=process)
    monkeypatch.setattr(target_half.subprocess, "Popen", started)
    request = make_request(tmp_path, steps=20)
    with pytest.raises((UserError, KeyboardInterrupt), match="code 1: see .*log|^$"):
        target_half.train_study(
            request, tmp_path / "s", "bfloat16", ["baseB", "A3B"], ["--cohort_size=5"]
        )
    assert started.call_args[0][0][2:] == [
        *("yosinski_tf.binaries.study", f"--runs={tmp_path}/s", "--split=random:0"),
        *("--treatments=baseB,A3B", "--steps=20", "--validate_every=2"),
        *("--rate_drops=12,17", "--precision=bfloat16", "--processes=2"),
        *("--threads=1", "--cohort_size=5"),
    ]
    assert process.terminate.called == (code != 1)


def test_ratios_and_the_arithmetic_of_cohorts(tmp_path):
    def measurements(*times):
        return [
            {"seconds": wall, "processor_seconds": cores, "each_seconds": [1.0]}
            for wall, cores in times
        ]

    measured = {
        OURS[0]: measurements((60, 100), (50, 100)),
        OURS[1]: measurements((120, 200), (150, 100)),
        OURS[2]: measurements((90, 300), (150, 100)),
        PLAIN: measurements((180, 300), (300, 300)),
    }
    half, ratios, _, (saved,) = target_half.half_tables(
        make_request(tmp_path), measured
    ).values()
    assert half[0]["minutes"]["max"] == 1
    assert half[3]["minutes of the cores"]["min"] == 5
    alone, uncached, plain = ratios
    assert [row["variant"] for row in ratios] == [
        f"{OURS[0]} / {other}" for other in (*OURS[1:], PLAIN)
    ]
    expected = {"median": 2.5, "min": 2, "max": 3, "n": 2}
    assert alone["images/s"] == pytest.approx(expected)
    assert alone["images/s of a core"]["max"] == pytest.approx(2)
    assert uncached["images/s"]["min"] == pytest.approx(1.5)
    assert plain["images/s"]["max"] == pytest.approx(6)
    assert saved["cohorts of"] == "8, 10, 9, 9"
    assert saved["times fewer than alone"] == pytest.approx(1.14, abs=0.005)
    one = target_half.half_tables(make_request(tmp_path, cohort_size=1), measured)
    assert [*one.values()][-1][0]["times fewer than alone"] == 1
