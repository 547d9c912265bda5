"""How the workers of a training meet and miss each other; without TensorFlow."""

import threading
import time

import pytest
import stub_training
from waiting import wait_until

from yosinski_tf.scheduling import multi_worker, worker_files
from yosinski_tf.scheduling.events import EventKind
from yosinski_tf.scheduling.worker_files import Call, Deserted, PeerLost, Presence
from yosinski_tf.study import failures, records
from yosinski_tf.system.errors import UserError

WORKERS = ("host0:1", "host1:1")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(worker_files, "BEAT_SECONDS", 0.05)


def gather(runs, waiting=lambda note: None, should_stop=lambda: False, patience=20.0):
    return worker_files.gather(
        runs,
        "cohort",
        ["run"],
        WORKERS,
        should_stop=should_stop,
        waiting=waiting,
        patience=patience,
    )


def test_a_call_stands_until_the_next(tmp_path):
    assert worker_files.last_call(tmp_path) is None
    first = worker_files.call(tmp_path, "cohort", ["a", "b"])
    assert first == Call(first.id, "cohort", ("a", "b"))
    assert worker_files.last_call(tmp_path) == first
    second = worker_files.call(tmp_path, "cohort", ["a", "b"])
    assert worker_files.last_call(tmp_path) == second != first


def test_the_chief_waits_until_all_have_joined_this_call(tmp_path):
    earlier = worker_files.call(tmp_path, "cohort", ["run"])
    with Presence(tmp_path, 1) as presence:
        presence.ready_for(earlier.id)
        with pytest.raises(Deserted, match=r"no sign of worker 1 \(host1:1\) for 0 m"):
            gather(tmp_path, patience=0.3)
        before = worker_files.last_call(tmp_path)

        def answer():
            wait_until(lambda: worker_files.last_call(tmp_path) != before)
            presence.ready_for(worker_files.last_call(tmp_path).id)

        thread = threading.Thread(target=answer)
        thread.start()
        assert gather(tmp_path) == worker_files.last_call(tmp_path)
        thread.join()


def test_waiting_for_workers_is_said_once_and_can_be_stopped(tmp_path):
    said = []
    began = time.monotonic()
    stop = lambda: time.monotonic() > began + 1  # noqa: E731
    assert gather(tmp_path, said.append, stop) is None
    assert said == ["waiting for worker 1 (host1:1), up to 0 minutes"]


def test_a_worker_lives_while_its_file_changes(tmp_path):
    peer = worker_files.Peer(tmp_path, 1)
    with Presence(tmp_path, 1):
        wait_until(lambda: peer.look() or peer.lives)
        assert worker_files.Peer(tmp_path, 1).lives is False  # Seen only once.
    peer.look()
    assert not peer.lives


def test_the_chief_says_how_it_ended(tmp_path):
    with worker_files.leading(tmp_path):
        assert worker_files.last_call(tmp_path) is None
    assert worker_files.last_call(tmp_path).end == "finished"
    with pytest.raises(KeyboardInterrupt), worker_files.leading(tmp_path):
        raise KeyboardInterrupt
    assert worker_files.last_call(tmp_path).end == "stopped"


def follow(runs, make_job=None, patience=20.0, said=None):
    return multi_worker.follow(
        make_job,
        runs=runs,
        rank=1,
        report=lambda event: None,
        waiting=(said if said is not None else []).append,
        patience=patience,
    )


def test_a_worker_does_not_wait_for_its_chief_forever(tmp_path):
    said = []
    # The last word of an earlier chief.
    worker_files.call(tmp_path, end="finished")
    with pytest.raises(Deserted, match=r"no sign of worker 0 \(the chief\) for 0 m"):
        follow(tmp_path, patience=0.5, said=said)
    assert said == ["waiting for worker 0 (the chief), up to 0 minutes"]
    left = (tmp_path / worker_files.FOLDER).iterdir()
    assert [path.name for path in left] == ["call.json"]


@pytest.mark.parametrize("end", ["finished", "stopped"])
def test_a_worker_ends_with_its_chief(tmp_path, end):
    worker_files.call(tmp_path, end="finished" if end == "stopped" else "stopped")
    chief = threading.Timer(0.5, worker_files.call, (tmp_path,), {"end": end})
    chief.start()
    assert follow(tmp_path) == end
    chief.join()


def test_a_worker_of_another_command_ends_at_once(tmp_path):
    def make_job(call):
        raise UserError(f"knows no {call.runs[0]}")

    with worker_files.leading(tmp_path):
        worker_files.call(tmp_path, "cohort", ["run"])
        # The chief may have called before the worker starts.
        with pytest.raises(UserError, match="knows no run"):
            follow(tmp_path, make_job)


def test_a_call_whose_chief_has_ended_is_not_joined(tmp_path):
    worker_files.call(tmp_path, "cohort", ["run"])
    # A chief that was killed leaves its file.
    with Presence(tmp_path, 0):
        left = (tmp_path / worker_files.FOLDER / "0.json").read_text()
    (tmp_path / worker_files.FOLDER / "0.json").write_text(left)
    with pytest.raises(Deserted):
        follow(tmp_path, patience=0.5)


def lose(job, report, should_stop):
    """Loses its peer as often as the file `losses` says, then trains."""
    losses = job.runs / "losses"
    left = int(losses.read_text())
    if left:
        losses.write_text(str(left - 1))
        raise PeerLost("another worker has ended")
    stub_training.train(job, report, should_stop)


def leave(job, report, should_stop):
    raise Deserted("worker 1 did not come")


def train(runs, work, events):
    made = stub_training.cohorts("baseA")
    return stub_training.train_all(runs, made, events.append, work=work)


def test_a_cohort_that_lost_a_worker_is_trained_again(tmp_path):
    (tmp_path / "losses").write_text("1")
    events = []
    assert train(tmp_path, lose, events) == []
    assert EventKind.WORKER_LOST in [event.kind for event in events]
    assert not failures.read(tmp_path)
    assert [r.treatment for r in records.read_records(tmp_path)] == ["baseA"]


def test_a_cohort_that_keeps_losing_workers_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(multi_worker, "MOST_ATTEMPTS", 1)
    (tmp_path / "losses").write_text("9")
    (lost,) = train(tmp_path, lose, [])
    assert lost.message.startswith("another worker has ended; see ")
    assert lost.message.endswith("(1 times without progress)")
    assert list(failures.read(tmp_path)) == [lost.cohort.runs[0].run_id]


def test_a_step_beyond_the_furthest_is_progress(monkeypatch):
    monkeypatch.setattr(multi_worker, "MOST_ATTEMPTS", 2)
    attempts = multi_worker.Attempts()
    assert not attempts.lost("cohort")
    attempts.reached("cohort", 5)
    assert not attempts.lost("cohort")
    attempts.reached("cohort", 5)
    assert attempts.lost("cohort")


def test_a_missing_worker_ends_the_study_and_fails_no_cohort(tmp_path):
    with pytest.raises(Deserted, match="worker 1 did not come"):
        train(tmp_path, leave, [])
    assert not failures.read(tmp_path)
