"""A study that is stopped or killed goes on from its last checkpoint."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest
import terminals
from commands import TINY, last_step, start, succeed

RUN = "random-0_baseB_seed0"


def arguments(images: pathlib.Path, runs: pathlib.Path) -> list[str]:
    return [
        f"--runs={runs}",
        f"--dataset=folder:{images}",
        "--treatments=baseB",
        *TINY,
        "--steps=3000",
        "--validate_every=1000",
        "--learning_rate=0.001",
        "--checkpoint_every=200steps",
    ]


def begin(runs: pathlib.Path, images: pathlib.Path) -> subprocess.Popen:
    """Starts the command; returns when it has written another checkpoint."""
    found = last_step(runs)
    process = start("base", *arguments(images, runs))
    while last_step(runs) <= found:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    return process


def _children(process: subprocess.Popen) -> list[int]:
    place = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(child) for child in place.read_text().split()]


@pytest.mark.slow  # about 40 s
def test_a_study_that_is_stopped_twice_and_killed_ends_as_if_it_were_not(
    tmp_path, images
):
    runs = tmp_path / "stopped"
    process = begin(runs, images)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "the same command goes on from here" in out
    assert "Traceback" not in err
    assert not list(runs.glob("*/record.json"))
    assert last_step(runs) > 0

    # As with `2>&1 | tee log`, where the signal ends `tee` too.
    process = begin(runs, images)
    process.stdout.close()
    process.stderr.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 143
    process = begin(runs, images)
    for each in (*_children(process), process.pid):
        os.kill(each, signal.SIGHUP)
    assert process.wait(timeout=30) == 129
    process = begin(runs, images)
    # Its children are killed too, as when the machine stops.
    for child in _children(process):
        os.kill(child, signal.SIGKILL)
    process.kill()
    process.communicate()
    assert 0 < last_step(runs) < 3000
    assert not list(runs.glob("*/record.json"))
    done = succeed("base", *arguments(images, runs))
    assert "starts again" not in done.stderr
    assert not list(runs.glob("cohorts/*"))

    whole = tmp_path / "whole"
    done = succeed("base", *arguments(images, whole))
    first, second = (
        json.loads((folder / RUN / "record.json").read_text())
        for folder in (runs, whole)
    )
    assert first["status"] == "finished"
    assert first["weights_sha256"] == second["weights_sha256"]
    weights = [(folder / RUN / "weights.npz").read_bytes() for folder in (runs, whole)]
    assert weights[0] == weights[1]


@pytest.mark.slow  # about 30 s
def test_in_a_terminal_nothing_is_left_of_the_progress(tmp_path, images):
    flags = [f"--runs={tmp_path / 'runs'}", f"--dataset=folder:{images}", *TINY]
    flags += ["--treatments=baseA,baseB", "--processes=2"]
    stop = {"columns": 100, "ctrl_c": "time left"}
    code, rows = terminals.run("base", *flags, "--steps=3000", **stop)
    assert code == 130
    assert rows[-1].startswith("Stopped")
    assert not any("time left" in row or "^C" in row for row in rows)
    shutil.rmtree(tmp_path / "runs")
    code, rows = terminals.run("base", *flags, columns=60)
    assert code == 0
    assert not any("time left" in row for row in rows)
    (trained,) = (place for place, row in enumerate(rows) if "Trained" in row)
    assert rows[trained].startswith("Trained 2 networks in ")
    assert ": 1 network" in rows[trained - 1]


@pytest.mark.slow  # about 15 s
def test_a_study_whose_reader_has_gone_is_trained_and_reported(tmp_path, images):
    flags = [f"--runs={tmp_path / 'runs'}", f"--dataset=folder:{images}", *TINY]
    process = start("study", *flags, "--treatments=baseB")
    process.stdout.close()
    process.stderr.close()
    assert process.wait(timeout=120) == 0
    assert (tmp_path / "runs/report/index.html").exists()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_a_study_that_is_stopped_while_it_starts_up_ends_at_once(
    tmp_path, images, number, code
):
    command = arguments(images, tmp_path / "runs")
    process = start("base", *command, start_new_session=True)
    # The first line says that the process of a cohort was started.
    assert "started random-0_B_seed0_first" in process.stderr.readline()
    # That process is importing TensorFlow now, or is about to.
    time.sleep(0.5)
    # A terminal sends both to all of its processes.
    os.killpg(process.pid, number)
    started = time.monotonic()
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - started < 10
    assert process.returncode == code, err
    assert out.endswith(
        "Stopped before anything was saved; the same command starts again.\n"
    )
    assert "Traceback" not in err
