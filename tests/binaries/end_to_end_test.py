"""The commands as a user meets them: output, exit codes, files."""

import json
import pathlib
import re
import shlex

import numpy as np
import pytest
from commands import TINY, draw_folder, refuse, run, succeed
from PIL import Image


@pytest.fixture(scope="module")
def study(tmp_path_factory, images):
    """A finished study of four kinds of treatment, and what it printed.

    Keras is set up as its user likes it for other work.
    """
    runs = tmp_path_factory.mktemp("study") / "my runs"
    (runs.parent / "keras.json").write_text(
        '{"image_data_format": "channels_first", "floatx": "float16", "epsilon": 0.1}'
    )
    arguments = [
        f"--runs={runs}",
        f"--dataset=folder:{images}",
        "--treatments=baseB,R2B,B3B,A3B,A3B+,A3B~1",
        "--train_per_class=5",
        "--export=best:B",
        *TINY,
    ]
    done = succeed("study", *arguments, environment={"KERAS_HOME": str(runs.parent)})
    return runs, arguments, done


def finished(runs):
    """The records of a study folder by run id."""
    paths = sorted(runs.glob("*/record.json"))
    return {path.parent.name: json.loads(path.read_text()) for path in paths}


def ids(*treatments):
    return [f"random-0_{treatment}_seed0" for treatment in treatments]


_RUN_IDS = ids("A3B+", "A3B", "A3B~1", "B3B", "R2B", "baseA", "baseB")


def test_study_trains_the_missing_bases_too_and_leaves_a_record_for_each(study):
    runs, _, _ = study
    assert list(finished(runs)) == _RUN_IDS
    record = finished(runs)["random-0_A3B_seed0"]
    assert record["status"] == "finished"
    assert record["num_train_images"] == 15
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
    record = finished(runs)["random-0_A3B~1_seed0"]
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
    assert f"TensorBoard  tensorboard --logdir '{runs}/tensorboard'\n" in done.stdout
    assert "in 1 pair. That is too few to say" in done.stdout
    # It is the base or a copy that is trained on B, as asked for.
    assert re.fullmatch(r"random-0_(baseB|A3B\+?)_seed0", exported.parent.name)
    page = (runs / "report" / "index.html").read_text()
    assert f'href="../export/{exported.parent.name}"' in page
    assert "http-equiv" not in page


def test_study_shows_progress(study):
    _, _, done = study
    assert "started random-0_B_seed0_first: 2 networks" in done.stderr
    assert "finished random-0_B_seed0_copies: 4 networks" in done.stderr


def test_study_again_finds_everything_done(study):
    runs, arguments, _ = study
    before = {p: p.stat().st_mtime_ns for p in runs.glob("*/weights.npz")}
    again = succeed("study", *arguments)
    assert f"All 7 networks are trained already in {runs}." in again.stdout
    assert {p: p.stat().st_mtime_ns for p in runs.glob("*/weights.npz")} == before


def test_dry_run_prints_the_plan_with_a_time_and_trains_nothing(study):
    runs, arguments, _ = study
    wider = [a.replace("A3B+", "A3B+,A4B,A5B") for a in arguments]
    done = succeed("study", *wider, "--dry_run")
    assert "9 networks, 7 done, 2 to train in 1 cohorts." in done.stdout
    assert " 54 images.\n" in done.stdout
    # Its bases are trained, so it waits for no cohort.
    assert "1  random-0_B_seed0_copies         2  A4B A5B\n" in done.stdout
    assert "at the rate measured so far (2 networks x 12 steps x 4" in done.stdout
    given = run("study", *wider, "--dry_run", "--rate=2").stdout
    assert "Time: about 48s at the given 2 images/s times networks" in given
    assert not (runs / "random-0_A4B_seed0").exists()


def test_dry_run_of_a_new_study_writes_nothing(tmp_path, images):
    runs = tmp_path / "runs"
    done = succeed(
        "study", "--dry_run", f"--runs={runs}", f"--dataset=folder:{images}", *TINY
    )
    assert "72 networks, 0 done, 72 to train in 4 cohorts." in done.stdout
    unread = " 54 images. A dry run does not read them, so some may be unreadable.\n"
    assert unread in done.stdout
    assert "(1, 2) B1B..B7B B1B+..B7B+ A1B..A7B A1B+..A7B+" in done.stdout
    assert "Time: unknown" in done.stdout
    assert not runs.exists()


def test_dry_run_of_one_kind_trains_nothing(tmp_path, images):
    runs = tmp_path / "runs"
    done = succeed(
        "base", "--dry_run", f"--runs={runs}", f"--dataset=folder:{images}", *TINY
    )
    assert "2 networks, 0 done, 2 to train in 2 cohorts." in done.stdout
    assert not runs.exists()


def test_report_from_records_alone_gives_the_same_table(study):
    runs, _, first = study
    done = succeed("report", f"--runs={runs}")
    table = done.stdout.split("\nsummary")[0].strip()
    assert table and table in first.stdout


@pytest.mark.slow
def test_transfer_without_its_base_names_the_command_that_makes_it(tmp_path, images):
    runs = tmp_path / "my runs"
    shared = [f"--runs={runs}", f"--dataset=folder:{images}", *TINY]
    refused = refuse("transfer", *shared, "--treatments=A2B,A2B+")
    assert not finished(runs)
    command = refused.split("`")[1]
    assert command.startswith("yosinski-base ")
    assert command.endswith("--treatments=baseA")
    succeed("base", *shlex.split(command)[1:])
    assert list(finished(runs)) == ids("baseA")
    # Copies of a base that is there, and of one that is trained first.
    wanted = "--treatments=A2B,A2B+,B1B"
    done = succeed("transfer", *shared, wanted, "--with_bases")
    assert list(finished(runs)) == ids("A2B+", "A2B", "B1B", "baseA", "baseB")
    assert "random-0_A2B_seed0: top-1 0." in done.stdout


