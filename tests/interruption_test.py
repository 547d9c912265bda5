"""A study that is stopped from outside, and goes on."""

import json
import pathlib
import signal
import time

import pytest
from commands import TINY, draw_folder, run, start


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> pathlib.Path:
    return draw_folder(tmp_path_factory.mktemp("images") / "data", 6)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_study_goes_on_to_the_same_weights(tmp_path, images, number):
    shared = [
        f"--dataset=folder:{images}",
        "--treatments=baseB",
        *TINY,
        "--steps=6000",
        "--validate_every=1000",
        "--checkpoint_seconds=0",
    ]
    runs = tmp_path / "stopped"
    process = start("base", f"--runs={runs}", *shared)
    # Its first checkpoint is there after a sixth of the steps.
    while not list(runs.glob("cohorts/*.npz")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "the same command goes on from here" in out
    assert not list(runs.glob("*/record.json"))
    assert list(runs.glob("cohorts/*.npz"))
    done = run("base", f"--runs={runs}", *shared)
    assert done.returncode == 0, done.stderr
    assert not list(runs.glob("cohorts/*.npz"))
    if number == signal.SIGINT:
        whole = tmp_path / "whole"
        done = run("base", f"--runs={whole}", *shared)
        assert done.returncode == 0, done.stderr
        first, second = (
            json.loads((folder / "random-0_baseB_seed0/record.json").read_text())
            for folder in (runs, whole)
        )
        assert first["weights_sha256"] == second["weights_sha256"]
