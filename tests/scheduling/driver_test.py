"""One process drives a study: another is refused, and goes on where it was killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys

import psutil
import stub_training
from commands import TINY, draw_folder, refuse
from stub_training import cohorts, trained
from waiting import wait_until

from yosinski_tf.report import write_report
from yosinski_tf.system import locks

TREATMENTS = "baseA,baseB,A1B,B1B"


def start(runs):
    return subprocess.Popen(
        [sys.executable, stub_training.__file__, runs, TREATMENTS, "1", "local"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(runs):
    path = runs / "said.txt"
    return path.read_text().splitlines() if path.exists() else []


def runs_on(process):
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def state(runs):
    return {path: path.stat().st_mtime_ns for path in (runs, *runs.rglob("*"))}


def test_a_second_driver_changes_nothing_and_names_the_first(tmp_path):
    images = draw_folder(tmp_path / "images", 4)
    runs = tmp_path / "runs"
    with locks.driving(runs):
        before = state(runs)
        flags = [f"--runs={runs}", f"--dataset=folder:{images}", *TINY]
        told = refuse("base", *flags, "--treatments=baseA")
        assert state(runs) == before
    assert f"{runs} is in use by process {os.getpid()} on {os.uname().nodename}" in told
    assert told.endswith(": wait for it, or stop it\n")


def test_a_study_goes_on_at_once_when_its_driver_was_killed(tmp_path):
    (tmp_path / "slow").touch()
    first = start(tmp_path)
    wait_until(lambda: len(said(tmp_path)) == 2, 60)
    children = psutil.Process(first.pid).children()
    first.send_signal(signal.SIGKILL)
    second = start(tmp_path)
    assert second.wait(timeout=60) == 0, second.communicate()
    first.communicate()
    second.communicate()
    wanted = sorted(r.run_id for c in cohorts(TREATMENTS) for r in c.runs)
    assert trained(tmp_path) == wanted
    # No process began before the one of the first driver had saved.
    for cohort in ("random-0_A_seed0_first", "random-0_B_seed0_first"):
        words = [line.split() for line in said(tmp_path)]
        order = [word for word, name, *_ in words if name == cohort]
        assert order == ["begun", "saved", "begun"]
    # One that has ended may wait for whoever adopted it.
    wait_until(lambda: not any(map(runs_on, children)), 60)


def test_what_an_earlier_version_left_is_in_nobodys_way(tmp_path):
    folder = tmp_path / "locks"
    folder.mkdir()
    there = {"host": "elsewhere", "machine": "m", "pid": 1, "started": "5"}
    for name in ("random-0_baseA_seed0", "folder", "report", "driver"):
        (folder / f"{name}.lock").write_text(json.dumps(there))
    (folder / ".guard").touch()
    (tmp_path / "workers").mkdir()
    (tmp_path / "workers" / "call.json").write_text('{"id": "a", "cohort": "b"}')
    stub_training.train_all(tmp_path, cohorts("baseA"), print)
    path = tmp_path / "random-0_baseA_seed0" / "record.json"
    record = json.loads(path.read_text()) | {"distribution": "multi_worker"}
    path.write_text(json.dumps(record))
    process = start(tmp_path)
    assert process.wait(timeout=60) == 0, process.communicate()
    process.communicate()
    assert len(trained(tmp_path)) == 4
    page = write_report.write_report(tmp_path).page
    assert page.exists()
