"""Cohorts in processes: order, failures, what is left out, and memory."""

import functools
import json
import os
import time

import psutil
import pytest
import stub_training
from stub_training import cohorts

from yosinski_tf.scheduling import scheduler
from yosinski_tf.scheduling.events import Event, EventKind
from yosinski_tf.study import failures, records
from yosinski_tf.system import locks
from yosinski_tf.system.files import DiskFull
from yosinski_tf.training import checkpoints
from yosinski_tf.training.checkpoints import Checkpoint
from yosinski_tf.training.job import Stopped


def train(runs, made, processes=2):
    """Events by what happened, and what the scheduler returned."""
    runs.mkdir(exist_ok=True)
    events = []
    lost = scheduler.train_all(
        made,
        functools.partial(stub_training.job, runs),
        runs=runs,
        processes=processes,
        report=events.append,
        work=stub_training.train,
    )
    return [(event.kind, event.cohort.cohort_id) for event in events], lost


def mark(runs, run_id, what):
    (runs / run_id).mkdir(parents=True, exist_ok=True)
    (runs / run_id / what).touch()


def trained(runs):
    lines = (runs / "trained.txt").read_text().splitlines()
    return sorted(line.split()[0] for line in lines)


def names(events):
    return [run.run_id for event in events for run in event.cohort.runs]


A, B = "random-0_baseA_seed0", "random-0_baseB_seed0"


def test_bases_first_then_copies_and_no_lock_is_left(tmp_path):
    happened, lost = train(tmp_path, cohorts("A1B,B1B"))
    assert lost == []
    started = [name for kind, name in happened if kind is EventKind.STARTED]
    assert set(started[:2]) == {"random-0_A_seed0_first", "random-0_B_seed0_first"}
    assert started[2:] == ["random-0_B_seed0_copies"]
    assert trained(tmp_path) == sorted(
        [A, B, "random-0_A1B_seed0", "random-0_B1B_seed0"]
    )
    assert not list((tmp_path / locks.FOLDER).glob("*.lock"))


def test_an_exception_is_noted_and_the_rest_goes_on(tmp_path):
    mark(tmp_path, A, "raise")
    happened, lost = train(tmp_path, cohorts("A1B,B1B"))
    assert trained(tmp_path) == sorted([B, "random-0_B1B_seed0"])
    # Its note may be seen before its process has said so.
    failed, dropped = sorted(lost, key=lambda event: event.kind.words)
    assert (failed.kind, names([failed])) == (EventKind.FAILED, [A])
    log = tmp_path / "logs" / "random-0_A_seed0_first.log"
    assert failed.message == f"RuntimeError: a wheel came off; see {log}"
    assert "rolled away" in log.read_text()
    assert (dropped.kind, names([dropped])) == (
        EventKind.LEFT_OUT,
        ["random-0_A1B_seed0"],
    )
    assert dropped.message == f"its base network {A} failed"
    note = json.loads((tmp_path / A / "failure.json").read_text())
    assert note["message"] == failed.message
    assert note["log"] == str(log)
    assert note["failed_at"].startswith("20")
    assert list(failures.read(tmp_path)) == [A]


def test_a_process_that_crashes_is_noted_too(tmp_path):
    mark(tmp_path, A, "crash")
    _, (failed,) = train(tmp_path, cohorts("baseA"))
    assert "ended with code 7" in failed.message
    assert failures.read(tmp_path)[A].message == failed.message
    assert not list((tmp_path / locks.FOLDER).glob("*.lock"))


def test_copies_of_a_base_that_diverged_are_left_out(tmp_path):
    mark(tmp_path, A, "diverge")
    happened, lost = train(tmp_path, cohorts("A1B,A2B+,B1B"))
    (dropped,) = lost
    assert dropped.message == f"its base network {A} diverged"
    assert names(lost) == ["random-0_A1B_seed0", "random-0_A2B+_seed0"]
    assert trained(tmp_path) == sorted([A, B, "random-0_B1B_seed0"])
    # The same on the next start, when its record is there from the beginning.
    left = [c for c in cohorts("A1B,A2B+,B1B") if c.cohort_id.endswith("copies")]
    (tmp_path / "trained.txt").write_text("")
    (tmp_path / "random-0_B1B_seed0" / "record.json").unlink()
    happened, lost = train(tmp_path, left)
    assert names(lost) == ["random-0_A1B_seed0", "random-0_A2B+_seed0"]
    assert trained(tmp_path) == ["random-0_B1B_seed0"]


def test_a_full_disk_stops_all_and_is_no_failure_of_the_cohort(tmp_path):
    mark(tmp_path, A, "full")
    (tmp_path / "slow").touch()
    with pytest.raises(DiskFull, match="no room on the disk of .*baseA_seed0 to write"):
        train(tmp_path, cohorts("baseA,baseB"))
    assert failures.read(tmp_path) == {}
    assert not list((tmp_path / locks.FOLDER).glob("*.lock"))
    (tmp_path / A / "full").unlink()
    _, lost = train(tmp_path, cohorts("baseA,baseB"))
    assert lost == []
    assert trained(tmp_path) == [A, B]


