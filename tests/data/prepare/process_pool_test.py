"""Several processes do all tasks, stop cleanly, and report failures."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from yosinski_tf.data.prepare.process_pool import Interrupted, run_all
from yosinski_tf.system.errors import UserError


def double(task, advance, stopped):
    advance(task)
    return 2 * task


def where(task, advance, stopped):
    time.sleep(0.05)
    return os.getpid()


def fail(task, advance, stopped):
    if task == 3:
        raise UserError("three is no good")
    return task


def break_down(task, advance, stopped):
    if task == "bug":
        raise ZeroDivisionError("a slip")
    if task == "disk":
        raise OSError(28, "No space left on device")
    os.kill(os.getpid(), signal.SIGKILL)


def wait_and_tidy(task, advance, stopped):
    task.with_suffix(".begun").touch()
    while not stopped():
        time.sleep(0.01)
    task.touch()
    raise Interrupted


@pytest.mark.parametrize("processes", [1, 2])
def test_all_tasks_are_done_and_counted(processes):
    counts = []
    results = run_all(
        double, iter(range(20)), processes=processes, advance=counts.append
    )
    assert sorted(results) == list(range(0, 40, 2))
    assert sum(counts) == sum(range(20))


def test_the_given_number_of_processes_works():
    found = set(run_all(where, range(10), processes=2))
    assert len(found) == 2 and os.getpid() not in found
    assert set(run_all(where, range(2), processes=1)) == {os.getpid()}


@pytest.mark.parametrize("processes", [1, 2])
def test_a_users_mistake_is_raised(processes):
    with pytest.raises(UserError, match="three is no good"):
        list(run_all(fail, range(9), processes=processes))


def test_errors_of_a_process():
    with pytest.raises(OSError, match="No space left"):
        list(run_all(break_down, ["disk"], processes=2))
    with pytest.raises(RuntimeError, match="ZeroDivisionError: a slip"):
        list(run_all(break_down, ["bug"], processes=2))
    with pytest.raises(
        UserError, match="ended with code -9, perhaps for lack of memory"
    ):
        list(run_all(break_down, ["kill"], processes=2))


def test_stopped_processes_clean_up(tmp_path):
    tasks = [tmp_path / "a", tmp_path / "b"]

    def interrupted():
        yield from tasks
        while not all(task.with_suffix(".begun").exists() for task in tasks):
            time.sleep(0.01)
        raise KeyboardInterrupt

    class Tasks:
        """Gives two processes a task each, then raises Ctrl-C."""

        def __iter__(self):
            return interrupted()

    def advance(count):
        raise AssertionError

    results = run_all(wait_and_tidy, Tasks(), processes=3, advance=advance)
    with pytest.raises(KeyboardInterrupt):
        next(results)
    assert all(task.exists() for task in tasks)


def test_processes_end_when_their_parent_is_killed(tmp_path):
    tasks = [tmp_path / "a", tmp_path / "b"]
    parent = subprocess.Popen([sys.executable, __file__, *map(str, tasks)])

    def wait_for(paths):
        deadline = time.monotonic() + 60
        while not all(path.exists() for path in paths):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    wait_for([task.with_suffix(".begun") for task in tasks])
    parent.kill()
    parent.wait()
    wait_for(tasks)


if __name__ == "__main__":
    list(run_all(wait_and_tidy, map(pathlib.Path, sys.argv[1:]), processes=2))
