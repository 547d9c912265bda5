"""How commands end: what they print and write, and under which lock."""

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
from yosinski_tf.system.processes import this_process


class Flags(types.SimpleNamespace):
    """Values of flags, all of them given."""

    def __getitem__(self, name):
        return types.SimpleNamespace(present=True, value=getattr(self, name))


@pytest.mark.parametrize("code", command_line.STOPPED)
def test_a_command_that_was_stopped_writes_no_results(tmp_path, monkeypatch, code):
    flags = Flags(plan="", treatments=["baseA"], split=["random:0"], with_bases=False)
    distribution = types.SimpleNamespace(follows=False)
    study = types.SimpleNamespace(
        network=types.SimpleNamespace(stage_names=("conv1", "fc8")), source=None
    )
    given = types.SimpleNamespace(distribution=distribution, settings=study)
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
        held.append(set(locks.holders(runs, ["report"])))
        return write_report.ReportPaths(*[tmp_path / "results.csv"] * 5)

    flags = Flags(runs=str(tmp_path), published=True, measure="top1")
    monkeypatch.setattr(report, "FLAGS", flags)
    monkeypatch.setattr(report.published_report, "write_comparison", write_comparison)
    assert report._main() == 0
    assert held == [{"report"}]
    assert not locks.holders(tmp_path, ["report"])


def test_the_user_learns_which_process_is_waited_for(capsys):
    messages.tell_waiting(locks.Busy("folder", this_process()))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Waiting: folder is held by ")
    assert str(os.getpid()) in line
    assert line.endswith("if its machine has ended, for up to 5 minutes.")


def test_control_characters_of_a_failure_are_escaped(capsys):
    run = types.SimpleNamespace(run_id="run")
    cohort = types.SimpleNamespace(runs=(run,))
    event = Event(EventKind.FAILED, cohort, message="a\x1b[2Jb")
    messages.tell_lost([event], [])
    told = capsys.readouterr().err
    assert told == "Failed: a\\x1b[2Jb (not trained: run)\n"


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
