"""Several processes train one study folder."""

import itertools
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
import stub_training
from stub_training import cohorts, trained

from yosinski_tf.study import records
from yosinski_tf.system import locks

TREATMENTS = "baseA,baseB,A1B,B1B,R1B"
SPLITS = 2


def start(runs):
    return subprocess.Popen(
        [sys.executable, stub_training.__file__, runs, TREATMENTS, str(SPLITS)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wanted():
    return sorted(r.run_id for c in cohorts(TREATMENTS, SPLITS) for r in c.runs)


def test_three_processes_train_every_run_once_and_all_see_the_end(tmp_path):
    (tmp_path / "slow").touch()
    running = [start(tmp_path) for _ in range(3)]
    printed = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], printed
    assert trained(tmp_path) == wanted()
    assert [r.run_id for r in records.read_records(tmp_path)] == wanted()
    finished = [out.count("finished ") for out, _ in printed]
    assert sum(finished) == len(cohorts(TREATMENTS, SPLITS))
    # On a busy machine a process that starts late may find nothing left.
    assert sum(count > 0 for count in finished) >= 2


@pytest.mark.parametrize("killed", ["parent", "both"])
def test_what_a_killed_process_was_training_is_done_by_the_others(tmp_path, killed):
    (tmp_path / "slow").touch()
    running = [start(tmp_path) for _ in range(3)]
    names = wanted()
    deadline = time.monotonic() + 60
    held: list[str] = []
    # The first that holds a lock: one that starts late may find nothing left.
    for number in itertools.cycle(range(len(running))):
        assert time.monotonic() < deadline
        children = psutil.Process(running[number].pid).children()
        below = {child.pid for child in children}
        found = locks.holders(tmp_path, names)
        held = [n for n, holder in found.items() if holder and holder.pid in below]
        if held:
            break
    running[number].send_signal(signal.SIGKILL)
    if killed == "both":
        for child in children:
            os.kill(child.pid, signal.SIGKILL)
    assert not any((tmp_path / name / "record.json").exists() for name in held)
    printed = [process.communicate(timeout=120) for process in running]
    ended = [p.returncode for p in running]
    assert ended.pop(number) == -signal.SIGKILL, printed
    assert ended == [0, 0], printed
    assert trained(tmp_path) == wanted()
    assert [r.run_id for r in records.read_records(tmp_path)] == wanted()
    assert not list((tmp_path / locks.FOLDER).glob("*.lock"))
