"""The benchmark of a target half: what is measured, kept, and told."""

import itertools
import json

import pytest
from commands import run, start

from yosinski_tf.benchmarks import half_runs, study_benchmark
from yosinski_tf.benchmarks.study_table import table
from yosinski_tf.system.errors import UserError


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--precisions=float64"], "--precisions wants float32 and then some of"),
        (["--precisions=bfloat16"], "got 'bfloat16': give such as float32,bfloat16"),
        (["--precisions="], "--precisions wants float32"),
        (["--treatments=baseB,A3A"], "such as baseB,R3B,A3B,B3B+, got 'A3A'"),
        (["--treatments=A3B"], "--treatments wants baseB"),
        (["--cohort_size=0"], "--cohort_size wants a positive integer, got '0'"),
        (["--processes=none"], "--processes wants a positive integer"),
    ],
)
def test_what_is_wrong_is_one_sentence(arguments, words):
    done = run("benchmark", "study", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_half_has_36_networks():
    names = study_benchmark.target_half()
    assert len(set(names)) == len(names) == 36
    assert names[0] == "baseB" and {"R7B", "A1B", "A3B+", "B5B", "B7B+"} <= set(names)


def make_request(folder, **changes):
    values = {
        **{"work": folder, "rounds": 2, "steps": 10, "precisions": ("float32",)},
        **{"processes": 2, "threads": 1, "cohort_size": 12},
        "treatments": study_benchmark.target_half(),
    }
    return study_benchmark.Request(**(values | changes))


@pytest.fixture
def trained(monkeypatch):
    """Training as a list of what was asked for; nothing is trained."""
    calls = []

    def train_base(request, precision):
        half_runs.base_folder(request, precision).mkdir(exist_ok=True)

    def train_half(request, folder, precision, cohort_size, keeping, tell):
        assert folder.is_dir() and not list(folder.iterdir())
        (folder / "something").write_text("")
        calls.append(cohort_size if keeping else -cohort_size)
        return [1.0, 2.0]

    def train_plainly(request, folder, tell):
        assert not folder.exists()
        folder.mkdir()
        calls.append("plain")
        return [3.0]

    monkeypatch.setattr(study_benchmark, "_cpu_seconds", itertools.count().__next__)
    for function in (train_base, train_half, train_plainly):
        monkeypatch.setattr(half_runs, function.__name__, function)
    return calls


def test_variants_take_turns_in_fresh_folders(tmp_path, trained):
    said = []
    request = make_request(tmp_path)
    found = study_benchmark.run(request, said.append)
    assert trained == [12, 1, -1, "plain", "plain", -1, 1, 12]
    assert found["training_seconds"]["alone, float32"]["n"] == 4
    assert any("4 of 8 measurements left, about" in text for text in said)
    assert not (tmp_path / "measured_study").exists()
    # Once more: everything is there.
    again = study_benchmark.run(request, said.append)
    assert len(trained) == 8 and again == found
    # A round more, of which only that is missing.
    study_benchmark.run(make_request(tmp_path, rounds=3), said.append)
    assert trained[8:] == [12, 1, -1, "plain"]
    with pytest.raises(UserError, match=r"holds measurements of .*'steps': 10"):
        study_benchmark.run(make_request(tmp_path, steps=11), said.append)
    (tmp_path / "study_measured.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read .* delete it"):
        study_benchmark.run(request, said.append)


@pytest.mark.parametrize(("keeping", "flag"), [(True, "auto"), (False, "off")])
def test_a_half_is_asked_for_as_a_user_would(tmp_path, monkeypatch, keeping, flag):
    asked = []

    def start(command, **_):
        asked.extend(command[2:])
        raise KeyboardInterrupt

    monkeypatch.setattr(half_runs.subprocess, "Popen", start)
    request = make_request(tmp_path, treatments=("baseB", "A3B"))
    with pytest.raises(KeyboardInterrupt):
        half_runs.train_half(request, tmp_path / "s", "bfloat16", 5, keeping, print)
    assert asked == [
        "yosinski_tf.binaries.study",
        f"--runs={tmp_path}/s",
        "--split=random:0",
        "--steps=10",
        "--validate_every=1",
        "--rate_drops=60%,85%",
        "--precision=bfloat16",
        "--threads=1",
        "--treatments=baseB,A3B",
        "--processes=2",
        "--cohort_size=5",
        f"--feature_cache={flag}",
    ]


def test_what_was_measured_before_a_stop_is_kept(tmp_path, trained, monkeypatch):
    def stop(request, folder, tell):
        folder.mkdir()
        raise KeyboardInterrupt

    plain = half_runs.train_plainly
    monkeypatch.setattr(half_runs, "train_plainly", stop)
    request = make_request(tmp_path, rounds=1)
    with pytest.raises(KeyboardInterrupt):
        study_benchmark.run(request, print)
    assert trained == [12, 1, -1]
    monkeypatch.setattr(half_runs, "train_plainly", plain)
    study_benchmark.run(request, print)
    assert trained == [12, 1, -1, "plain"]


def test_ratios_and_the_arithmetic_of_cohorts(tmp_path):
    def measurement(number, variant, seconds, cpu_seconds):
        each = {"seconds": seconds, "cpu_seconds": cpu_seconds, "each_seconds": [1.0]}
        return {"round": number, "variant": variant, **each}

    found = study_benchmark.results(
        make_request(tmp_path),
        [
            measurement(0, "cohorts, float32", 60, 100),
            measurement(0, "alone, float32", 120, 200),
            measurement(0, "alone keeping nothing, float32", 90, 300),
            measurement(0, "plain Keras, alone", 180, 300),
            measurement(1, "plain Keras, alone", 300, 300),
            measurement(1, "alone keeping nothing, float32", 150, 100),
            measurement(1, "alone, float32", 150, 100),
            measurement(1, "cohorts, float32", 50, 100),
        ],
    )
    alone, nothing_kept, plain = found["ratios"]
    assert nothing_kept["to"] == "alone keeping nothing, float32"
    assert nothing_kept["wall"]["min"] == pytest.approx(1.5)
    assert (alone["of"], alone["to"]) == ("cohorts, float32", "alone, float32")
    assert alone["wall"] == pytest.approx({"median": 2.5, "min": 2, "max": 3, "n": 2})
    assert alone["core"]["max"] == pytest.approx(2)
    assert plain["to"] == "plain Keras, alone"
    assert plain["wall"]["max"] == pytest.approx(6)
    arithmetic = found["arithmetic"]
    assert arithmetic["cohort_sizes"] == [8, 10, 9, 9]
    assert arithmetic["ratio"] == pytest.approx(1.14, abs=0.005)
    one = study_benchmark.results(
        make_request(tmp_path, cohort_size=1),
        [measurement(0, n, 1, 1) for n in found["seconds"]],
    )
    assert one["arithmetic"]["ratio"] == 1


def test_the_table():
    minutes = {"median": 120.0, "min": 60.0, "max": 180.0, "n": 3}
    ratio = {"median": 2.0, "min": 1.5, "max": 2.5, "n": 3}
    name = "cohorts, float32"
    text = table(
        {
            "date": "2026-01-02T03:04:05+00:00",
            "device": "CPU, some",
            "versions": {"tensorflow": "2.21"},
            "settings": {"rounds": 3, "steps": 1500, "processes": 2, "threads": 1},
            "networks": 36,
            "arithmetic": {"ratio": 1.159, "cohort_sizes": [8, 12, 12, 4]},
            "seconds": {name: minutes},
            "cpu_seconds": {name: minutes},
            "training_seconds": {name: {**minutes, "n": 12}},
            "ratios": [{"of": name, "to": "other", "wall": ratio, "core": ratio}],
        }
    )
    lines = text.splitlines()
    assert lines[0] == (
        "2026-01-02, CPU, some, TensorFlow 2.21; 36 networks on one half, 1500 steps"
        " each, 2 processes of 1 threads, cohorts of 8, 12, 12, 4; medians of 3 rounds,"
        " from the least to the greatest"
    )
    assert (
        "| cohorts, float32 | 2.00 (1.00 to 3.00) | 2.00 (1.00 to 3.00)"
        " | 120.0 (60.0 to 180.0) (12) |"
    ) in lines
    assert (
        "| cohorts, float32 / other | 2.00 (1.50 to 2.50) | 2.00 (1.50 to 2.50)"
        " | 1.16 |"
    ) in lines


@pytest.mark.slow  # about a minute: twelve processes of TensorFlow
def test_every_number_is_there(tmp_path):
    arguments = ["study", f"--work_dir={tmp_path}", "--steps=2", "--rounds=1"]
    arguments += ["--precisions=float32", "--treatments=baseB,A3B,B3B"]
    process = start("benchmark", *arguments)
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    assert "| cohorts, float32 / plain Keras, alone |" in out
    assert "1 of 4 measurements left" in err
    found = json.loads((tmp_path / "study.json").read_text())
    assert found["command"].startswith("yosinski-benchmark study --work_dir=")
    assert set(found["seconds"]) == {
        *("cohorts, float32", "alone, float32"),
        *("alone keeping nothing, float32", "plain Keras, alone"),
    }
    assert all(cpu["median"] > 1 for cpu in found["cpu_seconds"].values())
    # Base B alone, then both copies together; three trainings otherwise.
    assert [each["n"] for each in found["training_seconds"].values()] == [2, 3, 3, 3]
    assert found["arithmetic"]["cohort_sizes"] == [1, 2]
    for ratio in found["ratios"]:
        assert ratio["wall"]["median"] > 0 and ratio["core"]["median"] > 0
