"""A worker that is killed, and what the others and its successor make of it."""

import contextlib
import os
import signal
import time

import commands
import psutil
import pytest
from distribution_test import assert_close, free_ports, read, start_worker

pytestmark = pytest.mark.slow

TREATMENTS = ("baseB", "B3B")
STEPS = 200
SETTINGS = [
    *commands.TINY,
    "--treatments=B3B",
    "--with_bases",
    f"--steps={STEPS}",
    "--validate_every=100",
    "--learning_rate=0.0005",
    "--dropout=0.4",
    "--threads=1",
    "--checkpoint_every=5steps",
]


def start(rank, ports, runs, images):
    options = [f"--runs={runs}", f"--dataset=folder:{images}", *SETTINGS]
    return start_worker(rank, ports, "transfer", *options)


def kill(process):
    """Everything at once, as when its machine stops."""
    below = psutil.Process(process.pid).children(recursive=True)
    for pid in [process.pid, *(child.pid for child in below)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.communicate()


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return commands.draw_folder(tmp_path_factory.mktemp("images") / "images", 6)


@pytest.fixture(scope="module")
def alone(tmp_path_factory, images):
    runs = tmp_path_factory.mktemp("alone")
    done = commands.run(
        "transfer", f"--runs={runs}", f"--dataset=folder:{images}", *SETTINGS
    )
    assert done.returncode == 0, done.stderr
    return runs


def steps_saved(runs):
    saved = (runs / "cohorts").glob("*_first.*.checkpoint")
    return {int(path.name.split(".")[-2]) for path in saved}


@pytest.mark.parametrize("victim", [1, 0])
def test_a_worker_that_was_killed_is_waited_for(tmp_path, images, alone, victim):
    ports = free_ports(2)
    running = [start(rank, ports, tmp_path, images) for rank in (0, 1)]
    deadline = time.monotonic() + 200
    while not steps_saved(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    kill(running[victim])
    # The other notices by itself, in bounded time, before anyone comes back.
    name = "random-0_B_seed0_first" + (".worker1" if victim == 0 else "")
    log = tmp_path / "logs" / f"{name}.log"
    deadline = time.monotonic() + 120
    while "UnavailableError" not in log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    last = max(steps_saved(tmp_path))
    assert 0 < last < STEPS
    assert not list(tmp_path.glob("*/record.json"))

    running[victim] = start(victim, ports, tmp_path, images)
    # What was trained before is not trained again.
    later: set[int] = set()
    while not later:
        assert running[0].poll() is None
        later = {step for step in steps_saved(tmp_path) if step not in (last, last - 5)}
    assert min(later) == last + 5
    printed = [process.communicate(timeout=400) for process in running]
    assert [process.returncode for process in running] == [0, 0], printed
    survivor = printed[1 - victim]
    assert "alone random-0_B_seed0_first: another worker has ended" in survivor[1]
    for treatment in TREATMENTS:
        assert_close(read(tmp_path, treatment), read(alone, treatment))
