"""Three real studies share a folder and one is killed: takes 2 minutes."""

import json
import pathlib
import signal
import time

import psutil
import pytest
from commands import TINY, draw_folder, run, start

from yosinski_tf.system import locks

pytestmark = pytest.mark.slow


def _weights(runs: pathlib.Path) -> dict[str, str]:
    return {
        path.parent.name: json.loads(path.read_text())["weights_sha256"]
        for path in runs.glob("*/record.json")
    }


def test_three_studies_one_killed_share_a_folder(tmp_path):
    images = draw_folder(tmp_path / "data", 6)
    runs = tmp_path / "runs"
    arguments = [
        f"--dataset=folder:{images}",
        "--treatments=baseA,baseB,A1B,B1B,A1A",
        "--split=random:0,random:1",
        "--threads=1",
        *TINY,
    ]
    sharing = [f"--runs={runs}", "--processes=1", *arguments]
    running = [start("study", *sharing) for _ in range(3)]
    try:
        names: list[str] = []
        victim = running[1]
        deadline = time.monotonic() + 200
        while not names:
            assert time.monotonic() < deadline and victim.poll() is None
            below = {child.pid for child in psutil.Process(victim.pid).children()}
            there = [path.stem for path in (runs / "locks").glob("random*.lock")]
            found = locks.holders(runs, there)
            names = [n for n, holder in found.items() if holder and holder.pid in below]
            time.sleep(0.01)
        for child in psutil.Process(victim.pid).children():
            child.kill()
        victim.send_signal(signal.SIGKILL)
        printed = [process.communicate(timeout=500) for process in running]
    finally:
        for process in running:
            process.kill()
    codes = [process.returncode for process in running]
    assert codes == [0, -signal.SIGKILL, 0], printed
    ended = [
        line.split()[-3].rstrip(":")
        for _, err in printed
        for line in err.splitlines()
        if "] finished random" in line
    ]
    assert len(ended) == 8 and len(set(ended)) == 8, ended
    assert not list((runs / "locks").glob("*.lock"))
    assert not list(runs.rglob("*.part"))
    alone = tmp_path / "alone"
    done = run("study", f"--runs={alone}", *arguments)
    assert done.returncode == 0, done.stderr
    assert len(_weights(alone)) == 10
    assert _weights(runs) == _weights(alone)
    assert (runs / "results.csv").read_text().count("\n") == 11
