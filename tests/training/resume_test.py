"""Going on from a checkpoint, whatever happened: bit for bit the same end."""

import dataclasses

import pytest
from tiny import (
    LONG_RECIPE,
    assert_same,
    draw_images,
    folder_of,
    make_job,
    record_of,
    weights_of,
    without_times,
)

from yosinski_tf.experiment.cohorts import Cohort, apart
from yosinski_tf.training import checkpoints, stopwatch, trainer
from yosinski_tf.training.job import Stopped
from yosinski_tf.training.save_clock import Interval

# Dropout in a trunk that two share and in heads.
NAMES = ("R7B", "baseB", "R6B")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return draw_images(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory, images):
    """The study folder of a training that nothing happened to."""
    runs = tmp_path_factory.mktemp("whole")
    trainer.train(make_job(runs, images, NAMES, LONG_RECIPE))
    return runs


def every(job, steps):
    return dataclasses.replace(job, checkpoint_every=Interval(steps=steps))


def assert_same_study(whole, other, names=NAMES):
    for name in names:
        assert_same(weights_of(whole, name), weights_of(other, name))
        one, two = record_of(whole, name), record_of(other, name)
        assert without_times(one.history) == without_times(two.history)
        assert one.weights_sha256 == two.weights_sha256
        assert (one.steps, one.top1, one.loss) == (150, two.top1, two.loss)
        assert one.cohort["runs"] == two.cohort["runs"]
        assert two.cohort["size"] == len(NAMES)


def steps_of(job, monkeypatch):
    """Trains; the steps that were reported and the notes."""
    monkeypatch.setattr(stopwatch, "SECONDS_PER_REPORT", 1e-9)
    # Calls as long as they get, all the same.
    monkeypatch.setattr(trainer, "_ASSUMED_RATE", 1e30)
    told = []
    trainer.train(job, report=told.append)
    notes = [each.note for each in told if each.note]
    return [each.step for each in told if not each.note], notes


# The default interval is longer than the whole training takes.
@pytest.mark.parametrize("interval", [Interval(steps=40), Interval(minutes=1.0)])
def test_what_is_left_of_a_cohort_goes_on_without_the_others(
    tmp_path, images, whole, monkeypatch, interval
):
    def with_interval(names):
        job = make_job(tmp_path, images, names, LONG_RECIPE)
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
    assert folder_of(tmp_path, "R7B").joinpath("record.json").exists()
    assert not folder_of(tmp_path, "R6B").joinpath("record.json").exists()
    # The study has less left to train now, here in another order too.
    left = with_interval(["R6B", "baseB"])
    steps, notes = steps_of(left, monkeypatch)
    assert notes == []
    # Steps 1 to 100 are not taken again.
    assert min(steps, default=150) > 100
    assert_same_study(whole, tmp_path)
    assert not list(tmp_path.glob("cohorts/*"))


def test_networks_are_added_and_cohorts_packed_anew_without_starting_again(
    tmp_path, images, whole, monkeypatch
):
    two, three = (
        make_job(tmp_path, images, names, LONG_RECIPE)
        for names in (
            ("R7B", "R6B"),
            NAMES,
        )
    )
    with pytest.raises(Stopped):
        trainer.train(two, should_stop=lambda: True)
    going_on, added = apart([three.cohort], checkpoints.held(tmp_path))
    assert [str(run.treatment) for run in added.runs] == ["baseB"]
    # Cohorts of one from now on: these have other names.
    for run in going_on.runs:
        cohort = Cohort(f"cohort_{run.treatment}", (run,))
        left = dataclasses.replace(three, cohort=cohort)
        steps, notes = steps_of(left, monkeypatch)
        assert notes == []
        assert min(steps) > 64
    assert not list(tmp_path.glob("cohorts/*"))
    steps, notes = steps_of(dataclasses.replace(three, cohort=added), monkeypatch)
    assert (min(steps), notes) == (64, [])
    for name in NAMES:
        assert_same(weights_of(whole, name), weights_of(tmp_path, name))


def test_a_damaged_checkpoint_is_told_and_the_one_before_it_used(
    tmp_path, images, whole, monkeypatch
):
    job = every(make_job(tmp_path, images, NAMES, LONG_RECIPE), 30)

    def stop_after(chances):
        left = iter([False] * chances)
        return lambda: next(left, True)

    with pytest.raises(Stopped):
        trainer.train(job, should_stop=stop_after(2))
    files = {int(path.name.split(".")[-2]): path for path in tmp_path.glob("cohorts/*")}
    assert sorted(files) == [60, 90]
    files[90].write_bytes(files[90].read_bytes()[:-1000])
    steps, (note,) = steps_of(job, monkeypatch)
    assert files[90].name in note and "is damaged" in note
    assert "goes on from step 60" in note
    assert min(steps) == 90
    assert_same_study(whole, tmp_path)


def test_without_a_checkpoint_that_is_whole_it_starts_again(
    tmp_path, images, whole, monkeypatch
):
    job = every(make_job(tmp_path, images, ["baseB"], LONG_RECIPE), 30)
    with pytest.raises(Stopped):
        trainer.train(job, should_stop=lambda: True)
    (path,) = tmp_path.glob("cohorts/*")
    path.write_bytes(path.read_bytes().replace(b"kernel", b"kernal"))
    steps, (note,) = steps_of(job, monkeypatch)
    assert path.name in note and "starts again" in note
    assert min(steps) == 30
    assert_same(weights_of(whole, "baseB"), weights_of(tmp_path, "baseB"))