def test_what_another_process_finished_in_the_meantime_is_not_trained(tmp_path):
    made = cohorts("baseA,R1A,R2A")
    train(tmp_path, cohorts("R1A"))
    (tmp_path / "trained.txt").write_text("")
    happened, lost = train(tmp_path, made)
    assert (EventKind.TRAINED_ELSEWHERE, "random-0_A_seed0_first") in happened
    assert trained(tmp_path) == ["random-0_R2A_seed0", A]


def hold(runs, step, *run_ids):
    state = Checkpoint(run_ids, "settings", step, {}, {})
    checkpoints.write(runs / checkpoints.FOLDER, "whatever", state)


def test_what_was_begun_together_goes_on_together_and_the_rest_apart(tmp_path):
    hold(tmp_path, 50, A, "random-0_R2A_seed0", "random-0_R7A_seed0")
    hold(tmp_path, 80, "random-0_R3A_seed0")
    happened, lost = train(tmp_path, cohorts("baseA,R1A,R2A,R3A"), processes=1)
    name = "random-0_A_seed0_first"
    assert lost == []
    started = [cohort for kind, cohort in happened if kind is EventKind.STARTED]
    assert sorted(started) == [name, f"{name}_R1A", f"{name}_R3A"]
    assert len(trained(tmp_path)) == 4
    assert started[0] == name


def test_a_checkpoint_of_a_process_that_was_killed_since_is_seen(tmp_path):
    made = cohorts("baseA,R1A")
    backlog = scheduler.Backlog(made, tmp_path)
    hold(tmp_path, 50, "random-0_R1A_seed0")
    first = backlog.take()
    assert names([Event(EventKind.STARTED, first)]) == [A]
    backlog.put_back(first)
    second = backlog.take()
    assert names([Event(EventKind.STARTED, second)]) == ["random-0_R1A_seed0"]
    assert second.cohort_id == "random-0_A_seed0_first_R1A"
    assert backlog.take() is None and backlog
    backlog.close(second)


def save_late(job, report, should_stop):
    """Trains until it is stopped; B takes longer to save, A may crash."""
    while not should_stop():
        (job.runs / f"begun {job.cohort.target}").touch()
        time.sleep(0.02)
    if job.cohort.target == "B":
        time.sleep(0.5)
    (job.runs / f"saved {job.cohort.target}").touch()
    if (job.runs / "crash").exists() and job.cohort.target == "A":
        os._exit(7)
    raise Stopped


def stop_all(runs, report=lambda event: None, error=None):
    """Trains two until both have begun, then Ctrl-C or an error ends it."""
    runs.mkdir(exist_ok=True)

    def begun(self):
        if len(list(runs.glob("begun *"))) == 2:
            raise error or KeyboardInterrupt
        return []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scheduler.Backlog, "refresh", begun)
        patch.setattr(scheduler, "_LOOK_SECONDS", 0.05)
        scheduler.train_all(
            cohorts("baseA,baseB"),
            functools.partial(stub_training.job, runs),
            runs=runs,
            processes=2,
            report=report,
            work=save_late,
        )


def saved(runs):
    return sorted(path.name for path in runs.glob("saved *"))


def test_a_terminal_that_is_lost_kills_nobody_who_is_saving(tmp_path):
    def report(event):
        if event.kind is EventKind.STOPPED:
            raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(KeyboardInterrupt):
        stop_all(tmp_path, report)
    assert saved(tmp_path) == ["saved A", "saved B"]


def test_an_error_of_any_kind_lets_all_save_first(tmp_path):
    with pytest.raises(OSError, match="Input/output error"):
        stop_all(tmp_path, error=OSError(5, "Input/output error"))
    assert saved(tmp_path) == ["saved A", "saved B"]


def test_a_crash_that_cannot_be_noted_lets_the_others_save(tmp_path, monkeypatch):
    def full(*arguments):
        raise DiskFull("no room")

    monkeypatch.setattr(failures, "note", full)
    (tmp_path / "crash").touch()
    events = []
    with pytest.raises(KeyboardInterrupt):
        stop_all(tmp_path, events.append)
    assert saved(tmp_path) == ["saved A", "saved B"]
    ended = [event for event in events if event.kind is not EventKind.STARTED]
    assert [(event.kind, event.message) for event in ended] == [
        (EventKind.DISK_FULL, "no room"),
        (EventKind.STOPPED, ""),
    ]


def _growth(runs, count):
    made = cohorts("baseA,baseB", splits=count // 2)
    assert len(made) == count
    first, rest = made[:4], made[4:]
    train(runs, first)
    before = psutil.Process().memory_info().rss
    train(runs, rest)
    assert len(records.read_records(runs)) == count
    return (psutil.Process().memory_info().rss - before) / 1e6


def test_the_parent_process_does_not_grow_with_its_cohorts(tmp_path):
    assert _growth(tmp_path, 16) < 4


@pytest.mark.slow  # 15 seconds.
def test_the_parent_process_does_not_grow_with_sixty_cohorts(tmp_path):
    assert _growth(tmp_path, 60) < 50
