"""Locks: one holder each; stale ones are taken over."""

import contextlib
import dataclasses
import errno
import json
import os
import subprocess
import sys
import threading
import time

import pytest
from waiting import wait_until

from yosinski_tf.system import locks, processes
from yosinski_tf.system.locks import Busy, take

HOLD = """
held = locks.take(runs, sys.argv[2:])
print("held", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def python(code, runs, *arguments):
    """A process that runs some code until the block ends."""
    imports = "import pathlib, sys, time; from yosinski_tf.system import locks\n"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{imports}runs = pathlib.Path(sys.argv[1])\n{code}"]
        + [runs, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def other_process(runs, *names):
    """A process that holds some locks until it is killed."""
    with python(HOLD, runs, *names) as process:
        assert process.stdout.readline() == "held\n"
        yield process


def lock_file(runs, name):
    return runs / "locks" / f"{name}.lock"


def foreign(runs, name, **changes):
    """A lock held by a process on another machine."""
    there = dataclasses.replace(
        processes.this_process(), host="elsewhere", machine="elsewhere"
    )
    path = lock_file(runs, name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(dataclasses.asdict(there) | changes))
    return path


def age(path, seconds):
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_a_lock_names_its_holder_and_is_removed_afterwards(tmp_path):
    with take(tmp_path, ["one", "two"]):
        found = json.loads(lock_file(tmp_path, "two").read_text())
        assert found["pid"] == os.getpid()
        assert found["host"] == os.uname().nodename
        assert set(locks.holders(tmp_path, ["one", "two", "three"])) == {"one", "two"}
    assert locks.holders(tmp_path, ["one", "two"]) == {}
    assert [p.name for p in (tmp_path / "locks").iterdir()] == [".guard"]


def test_if_one_lock_is_busy_none_is_taken(tmp_path):
    with other_process(tmp_path, "two") as process:
        with pytest.raises(Busy) as busy:
            take(tmp_path, ["one", "two", "three"])
        assert (busy.value.name, busy.value.holder.pid) == ("two", process.pid)
        assert str(process.pid) in str(busy.value)
        take(tmp_path, ["one", "three"]).release()


def test_a_process_that_was_killed_holds_nothing(tmp_path):
    with other_process(tmp_path, "one") as process:
        process.kill()
        # Nobody has waited for it yet: it is a zombie, which keeps its number.
        wait_until(lambda: not locks.holders(tmp_path, ["one"]))
        assert lock_file(tmp_path, "one").exists()
        take(tmp_path, ["one"]).release()


def test_only_locks_of_ended_processes_of_this_machine_are_swept(tmp_path):
    age(foreign(tmp_path, "foreign"), 1000)
    foreign(tmp_path, "dead", machine=processes.machine(), started="1")
    with take(tmp_path, ["mine"]):
        locks.sweep(tmp_path, ["foreign", "dead", "mine", "none"])
        left = sorted(path.stem for path in (tmp_path / "locks").glob("*.lock"))
        assert left == ["foreign", "mine"]


def test_a_later_process_with_the_same_number_holds_nothing(tmp_path):
    foreign(tmp_path, "one", machine=processes.machine(), started="1")
    assert locks.holders(tmp_path, ["one"]) == {}
    take(tmp_path, ["one"]).release()


def test_a_lock_of_another_machine_is_stale_after_five_minutes(tmp_path):
    path = foreign(tmp_path, "one")
    assert locks.holders(tmp_path, ["one"])["one"].host == "elsewhere"
    age(path, 299)
    with pytest.raises(Busy, match="on elsewhere"):
        take(tmp_path, ["one"])
    age(path, 301)
    assert locks.holders(tmp_path, ["one"]) == {}
    take(tmp_path, ["one"]).release()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_so_is_a_lock_that_cannot_be_read(tmp_path, text):
    path = foreign(tmp_path, "one")
    path.write_text(text)
    with pytest.raises(Busy):
        take(tmp_path, ["one"])
    age(path, 301)
    take(tmp_path, ["one"]).release()


def test_a_held_lock_is_touched(tmp_path):
    with take(tmp_path, ["one"], touch_seconds=0.05) as held:
        path = lock_file(tmp_path, "one")
        age(path, 1000)
        wait_until(lambda: time.time() - path.stat().st_mtime < 500)
        assert not held.lost


@pytest.mark.parametrize("what", ["removed", "taken"])
def test_a_lost_lock_is_noticed_and_left_to_its_new_holder(tmp_path, what):
    with take(tmp_path, ["one"], touch_seconds=0.05) as held:
        if what == "taken":
            foreign(tmp_path, "one")
        else:
            lock_file(tmp_path, "one").unlink()
        wait_until(lambda: held.lost)
    assert lock_file(tmp_path, "one").exists() == (what == "taken")


def test_without_hard_links_only_one_process_makes_a_file(tmp_path, monkeypatch):
    def refuse(*unused):
        raise PermissionError("no hard links here")

    monkeypatch.setattr(locks.os, "link", refuse)
    with take(tmp_path, ["one"]):
        assert locks.holders(tmp_path, ["one"])["one"].pid == os.getpid()
        with pytest.raises(Busy):
            take(tmp_path, ["one"])


def test_held_waits_for_the_holder_and_says_so_once(tmp_path):
    told = []
    with other_process(tmp_path, "folder") as process:
        threading.Timer(0.7, process.kill).start()
        started = time.monotonic()
        with locks.held(tmp_path, "folder", told.append, patience=0.2):
            assert time.monotonic() - started > 0.5
    (busy,) = told
    assert (busy.name, busy.holder.pid) == ("folder", process.pid)


def test_a_short_wait_is_silent(tmp_path):
    told = []
    with other_process(tmp_path, "folder") as process:
        threading.Timer(0.3, process.kill).start()
        with locks.held(tmp_path, "folder", told.append):
            pass
    assert told == []


def test_the_age_of_a_lock_is_by_the_clock_of_the_disk(tmp_path, monkeypatch):
    foreign(tmp_path, "one")
    monkeypatch.setattr(locks.time, "time", lambda: 1e11)
    assert locks.holders(tmp_path, ["one"])["one"].host == "elsewhere"
    with pytest.raises(Busy):
        take(tmp_path, ["one"])


def test_a_lock_that_another_machine_removed_is_not_held(tmp_path, monkeypatch):
    path = foreign(tmp_path, "one")
    real = type(path).read_text

    def stale(self, *arguments, **options):
        if self == path:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return real(self, *arguments, **options)

    monkeypatch.setattr(type(path), "read_text", stale)
    assert locks.holders(tmp_path, ["one"]) == {}


RACE = """
won = 0
for number in range(60):
    while time.time() < float(sys.argv[2]) + 0.02 * number:
        pass
    try:
        locks.take(runs, [str(number)])
        won += 1
    except locks.Busy:
        pass
print(won, flush=True)
sys.stdin.read()
"""


def test_of_processes_that_race_for_stale_locks_one_gets_each(tmp_path):
    for number in range(60):
        age(foreign(tmp_path, str(number)), 1000)
    begin = str(time.time() + 1.5)
    with contextlib.ExitStack() as stack:
        racers = [stack.enter_context(python(RACE, tmp_path, begin)) for _ in range(3)]
        assert sum(int(racer.stdout.readline()) for racer in racers) == 60
