"""Cohorts in processes: their order, failures, runs left out, and memory."""

import collections
import json
import os
import time

import psutil
import pytest
import stub_training
from stub_training import cohorts, trained
from waiting import wait_until

from yosinski_tf.scheduling import engine, scheduler
from yosinski_tf.scheduling.events import EventKind
from yosinski_tf.study import failures, records
from yosinski_tf.system.files import DiskFull
from yosinski_tf.training import checkpoints
from yosinski_tf.training.checkpoints import Checkpoint
from yosinski_tf.training.job import Progress, Stopped


def train(runs, made, processes=2):
    """The kind and cohort of each event, and what the scheduler returned."""
    events = []
    lost = stub_training.train_all(runs, made, events.append, processes)
    return [(event.kind, event.cohort.cohort_id) for event in events], lost


def mark(runs, run_id, what):
    (runs / run_id).mkdir(parents=True, exist_ok=True)
    (runs / run_id / what).touch()


def names(cohorts):
    return [run.run_id for cohort in cohorts for run in cohort.runs]


def started(happened):
    return [cohort for kind, cohort in happened if kind is EventKind.STARTED]


A, B = "random-0_baseA_seed0", "random-0_baseB_seed0"


def test_bases_first_then_copies(tmp_path):
    happened, lost = train(tmp_path, cohorts("A1B,B1B"))
    assert lost == []
    *first, copies = started(happened)
    assert sorted(first) == ["random-0_A_seed0_first", "random-0_B_seed0_first"]
    assert copies == "random-0_B_seed0_copies"
    assert trained(tmp_path) == ["random-0_A1B_seed0", "random-0_B1B_seed0", A, B]


def test_an_exception_is_noted_and_the_rest_goes_on(tmp_path):
    mark(tmp_path, A, "raise")
    happened, lost = train(tmp_path, cohorts("A1B,B1B"))
    assert trained(tmp_path) == sorted([B, "random-0_B1B_seed0"])
    failed, left_out = lost
    assert (failed.kind, names([failed.cohort])) == (EventKind.FAILED, [A])
    log = tmp_path / "logs" / "random-0_A_seed0_first.log"
    assert failed.message == f"RuntimeError: a wheel came off; see {log}"
    assert "rolled away" in log.read_text()
    assert left_out.kind is EventKind.LEFT_OUT
    assert names([left_out.cohort]) == ["random-0_A1B_seed0"]
    assert left_out.message == f"its base network {A} failed"
    note = json.loads((tmp_path / A / "failure.json").read_text())
    assert note["message"] == failed.message
    assert note["log"] == str(log)
    assert note["failed_at"].startswith("20")
    assert list(failures.read(tmp_path)) == [A]


def test_a_process_that_crashes_again_and_again_is_noted_too(tmp_path):
    mark(tmp_path, A, "crash")
    happened, (failed,) = train(tmp_path, cohorts("baseA"))
    assert [kind for kind, _ in happened] == [
        *(EventKind.STARTED, EventKind.LOST),
        *(EventKind.STARTED, EventKind.LOST),
        *(EventKind.STARTED, EventKind.FAILED),
    ]
    log = tmp_path / "logs" / "random-0_A_seed0_first.log"
    assert failed.message == (
        f"its process ended with code 7, as when memory runs out; see {log} (3 times"
        " without progress)"
    )
    assert failures.read(tmp_path)[A].message == failed.message


def crash_later(job, report, should_stop):
    """Gets further each time before it crashes, twice; then trains."""
    steps = job.runs / "steps"
    step = int(steps.read_text()) if steps.exists() else 0
    if step < 2:
        steps.write_text(str(step + 1))
        report(Progress(step + 1, 100.0))
        os._exit(7)
    stub_training.train(job, report, should_stop)


def test_a_process_that_crashes_is_started_again_while_it_gets_further(tmp_path):
    more = {"work": crash_later, "retries": 1}
    assert stub_training.train_all(tmp_path, cohorts("baseA"), print, **more) == []
    assert trained(tmp_path) == [A]
    assert failures.read(tmp_path) == {}


