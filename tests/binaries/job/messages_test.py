"""How commands end: what they print and write, and under which lock."""

import contextlib
import errno
import os
import pathlib
import types

import fabricate
import pytest
from commands import python

from yosinski_tf.binaries import report
from yosinski_tf.binaries.job import (
    command_line,
    execution,
    messages,
    options,
    planning,
    treatments_job,
)
from yosinski_tf.report import write_report
from yosinski_tf.scheduling.events import Event, EventKind
from yosinski_tf.study import records
from yosinski_tf.system import locks
from yosinski_tf.system.errors import UserError


class Flags(types.SimpleNamespace):
    """Values of flags, all of them given."""

    def __getitem__(self, name):
        return types.SimpleNamespace(present=True, value=getattr(self, name))


@pytest.mark.parametrize("code", command_line.STOPPED)
def test_a_command_that_was_stopped_writes_no_results(tmp_path, monkeypatch, code):
    flags = Flags(
        plan="",
        treatments=["baseA"],
        split=["random:0"],
        with_bases=False,
        dry_run=False,
    )
    study = types.SimpleNamespace(
        network=types.SimpleNamespace(stage_names=("conv1", "fc8")), source=None
    )
    given = types.SimpleNamespace(settings=study)
    plan = types.SimpleNamespace(runs=tmp_path, wanted=(), options=given)
    monkeypatch.setattr(treatments_job, "FLAGS", flags)
    monkeypatch.setattr(options, "from_flags", lambda: given)
    monkeypatch.setattr(planning, "make_plan", lambda *unused, with_bases: plan)
    monkeypatch.setattr(planning, "missing_bases", lambda plan: [])
    monkeypatch.setattr(execution, "execute", lambda plan: code)
    assert treatments_job.train({"base"}) == code
    assert list(tmp_path.iterdir()) == []


def test_a_comparison_is_written_under_the_lock_of_the_report(
    tmp_path, monkeypatch, capsys
):
    for record in fabricate.study():
        records.write_record(tmp_path, record)
    held = []

    def write_comparison(runs, measure):
        with locks.held(runs, locks.REPORT) as free:
            held.append(not free)
        return write_report.ReportPaths(*[tmp_path / "results.csv"] * 5)

    flags = Flags(runs=str(tmp_path), published=True, measure="top1")
    monkeypatch.setattr(report, "FLAGS", flags)
    monkeypatch.setattr(report.published_report, "write_comparison", write_comparison)
    assert report._main() == 0
    assert held == [True]


def test_control_characters_of_a_failure_are_escaped(capsys):
    run = types.SimpleNamespace(run_id="run")
    cohort = types.SimpleNamespace(runs=(run,))
    event = Event(EventKind.FAILED, cohort, message="a\x1b[2Jb")
    messages.tell_lost([event], [])
    told = capsys.readouterr().err
    assert told == "Failed: a\\x1b[2Jb (not trained: run)\n"


RATE = {"learning_rate": 0.015}
ADVICE = (
    "A loss or a weight was not finite: train with a lower --learning_rate, such as"
    " 0.005 (it was 0.015), in another --runs folder.\n"
)


def made(treatment, status="diverged"):
    return fabricate.record(treatment, 0.0, status=status, steps=58, recipe=RATE)


def test_networks_that_diverge_are_listed_with_what_to_try(capsys):
    records = [made("baseA"), made("baseB", "finished"), made("A3B")]
    messages.tell_lost([], records)
    assert capsys.readouterr().err == (
        "Diverged at step 58: random-0-baseA-s0\n"
        "Diverged at step 58: random-0-A3B-s0\n" + ADVICE
    )
    messages.tell_lost([], records[1:2])
    assert capsys.readouterr().err == ""


def test_networks_that_diverged_earlier_are_listed_with_what_to_try(capsys):
    messages.tell_not_tried(["one", "other"], {"other": made("baseA")}, {})
    told = capsys.readouterr().err
    assert told == "Diverged at step 58: random-0-baseA-s0\n" + ADVICE


@pytest.mark.parametrize(
    "status, earlier, code",
    [
        ({"baseA": "diverged"}, (), 1),
        ({"baseA": "diverged", "baseB": "diverged"}, ("baseA",), 1),
        ({"baseA": "diverged", "baseB": "finished"}, (), 0),
        ({"baseA": "diverged", "baseB": "finished"}, ("baseA",), 0),
        ({"baseA": "finished"}, (), 0),
    ],
)
def test_the_exit_code_is_1_if_all_networks_diverged(
    monkeypatch, status, earlier, code
):
    records = {made(name).run_id: made(name, each) for name, each in status.items()}
    plan = types.SimpleNamespace(
        runs=pathlib.Path("runs"),
        notes=(),
        summary=str,
        processes=1,
        cohorts=(),
        wanted=[types.SimpleNamespace(run_id=run_id) for run_id in records],
        diverged={run_id: records[run_id] for run_id in map(_run_id, earlier)},
        failed_earlier=0,
        options=types.SimpleNamespace(retries=2),
        at_a_time=1,
    )
    display = contextlib.nullcontext(types.SimpleNamespace(finished=1, seconds=1.0))
    monkeypatch.setattr(execution, "_display", lambda plan: display)
    monkeypatch.setattr(execution, "records_by_id", lambda runs: records)
    monkeypatch.setattr(execution, "_engine", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(execution.scheduler, "train_all", lambda *_, **options: [])
    assert execution._train(plan, None, lambda event, display: None) == code


def _run_id(treatment):
    return made(treatment).run_id


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "no room on the disk of runs to write a file (No space left"),
        (errno.EACCES, "cannot write to runs/x (Permission denied): make runs"),
    ],
)
def test_a_folder_that_cannot_be_written_to_is_one_sentence(number, told):
    with pytest.raises(UserError) as caught:
        with messages.writing_to(pathlib.Path("runs")):
            raise OSError(number, os.strerror(number), "runs/x")
    assert told in str(caught.value)


def test_an_export_makes_the_folder_of_its_log(tmp_path):
    code = (
        "import pathlib, sys, types\n"
        "from yosinski_tf.binaries import study\n"
        "fake = types.ModuleType('yosinski_tf.export.saved_model')\n"
        "fake.export = lambda *arguments: print('exported')\n"
        "sys.modules['yosinski_tf.export.saved_model'] = fake\n"
        "runs = pathlib.Path(sys.argv[1])\n"
        "study._export_one(runs, 'run', runs / 'export')\n"
    )
    ended = python(code, tmp_path / "runs")
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "runs/logs/export.log").read_text() == "exported\n"