@pytest.mark.slow
def test_caffenet_gets_the_papers_images_unless_told_otherwise(tmp_path, images):
    arguments = [f"--dataset=folder:{images}", "--network=caffenet", "--steps=3"]
    arguments += ["--batch_size=2", "--widths=2,2,2,2,2,4,4", "--num_outputs=7"]
    runs = tmp_path / "runs"
    succeed("base", f"--runs={runs}", "--treatments=baseA", *arguments)
    folder = runs / "random-0_baseA_seed0"
    record = finished(runs)[folder.name]
    recipe = record["recipe"]
    assert (recipe["image_size"], recipe["crop_size"]) == (256, 227)
    assert recipe["mean"] == "image"
    assert np.load(folder / "mean_image.npy").shape == (256, 256, 3)
    assert np.load(folder / "weights.npz")["fc8/bias"].shape == (7,)
    assert np.load(runs / "dataset" / "train_images.npy").shape == (36, 256, 256, 3)
    assert record["num_classes"] == 3


@pytest.mark.slow  # about 10 s
def test_first_images_of_every_class(tmp_path, images):
    runs = tmp_path / "runs"
    arguments = [f"--runs={runs}", f"--dataset=folder:{images}", *TINY]
    arguments += ["--split=first:2,first:5", "--treatments=baseW"]
    done = succeed("study", *arguments)
    for count in (2, 5):
        record = finished(runs)[f"first-{count}_baseW_seed0"]
        assert record["num_train_images"] == 6 * count
        assert record["num_validation_images"] == 6 * 3
    assert (runs / "report" / "reduced_data.png").exists()
    assert "first N images of each class" in done.stdout


def test_more_training_images_than_a_class_has_are_refused(tmp_path, images):
    arguments = [f"--runs={tmp_path / 'runs'}", f"--dataset=folder:{images}", *TINY]
    refused = refuse("study", *arguments, "--train_per_class=7")
    assert "found 6 of 'class0': give at most 6" in refused
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ("--train_per_class=4", ["train_per_class was 5, now 4"]),
        ("--steps=13", ["recipe.steps was 12, now 13"]),
        ("--widths=4,4,4,4,4,8,9", ["network.layers[6].units was 8, now 9"]),
        ("--dataset=embedded", ["dataset.spec was 'folder:", "now 'embedded'"]),
    ],
)
def test_a_folder_made_with_other_settings_is_refused(study, changed, words):
    runs, arguments, _ = study
    records = finished(runs)
    refused = refuse("study", *arguments, changed)
    assert all(word in refused for word in words), refused
    assert finished(runs) == records


@pytest.mark.slow  # about 30 s
def test_a_data_set_that_changes_during_a_study_is_refused(tmp_path):
    data = draw_folder(tmp_path / "data", 6)
    runs = tmp_path / "runs"
    shared = [f"--runs={runs}", *TINY]
    first = [*shared, f"--dataset=folder:{data}", "--threads=1"]
    succeed("base", *first, "--treatments=baseA")
    # The same images, newly written, under another path.
    victim = data / "train" / "class0" / "0.png"
    victim.write_bytes(victim.read_bytes())
    again = [*shared, f"--dataset=folder:{tmp_path}/x/../data/"]
    succeed("random", *again, "--treatments=R1W,R7W", "--processes=2")
    for run_id in ("whole_R1W_seed0", "whole_R7W_seed0"):
        assert finished(runs)[run_id]["threads"] == 1
    refused = refuse("base", *first, "--treatments=baseB", "--threads=2")
    assert "threads was 1, now 2" in refused
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(victim)
    before = {path: path.stat().st_mtime_ns for path in runs.rglob("*")}
    refused = refuse("random", *first, "--treatments=R1B")
    assert "has changed since the study folder" in refused
    assert {path: path.stat().st_mtime_ns for path in runs.rglob("*")} == before


@pytest.mark.slow  # about 30 s
def test_a_failure_is_noted_shown_again_and_tried_again_on_request(tmp_path, images):
    runs = tmp_path / "runs"
    shared = [f"--runs={runs}", f"--dataset=folder:{images}", *TINY]
    folder = runs / "random-0_baseA_seed0"
    # A folder in the place of the weights.
    (folder / "weights.npz" / "x").mkdir(parents=True)
    for words in ("Failed: IsADirectoryError: ", "Failed earlier ("):
        done = run("study", *shared, "--treatments=baseA,A1B")
        assert done.returncode == 1
        assert words in done.stderr
        assert f"its base network {folder.name} failed" in done.stderr
        assert "random-0_A1B_seed0" in done.stderr
        assert "Traceback" not in done.stderr
        note = json.loads((folder / "failure.json").read_text())
        assert "Traceback" in pathlib.Path(note["log"]).read_text()
    assert "--retry_failed tries them again" in done.stderr
    (folder / "weights.npz" / "x").rmdir()
    (folder / "weights.npz").rmdir()
    # A run that was left out, because its base failed, has not failed.
    done = succeed("base", *shared, "--treatments=baseA", "--retry_failed")
    assert not list(runs.glob("*/failure.json"))
    assert (folder / "record.json").exists()
    plan = run("study", *shared, "--treatments=baseA,A1B", "--dry_run").stdout
    assert "2 networks, 1 done, 1 to train in 1 cohorts." in plan