def test_copies_of_a_base_that_diverged_are_left_out(tmp_path):
    mark(tmp_path, A, "diverge")
    happened, lost = train(tmp_path, cohorts("A1B,A2B+,B1B"))
    (left_out,) = lost
    assert left_out.message == f"its base network {A} diverged"
    copies = ["random-0_A1B_seed0", "random-0_A2B+_seed0"]
    assert names([left_out.cohort]) == copies
    assert trained(tmp_path) == sorted([A, B, "random-0_B1B_seed0"])
    # The same at the next start, when the record exists from the beginning.
    left = [c for c in cohorts("A1B,A2B+,B1B") if c.cohort_id.endswith("copies")]
    (tmp_path / "trained.txt").write_text("")
    (tmp_path / "random-0_B1B_seed0" / "record.json").unlink()
    _, (left_out,) = train(tmp_path, left)
    assert names([left_out.cohort]) == copies
    assert trained(tmp_path) == ["random-0_B1B_seed0"]


def test_a_full_disk_stops_the_study_and_fails_no_cohort(tmp_path):
    mark(tmp_path, A, "full")
    (tmp_path / "slow").touch()
    with pytest.raises(DiskFull, match="no room on the disk of .*baseA_seed0 to write"):
        train(tmp_path, cohorts("baseA,baseB"))
    assert failures.read(tmp_path) == {}
    (tmp_path / A / "full").unlink()
    _, lost = train(tmp_path, cohorts("baseA,baseB"))
    assert lost == []
    assert trained(tmp_path) == [A, B]


def test_runs_that_were_trained_since_the_plan_was_made_are_not_trained(tmp_path):
    made = cohorts("baseA,R1A,R2A")
    train(tmp_path, cohorts("R1A"))
    (tmp_path / "trained.txt").write_text("")
    happened, lost = train(tmp_path, made)
    assert lost == []
    assert trained(tmp_path) == ["random-0_R2A_seed0", A]


def hold(runs, step, *run_ids):
    state = Checkpoint(runs=run_ids, settings="settings", step=step, meta={}, arrays={})
    checkpoints.write(runs / checkpoints.FOLDER, "whatever", state)


def test_runs_of_one_checkpoint_resume_together_and_the_others_apart(tmp_path):
    hold(tmp_path, 50, A, "random-0_R2A_seed0", "random-0_R7A_seed0")
    hold(tmp_path, 80, "random-0_R3A_seed0")
    happened, lost = train(tmp_path, cohorts("baseA,R1A,R2A,R3A"), processes=1)
    name = "random-0_A_seed0_first"
    assert lost == []
    first, *others = started(happened)
    assert (first, sorted(others)) == (name, [f"{name}_R1A", f"{name}_R3A"])
    assert len(trained(tmp_path)) == 4


def test_the_backlog_sees_checkpoints_that_a_killed_process_left(tmp_path):
    backlog = scheduler.Backlog(cohorts("baseA,R1A"), tmp_path)
    hold(tmp_path, 50, "random-0_R1A_seed0")
    first = backlog.take()
    assert names([first]) == [A]
    second = backlog.take()
    assert names([second]) == ["random-0_R1A_seed0"]
    assert second.cohort_id == "random-0_A_seed0_first_R1A"
    assert backlog.take() is None
    backlog.put_back(first)
    assert backlog.take() == first


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
    """Trains two cohorts; once both have begun, Ctrl-C or an error ends it."""

    def begun(self):
        if len(list(runs.glob("begun *"))) == 2:
            raise error or KeyboardInterrupt
        return len(self._running) < 2

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.LocalEngine, "has_room", begun)
        patch.setattr(scheduler, "_LOOK_SECONDS", 0.05)
        stub_training.train_all(runs, cohorts("baseA,baseB"), report, 2, save_late)


def saved(runs):
    return sorted(path.name for path in runs.glob("saved *"))


