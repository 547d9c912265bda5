"""Locks: one holder each; the locks of processes that ended are free."""

import contextlib
import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time

import filelock
import pytest
from waiting import wait_until

from yosinski_tf.system import locks
from yosinski_tf.system.errors import UserError

HOLD = """
import pathlib, sys
from yosinski_tf.system import locks
runs = pathlib.Path(sys.argv[1])
with {lock}:
    print("held", flush=True)
    sys.stdin.read()
"""
DRIVING = "locks.driving(runs)"
REPORTING = "locks.held(runs, 'report')"
TRAINING = "locks.training(runs, ['b', 'a'], print, lambda: False)"


@contextlib.contextmanager
def other_process(runs, lock):
    """A process that holds a lock until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(lock=lock), runs],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def never():
    return False


def test_one_process_drives_a_study(tmp_path):
    with other_process(tmp_path, DRIVING) as process:
        with pytest.raises(locks.InUse) as refused:
            with locks.driving(tmp_path):
                pass
        note = json.loads((tmp_path / "locks" / "driver.json").read_text())
        assert note["process"] == process.pid
        assert note["host"] == os.uname().nodename
        assert str(refused.value) == (
            f"{tmp_path} is in use by process {process.pid} on {note['host']} since"
            f" {note['started']}: wait for it, or stop it"
        )
        process.send_signal(signal.SIGKILL)
        process.wait()
        with locks.driving(tmp_path):
            assert (
                json.loads((tmp_path / "locks" / "driver.json").read_text())["process"]
                == os.getpid()
            )
    assert not (tmp_path / "locks" / "driver.json").exists()


@pytest.mark.parametrize("text", ["", "[]", '{"host": "a"}', None])
def test_a_driver_that_has_not_said_who_it_is_is_another_process(tmp_path, text):
    with other_process(tmp_path, DRIVING):
        note = locks.note_of_driver(tmp_path)
        note.unlink() if text is None else note.write_text(text)
        with pytest.raises(locks.InUse, match="in use by another process: wait"):
            with locks.driving(tmp_path):
                pass


def test_whether_a_study_is_driven_can_be_asked(tmp_path):
    runs = tmp_path / "runs"
    locks.check_free(runs)
    assert not runs.exists()
    with other_process(runs, DRIVING):
        with pytest.raises(locks.InUse):
            locks.check_free(runs)
    locks.check_free(runs)


def test_another_that_only_asks_is_not_in_the_way(tmp_path):
    locks.note_of_driver(tmp_path).parent.mkdir()
    path = tmp_path / "locks" / "driver.lock"
    asking = filelock.FileLock(path, thread_local=False)
    asking.acquire()
    threading.Timer(0.1, asking.release).start()
    with locks.driving(tmp_path):
        pass


def test_a_file_system_without_flock_is_refused(tmp_path, monkeypatch):
    def flock(*unused):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(UserError) as refused:
        with locks.driving(tmp_path):
            pass
    assert str(refused.value) == (
        f"{tmp_path} needs a file system with flock, found none (Function not"
        " implemented): put it on another one"
    )


def test_runs_are_waited_for_until_their_process_has_ended(tmp_path):
    told = []
    with other_process(tmp_path, TRAINING) as process:
        with locks.training(tmp_path, ["c"], told.append, never) as held:
            assert held
        assert told == []
        threading.Timer(0.7, process.kill).start()
        started = time.monotonic()

        def waiting():
            told.append("waiting")

        with locks.training(tmp_path, ["c", "b"], waiting, never) as held:
            assert held
            assert time.monotonic() - started > 0.5
    assert told == ["waiting"]


def test_waiting_for_runs_can_be_stopped(tmp_path):
    with other_process(tmp_path, TRAINING):
        until = time.monotonic() + 0.6
        stop = lambda: time.monotonic() > until  # noqa: E731
        with locks.training(tmp_path, ["b"], lambda: None, stop) as held:
            assert not held


def test_a_report_that_another_process_writes_is_waited_for_or_left_to_it(tmp_path):
    told = []
    with other_process(tmp_path, REPORTING) as process:
        with locks.held(tmp_path, locks.REPORT) as held:
            assert not held

        def waiting():
            told.append("waiting")
            process.kill()

        with locks.held(tmp_path, locks.REPORT, waiting) as held:
            assert held
    assert told == ["waiting"]
    wait_until(lambda: process.poll() is not None)
    with locks.held(tmp_path, locks.REPORT) as held:
        assert held
