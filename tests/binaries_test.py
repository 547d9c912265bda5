"""The binaries as a user meets them: commands, exit codes, one sentence."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

_TINY = [
    "--image_size=16",
    "--widths=4,4,4,4,4,8,8",
    "--steps=12",
    "--batch_size=4",
    "--validate_every=6",
]
_ENVIRONMENT = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}


def _start(binary: str, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", f"yosinski_tf.binaries.{binary}", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_ENVIRONMENT,
    )


def _run(binary: str, *arguments: str) -> subprocess.CompletedProcess:
    process = _start(binary, *arguments)
    out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def _draw_folder(folder: pathlib.Path, classes: int) -> pathlib.Path:
    random = np.random.default_rng(0)
    for part, count in (("train", 6), ("val", 3)):
        for name in range(classes):
            home = folder / part / f"class{name}"
            home.mkdir(parents=True)
            for image in range(count):
                pixels = random.integers(0, 255, (16, 16, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(home / f"{image}.png")
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> pathlib.Path:
    return _draw_folder(tmp_path_factory.mktemp("images") / "data", 6)


@pytest.fixture(scope="module")
def study(tmp_path_factory, images):
    """A finished study of four kinds of treatment, and what it printed."""
    runs = tmp_path_factory.mktemp("study") / "runs"
    arguments = [
        f"--runs={runs}",
        f"--dataset=folder:{images}",
        "--treatments=baseB,R2B,B3B,A3B,A3B+,A3B~1",
        "--export=best",
        *_TINY,
    ]
    done = _run("study", *arguments)
    assert done.returncode == 0, done.stderr
    return runs, arguments, done


_RUN_IDS = [
    "random-0_A3B+_seed0",
    "random-0_A3B_seed0",
    "random-0_A3B~1_seed0",
    "random-0_B3B_seed0",
    "random-0_R2B_seed0",
    "random-0_baseA_seed0",
    "random-0_baseB_seed0",
]


def test_study_trains_the_missing_bases_too_and_leaves_a_record_for_each(study):
    runs, _, _ = study
    assert sorted(p.parent.name for p in runs.glob("*/record.json")) == _RUN_IDS
    record = json.loads((runs / "random-0_A3B_seed0" / "record.json").read_text())
    assert record["status"] == "finished"
    assert record["num_validation_images"] == 9
    assert [entry["step"] for entry in record["history"]] == [6, 12]
    assert record["frozen_sha256_before"] == record["frozen_sha256_after"]
    assert len(record["frozen_sha256_before"]) == 64
    assert "--treatments=baseB,R2B,B3B,A3B,A3B+" in record["command"]


def test_a_preserved_layer_starts_from_the_base_and_is_trained(study):
    runs, _, _ = study
    names = ("baseA", "A3B", "A3B~1")
    base, frozen, kept = (
        np.load(runs / f"random-0_{name}_seed0" / "weights.npz") for name in names
    )
    assert (kept["conv3/kernel"] == base["conv3/kernel"]).all()
    far, near = (
        np.abs(weights["conv4/kernel"] - base["conv4/kernel"]).max()
        for weights in (frozen, kept)
    )
    assert 0 < near < 0.1 * far
    record = json.loads((runs / "random-0_A3B~1_seed0" / "record.json").read_text())
    assert (record["treatment"], record["n"], record["preserved"]) == ("A3B~1", 3, 1)


def test_study_writes_report_tensorboard_and_export(study):
    runs, _, done = study
    for name in ("figure2.png", "figure3.png", "table1.csv", "summary.md"):
        assert (runs / "report" / name).stat().st_size > 100
        assert (runs / "results.csv").read_text().count("\n") == 8
    assert sorted(p.name for p in (runs / "tensorboard").iterdir() if p.is_dir()) == (
        _RUN_IDS
    )
    (exported,) = (runs / "export").glob("*/saved_model.pb")
    for shown in (runs / "tensorboard", exported.parent, runs / "report"):
        assert str(shown) in done.stdout


def test_study_shows_progress(study):
    _, _, done = study
    assert "start random-0_B_seed0_first: 2 networks" in done.stderr
    assert "finished random-0_B_seed0_copies: 4 networks" in done.stderr
    assert "time left" in done.stderr


def test_study_again_finds_everything_done(study):
    runs, arguments, _ = study
    before = {p: p.stat().st_mtime_ns for p in runs.glob("*/weights.npz")}
    again = _run("study", *arguments)
    assert again.returncode == 0, again.stderr
    assert f"All 7 networks are trained already in {runs}." in again.stdout
    assert {p: p.stat().st_mtime_ns for p in runs.glob("*/weights.npz")} == before


def test_dry_run_prints_the_plan_with_a_time_and_trains_nothing(study):
    runs, arguments, _ = study
    wider = [a.replace("A3B+", "A3B+,A4B,A5B") for a in arguments]
    done = _run("study", *wider, "--dry_run")
    assert done.returncode == 0, done.stderr
    assert "9 networks, 7 done, 2 to train in 1 cohorts." in done.stdout
    # The bases are there already, so it waits for nothing.
    assert "1  random-0_B_seed0_copies         2  A4B A5B\n" in done.stdout
    assert "at the rate measured so far (2 networks x 12 steps x 4" in done.stdout
    given = _run("study", *wider, "--dry_run", "--rate=2").stdout
    assert "Time: about 48s at the given 2 images/s times networks" in given
    assert not (runs / "random-0_A4B_seed0").exists()


def test_dry_run_of_a_new_study_writes_nothing(tmp_path, images):
    runs = tmp_path / "runs"
    done = _run(
        "study", "--dry_run", f"--runs={runs}", f"--dataset=folder:{images}", *_TINY
    )
    assert done.returncode == 0, done.stderr
    assert "72 networks, 0 done, 72 to train in 4 cohorts." in done.stdout
    assert "(1, 2) B1B..B7B B1B+..B7B+ A1B..A7B A1B+..A7B+" in done.stdout
    assert "Time: unknown" in done.stdout
    assert not runs.exists()


def test_report_from_records_alone_gives_the_same_table(study):
    runs, _, first = study
    done = _run("report", f"--runs={runs}")
    assert done.returncode == 0, done.stderr
    table = done.stdout.split("\nsummary")[0].strip()
    assert table and table in first.stdout


def test_transfer_without_its_base_names_the_command_that_makes_it(tmp_path, images):
    runs = tmp_path / "runs"
    shared = [f"--runs={runs}", f"--dataset=folder:{images}", *_TINY]
    refused = _run("transfer", *shared, "--treatments=A2B,A2B+")
    assert refused.returncode == 2
    assert not list(runs.glob("*/record.json"))
    command = refused.stderr.split("`")[1]
    assert command.startswith("yosinski-base ")
    assert command.endswith("--treatments=baseA")
    made = _run("base", *command.split()[1:])
    assert made.returncode == 0, made.stderr
    done = _run("transfer", *shared, "--treatments=A2B,A2B+")
    assert done.returncode == 0, done.stderr
    assert sorted(p.parent.name for p in runs.glob("*/record.json")) == [
        "random-0_A2B+_seed0",
        "random-0_A2B_seed0",
        "random-0_baseA_seed0",
    ]
    assert "random-0_A2B_seed0: top-1 0." in done.stdout


def test_transfer_with_bases_and_random_features(tmp_path, images):
    runs = tmp_path / "runs"
    shared = [f"--runs={runs}", f"--dataset=folder:{images}", *_TINY]
    done = _run("transfer", *shared, "--treatments=B1B", "--with_bases")
    assert done.returncode == 0, done.stderr
    done = _run("random", *shared, "--treatments=R1W,R7W")
    assert done.returncode == 0, done.stderr
    assert sorted(p.parent.name for p in runs.glob("*/record.json")) == [
        "random-0_B1B_seed0",
        "random-0_baseB_seed0",
        "whole_R1W_seed0",
        "whole_R7W_seed0",
    ]


def test_caffenet_gets_the_papers_images_unless_told_otherwise(tmp_path, images):
    arguments = [f"--dataset=folder:{images}", "--network=caffenet", "--steps=3"]
    arguments += ["--batch_size=2", "--widths=2,2,2,2,2,4,4", "--num_outputs=7"]
    runs = tmp_path / "runs"
    done = _run("base", f"--runs={runs}", "--treatments=baseA", *arguments)
    assert done.returncode == 0, done.stderr
    folder = runs / "random-0_baseA_seed0"
    record = json.loads((folder / "record.json").read_text())
    recipe = record["recipe"]
    assert (recipe["image_size"], recipe["crop_size"]) == (256, 227)
    assert recipe["mean"] == "image"
    assert np.load(folder / "mean_image.npy").shape == (256, 256, 3)
    assert np.load(folder / "weights.npz")["fc8/bias"].shape == (7,)
    assert np.load(runs / "dataset" / "train_images.npy").shape == (36, 256, 256, 3)
    assert record["num_classes"] == 3


def test_first_images_of_every_class(tmp_path, images):
    runs = tmp_path / "runs"
    arguments = [f"--runs={runs}", f"--dataset=folder:{images}", *_TINY]
    arguments += ["--split=first:2,first:5", "--treatments=baseW"]
    done = _run("study", *arguments)
    assert done.returncode == 0, done.stderr
    for count in (2, 5):
        path = runs / f"first-{count}_baseW_seed0" / "record.json"
        record = json.loads(path.read_text())
        assert record["num_train_images"] == 6 * count
        assert record["num_validation_images"] == 6 * 3
    assert (runs / "report" / "reduced_data.png").exists()
    assert "first N images of each class" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_study_goes_on_to_the_same_weights(tmp_path, images, number):
    shared = [
        f"--dataset=folder:{images}",
        "--treatments=baseB",
        *_TINY,
        "--steps=4000",
        "--validate_every=1000",
    ]
    runs = tmp_path / "stopped"
    process = _start("base", f"--runs={runs}", *shared)
    # Its log is there once the training process has started.
    log = runs / "logs" / "random-0_B_seed0_first.log"
    while not log.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    time.sleep(6)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "the same command goes on from here" in out
    assert not list(runs.glob("*/record.json"))
    assert list(runs.glob("cohorts/*.npz"))
    done = _run("base", f"--runs={runs}", *shared)
    assert done.returncode == 0, done.stderr
    assert not list(runs.glob("cohorts/*.npz"))
    if number == signal.SIGINT:
        whole = tmp_path / "whole"
        done = _run("base", f"--runs={whole}", *shared)
        assert done.returncode == 0, done.stderr
        first, second = (
            json.loads((folder / "random-0_baseB_seed0/record.json").read_text())
            for folder in (runs, whole)
        )
        assert first["weights_sha256"] == second["weights_sha256"]


def _bad_inputs(images: pathlib.Path, folder: pathlib.Path) -> dict:
    """Name -> (binary, arguments, words that the one sentence must hold)."""
    overlap, missing = folder / "overlap.txt", folder / "missing.txt"
    overlap.write_text("[A]\nclass0\nclass1\n[B]\nclass1\nclass2\n")
    missing.write_text("[A]\nclass0\nclass1\n[B]\nclass2\nclass3\n")
    three = _draw_folder(folder / "three", 3)
    empty = _draw_folder(folder / "empty", 5)
    for image in (empty / "train" / "class2").iterdir():
        image.unlink()
    broken = _draw_folder(folder / "broken", 5)
    victim = broken / "train" / "class1" / "4.png"
    victim.write_bytes(victim.read_bytes()[:40])
    data = f"--dataset=folder:{images}"
    a_file = folder / "file"
    a_file.write_text("")
    return {
        "treatment": ("study", [data, "--treatments=A3C"], ["'A3C'", "A3B"]),
        "n": ("study", [data, "--treatments=A8B"], ["'A8B'", "1", "7"]),
        "kind": ("base", [data, "--treatments=A3B"], ["A3B", "yosinski-transfer"]),
        "split": ("study", [data, "--split=halves"], ["'halves'", "random:SEED"]),
        "half of all": ("study", [data, "--split=first:2"], ["first:2", "half A"]),
        "plan": ("study", [data, "--plan=paper"], ["'paper'", "released"]),
        "two plans": (
            "study",
            [data, "--plan=released", "--treatments=A3B"],
            ["--plan=released", "--treatments"],
        ),
        "preserved": ("study", [data, "--treatments=A6B~2"], ["'A6B~2'", "8"]),
        "dataset": ("study", ["--dataset=mnist"], ["'mnist'", "embedded"]),
        "network": ("study", [data, "--network=vgg"], ["'vgg'", "mini"]),
        "outputs": ("base", [data, "--num_outputs=1"], ["--num_outputs", "2"]),
        "small": ("base", [data, "--network=caffenet", "--crop_size=16"], ["39"]),
        "mean": ("base", [data, "--mean=median"], ["--mean", "median", "pixel"]),
        "activation": ("study", [data, "--activation=tanh"], ["'tanh'", "relu"]),
        "flag value": ("study", [data, "--steps=many"], ["steps", "many"]),
        "flag range": ("study", [data, "--learning_rate=-1"], ["learning_rate", "0"]),
        "unknown flag": ("study", [data, "--stepz=5"], ["stepz"]),
        "stray argument": ("study", [data, "A3B"], ["'A3B'", "--"]),
        "flag file": ("study", ["--flagfile=nowhere.flags"], ["nowhere.flags"]),
        "seeds": ("study", [data, "--seeds=one"], ["seeds", "'one'"]),
        "overlap": ("study", [data, f"--split=file:{overlap}"], ["class1"]),
        "missing": ("study", [data, f"--split=file:{missing}"], ["class4"]),
        "too few": ("study", [f"--dataset=folder:{three}"], ["3", "four"]),
        "empty class": ("study", [f"--dataset=folder:{empty}"], ["class2"]),
        "unreadable": ("study", [f"--dataset=folder:{broken}"], ["class1/4.png"]),
        "runs is a file": ("study", [data, f"--runs={a_file}"], [str(a_file)]),
        "no study": ("report", [f"--runs={folder}/nothing"], ["nothing", "--runs"]),
    }


def test_bad_input_is_one_sentence_and_changes_nothing(tmp_path, images):
    runs = tmp_path / "runs"
    wrong = []
    for name, (binary, arguments, words) in _bad_inputs(images, tmp_path).items():
        given = [] if any("--runs" in a for a in arguments) else [f"--runs={runs}"]
        if binary != "report":
            given += [a for a in _TINY if a.split("=")[0] not in str(arguments)]
        done = _run(binary, *given, *arguments)
        lines = done.stderr.strip().splitlines()
        good = (
            done.returncode == 2
            and len(lines) == 1
            and "Traceback" not in done.stderr
            and all(word in done.stderr for word in words)
            and not runs.exists()
        )
        if not good:
            wrong.append((name, done.returncode, done.stderr))
    assert not wrong


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ("--steps=13", ["recipe.steps was 12, now 13"]),
        ("--widths=4,4,4,4,4,8,9", ["network.layers[6].units was 8, now 9"]),
        ("--dataset=embedded", ["dataset.spec was 'folder:", "now 'embedded'"]),
    ],
)
def test_a_folder_made_with_other_settings_is_refused(study, changed, words):
    runs, arguments, _ = study
    records = {p: p.read_bytes() for p in runs.glob("*/record.json")}
    done = _run("study", *arguments, changed)
    assert done.returncode == 2
    assert all(word in done.stderr for word in words), done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert {p: p.read_bytes() for p in runs.glob("*/record.json")} == records


def test_help_is_short_and_grouped():
    done = _run("transfer", "--help")
    assert done.returncode == 0
    assert "Recipe:" in done.stdout and "--treatments" in done.stdout
    assert len(done.stdout.splitlines()) < 60
    assert max(map(len, done.stdout.splitlines())) <= 100
