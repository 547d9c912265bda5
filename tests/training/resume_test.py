"""A training continues from a checkpoint and ends with the same bits."""

import dataclasses

import pytest
import tiny

from yosinski_tf.experiment.cohorts import Cohort, apart
from yosinski_tf.training import checkpoints, stopwatch, trainer
from yosinski_tf.training.save_clock import Interval

# With dropout in a trunk that two networks share, and in heads.
NAMES = ("R7B", "baseB", "R6B")


@pytest.fixture(scope="module")
def whole(tmp_path_factory, images):
    """The study folder of a training that was not interrupted."""
    runs = tmp_path_factory.mktemp("whole")
    trainer.train(tiny.make_job(runs, images, NAMES, tiny.LONG_RECIPE))
    return runs


def every(job, steps):
    return dataclasses.replace(job, checkpoint_every=Interval(steps=steps))


def assert_same_study(whole, other):
    tiny.assert_same_runs(whole, other, NAMES)
    for name in NAMES:
        one, two = tiny.record_of(whole, name), tiny.record_of(other, name)
        assert (one.steps, one.top1, one.loss) == (150, two.top1, two.loss)
        assert one.cohort["runs"] == two.cohort["runs"]
        assert two.cohort["size"] == len(NAMES)


def train_and_report(job, monkeypatch):
    """Trains; returns the steps that were reported, and the notes."""
    monkeypatch.setattr(stopwatch, "SECONDS_PER_REPORT", 1e-9)
    # Keras still takes as many steps in a call as allowed.
    monkeypatch.setattr(trainer, "_ASSUMED_RATE", 1e30)
    reports = []
    trainer.train(job, report=reports.append)
    notes = [each.note for each in reports if each.note]
    return [each.step for each in reports if not each.note], notes


# The default interval is longer than the whole training.
@pytest.mark.parametrize(
    "interval",
    [Interval(steps=40), pytest.param(Interval(minutes=1.0), marks=pytest.mark.slow)],
)
def test_the_rest_of_a_cohort_continues_without_the_finished_runs(
    tmp_path, images, whole, monkeypatch, interval
):
    def with_interval(names):
        job = tiny.make_job(tmp_path, images, names, tiny.LONG_RECIPE)
        return dataclasses.replace(job, checkpoint_every=interval)

    job = with_interval(NAMES)
    write = trainer.write_record
    written = []

    def killed(runs, record):
        if written:
            raise SystemError("as if it were killed here")
        written.append(record.treatment)
        write(runs, record)

    monkeypatch.setattr(trainer, "write_record", killed)
    with pytest.raises(SystemError):
        trainer.train(job)
    monkeypatch.undo()
    assert written == ["R7B"]
    assert tiny.folder_of(tmp_path, "R7B").joinpath("record.json").exists()
    assert not tiny.folder_of(tmp_path, "R6B").joinpath("record.json").exists()
    # Fewer runs are left to train, here also in another order.
    left = with_interval(["R6B", "baseB"])
    steps, notes = train_and_report(left, monkeypatch)
    assert notes == []
    # Steps 1 to 100 are not taken again.
    assert min(steps, default=150) > 100
    assert_same_study(whole, tmp_path)
    assert not list(tmp_path.glob("cohorts/*"))


def test_begun_runs_continue_when_networks_are_added_and_cohorts_change(
    tmp_path, images, whole, monkeypatch
):
    two, three = (
        tiny.make_job(tmp_path, images, names, tiny.LONG_RECIPE)
        for names in (("R7B", "R6B"), NAMES)
    )
    tiny.stop_training(two)
    begun, added = apart([three.cohort], checkpoints.held(tmp_path))
    assert [str(run.treatment) for run in added.runs] == ["baseB"]
    # From now on every cohort has one network, and another id.
    for run in begun.runs:
        cohort = Cohort(f"cohort_{run.treatment}", (run,))
        left = dataclasses.replace(three, cohort=cohort)
        steps, notes = train_and_report(left, monkeypatch)
        assert notes == []
        assert min(steps) > 64
    assert not list(tmp_path.glob("cohorts/*"))
    steps, notes = train_and_report(
        dataclasses.replace(three, cohort=added), monkeypatch
    )
    assert (min(steps), notes) == (64, [])
    tiny.assert_same_runs(whole, tmp_path, NAMES)


def test_a_note_names_a_damaged_checkpoint_and_the_one_before_is_used(
    tmp_path, images, whole, monkeypatch
):
    job = every(tiny.make_job(tmp_path, images, NAMES, tiny.LONG_RECIPE), 30)
    tiny.stop_training(job, answers=2)
    files = tiny.checkpoint_steps(tmp_path)
    assert sorted(files) == [60, 90]
    files[90].write_bytes(files[90].read_bytes()[:-1000])
    steps, (note,) = train_and_report(job, monkeypatch)
    assert files[90].name in note and "is damaged" in note
    assert "goes on from step 60" in note
    assert min(steps) == 90
    assert_same_study(whole, tmp_path)


def test_without_a_checkpoint_that_can_be_used_it_starts_again(
    tmp_path, images, whole, monkeypatch
):
    job = every(tiny.make_job(tmp_path, images, ["baseB"], tiny.LONG_RECIPE), 30)
    tiny.stop_training(job)
    (path,) = tmp_path.glob("cohorts/*")
    path.write_bytes(path.read_bytes().replace(b"kernel", b"kernal"))
    steps, (note,) = train_and_report(job, monkeypatch)
    assert path.name in note and "starts again" in note
    assert min(steps) == 30
    tiny.assert_same_runs(whole, tmp_path, ["baseB"])