def test_a_lost_terminal_does_not_keep_processes_from_saving(tmp_path):
    def report(event):
        if event.kind is EventKind.STOPPED:
            raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(KeyboardInterrupt):
        stop_all(tmp_path, report)
    assert saved(tmp_path) == ["saved A", "saved B"]


def test_after_any_error_all_processes_save_first(tmp_path):
    with pytest.raises(OSError, match="Input/output error"):
        stop_all(tmp_path, error=OSError(5, "Input/output error"))
    assert saved(tmp_path) == ["saved A", "saved B"]


def test_after_a_crash_while_they_stop_the_others_save(tmp_path):
    (tmp_path / "crash").touch()
    events = []
    with pytest.raises(KeyboardInterrupt):
        stop_all(tmp_path, events.append)
    assert saved(tmp_path) == ["saved A", "saved B"]
    ended = [event.kind for event in events if event.kind is not EventKind.STARTED]
    assert ended == [EventKind.LOST, EventKind.STOPPED]
    assert failures.read(tmp_path) == {}


def say_gpu(job, report, should_stop):
    gpu = os.environ["CUDA_VISIBLE_DEVICES"]

    def say(what):
        with open(job.runs / "seen.txt", "a") as file:
            file.write(f"{what} {gpu}\n")

    say("start")
    stub_training.train(job, report, should_stop)
    # One is busy until another has its second cohort.
    if gpu == "GPU-a":
        seen = (job.runs / "seen.txt").read_text
        wait_until(lambda: seen().count("start") >= 4, 60)
    say("end")


def seen_gpus(runs, processes, devices):
    """The GPU of each cohort, the most cohorts at a time, and the most on one GPU."""
    (runs / "slow").touch()
    five = cohorts("baseA,baseB", splits=3)[:5]
    at_a_time, most = 0, 0

    def report(event):
        nonlocal at_a_time, most
        if event.kind in (EventKind.STARTED, EventKind.FINISHED):
            at_a_time += 1 if event.kind is EventKind.STARTED else -1
            most = max(most, at_a_time)

    more = {"work": say_gpu, "devices": devices}
    assert stub_training.train_all(runs, five, report, processes, **more) == []
    found, now, most_on_one = [], collections.Counter(), 0
    for line in (runs / "seen.txt").read_text().splitlines():
        what, gpu = line.split()
        now[gpu] += 1 if what == "start" else -1
        most_on_one = max(most_on_one, now[gpu])
        found += [gpu] * (what == "start")
    return sorted(found), most, most_on_one


def test_five_cohorts_share_three_gpus_one_each_at_a_time(tmp_path):
    found, most, most_on_one = seen_gpus(tmp_path, 3, ["GPU-a", "GPU-b", "GPU-c"])
    assert (most, most_on_one) == (3, 1)
    # Whichever ends first gets the fourth.
    assert set(found) == {"GPU-a", "GPU-b", "GPU-c"} and len(found) == 5


@pytest.mark.slow  # about 5 s
def test_more_cohorts_than_gpus_are_divided_evenly(tmp_path):
    found, most, most_on_one = seen_gpus(tmp_path, 5, ["GPU-a", "GPU-b", "GPU-c"])
    assert (most, most_on_one) == (5, 2)
    assert found == ["GPU-a", "GPU-a", "GPU-b", "GPU-b", "GPU-c"]


# 60 cohorts take 15 seconds.
@pytest.mark.parametrize(
    ("count", "megabytes"), [(16, 4), pytest.param(60, 50, marks=pytest.mark.slow)]
)
def test_the_parent_process_does_not_grow_with_its_cohorts(tmp_path, count, megabytes):
    made = cohorts("baseA,baseB", splits=count // 2)
    assert len(made) == count
    train(tmp_path, made[:4])
    before = psutil.Process().memory_info().rss
    train(tmp_path, made[4:])
    assert len(records.read_records(tmp_path)) == count
    assert psutil.Process().memory_info().rss - before < megabytes * 1e6
