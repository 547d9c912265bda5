"""Notes of what failed: odd ones are one sentence, and no terminal obeys one."""

import dataclasses
import errno
import json
import os
import pathlib

import pytest

from yosinski_tf.binaries.job import messages
from yosinski_tf.study import failures
from yosinski_tf.system.errors import UserError


def noted(runs, **changes):
    """A folder with the note of one run, some fields replaced."""
    (runs / "run").mkdir()
    failure = failures.Failure("run", "it broke", "logs/x.log", "2026-01-01")
    fields = {**dataclasses.asdict(failure), **changes}
    path = runs / "run" / failures.FAILURE_NAME
    path.write_text(json.dumps(fields))
    return path


def test_what_is_noted_is_read(tmp_path):
    failures.note(tmp_path, ["a", "b"], "it broke", pathlib.Path("x.log"))
    found = failures.read(tmp_path)
    assert sorted(found) == ["a", "b"]
    assert (found["a"].message, found["a"].log) == ("it broke", "x.log")
    failures.forget(tmp_path, ["a", "c"])
    assert sorted(failures.read(tmp_path)) == ["b"]
    assert failures.failed(tmp_path, "b") and not failures.failed(tmp_path, "a")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[" * 100_000, "recursion"),
        ("[]", "no JSON object"),
        ("{", "Expecting"),
        ("{}", "missing 4"),
    ],
)
def test_a_note_that_is_none_is_refused_by_name(tmp_path, text, told):
    path = noted(tmp_path)
    path.write_text(text)
    with pytest.raises(UserError, match=told) as caught:
        failures.read(tmp_path)
    assert str(path) in str(caught.value)
    assert "delete it to train its run again" in str(caught.value)


def test_a_note_of_odd_values_is_refused(tmp_path):
    noted(tmp_path, message=1, failed_at=[])
    with pytest.raises(UserError, match=r"message .needs str, found 1.*failed_at"):
        failures.read(tmp_path)


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ESTALE])
def test_a_note_that_went_away_meanwhile_is_none(tmp_path, monkeypatch, number):
    noted(tmp_path)

    def gone(self, *unused):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(pathlib.Path, "read_text", gone)
    assert failures.read(tmp_path) == {}


def test_a_note_tells_a_terminal_nothing(tmp_path, capsys):
    noted(tmp_path, message="a\x1b[2Jb", failed_at="\x1b]0;x")
    messages.tell_not_tried(["run"], [], failures.read(tmp_path))
    first, last = capsys.readouterr().err.splitlines()
    assert first == (r"Failed earlier (\x1b]0;x), not tried again: run: a\x1b[2Jb")
    assert last == "--retry_failed tries them again."
