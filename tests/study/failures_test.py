"""Notes of failed runs: broken ones are refused, none can control a terminal."""

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


def test_a_note_is_read_back_and_removed(tmp_path):
    failures.note(tmp_path, ["a", "b"], "it broke", pathlib.Path("x.log"))
    found = failures.read(tmp_path)
    assert sorted(found) == ["a", "b"]
    assert (found["a"].message, found["a"].log) == ("it broke", "x.log")
    failures.forget(tmp_path, ["a", "c"])
    assert sorted(failures.read(tmp_path)) == ["b"]
    assert failures.failed(tmp_path, "b") and not failures.failed(tmp_path, "a")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "recursion"),
        ("[]", "no JSON object"),
        ("{", "Expecting"),
        ("{}", r"missing fields \['failed_at', 'log', 'message', 'run_id'\]"),
    ],
)
def test_a_broken_note_is_refused(tmp_path, text, words):
    path = noted(tmp_path)
    path.write_text(text)
    with pytest.raises(UserError, match=words) as caught:
        failures.read(tmp_path)
    assert str(path) in str(caught.value)
    assert "delete it to train its run again" in str(caught.value)


def test_a_note_with_wrong_types_is_refused(tmp_path):
    noted(tmp_path, message=1, failed_at=[])
    with pytest.raises(UserError, match=r"message .needs str, found 1.*failed_at"):
        failures.read(tmp_path)


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ESTALE])
def test_a_note_that_is_removed_while_it_is_read_is_skipped(
    tmp_path, monkeypatch, number
):
    noted(tmp_path)

    def gone(self, *unused):
        self.unlink()
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(pathlib.Path, "read_text", gone)
    assert failures.read(tmp_path) == {}


def test_control_characters_of_a_note_are_escaped(tmp_path, capsys):
    noted(tmp_path, message="a\x1b[2Jb", failed_at="\x1b]0;x")
    messages.tell_not_tried(["run"], {}, failures.read(tmp_path))
    first, last = capsys.readouterr().err.splitlines()
    assert first == (r"Failed earlier (\x1b]0;x), not tried again: run: a\x1b[2Jb")
    assert last == "--retry_failed tries them again."
