"""A disk that is full: one sentence, nothing lost, and on again with room."""

import contextlib
import errno
import json
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
import stub_training
from commands import TINY, draw_folder, run

from yosinski_tf.data.sources.image_set import make_image_set
from yosinski_tf.report import write_report
from yosinski_tf.study import records
from yosinski_tf.study.folder import make_study_folder
from yosinski_tf.study.image_source import sign
from yosinski_tf.study.settings import DataSource, check_folder, make_settings
from yosinski_tf.system.files import DiskFull, remove_leftovers, write_atomically


@contextlib.contextmanager
def small_disk(folder: pathlib.Path, size: str):
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root")
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this system does not let a small disk be mounted")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(path: pathlib.Path, leave: int) -> None:
    """Fills the disk with one file but for some bytes."""
    state = os.statvfs(path.parent)
    path.write_bytes(bytes(max(0, state.f_bavail * state.f_frsize - leave)))


@pytest.mark.parametrize(
    "leave",
    [
        # Each takes some 15 seconds.
        pytest.param(100_000, marks=pytest.mark.slow),
        pytest.param(0, marks=pytest.mark.slow),
        pytest.param(20_000, marks=pytest.mark.slow),
    ],
)
def test_a_study_on_a_full_disk_says_so_and_goes_on_with_room(tmp_path, leave):
    images = draw_folder(tmp_path / "data", 6)
    with small_disk(tmp_path / "disk", "4M") as disk:
        runs, filler = disk / "runs", disk / "filler"
        shared = [f"--runs={runs}", f"--dataset=folder:{images}", *TINY]
        if leave == 20_000:
            assert run("base", *shared, "--treatments=baseA").returncode == 0
        fill(filler, leave)
        full = run("base", *shared, "--treatments=baseA,baseB")
        assert full.returncode == 2, full.stderr
        last = full.stderr.strip().splitlines()[-1]
        assert f"no room on the disk of {disk}" in last
        assert "finished work is kept" in last
        assert "Traceback" not in full.stderr
        assert not list(runs.glob("*/failure.json"))
        records = {path: path.read_bytes() for path in runs.glob("*/record.json")}
        if leave != 100_000:
            assert len(records) == (1 if leave == 20_000 else 0)
        filler.unlink()
        done = run("base", *shared, "--treatments=baseA,baseB")
        assert done.returncode == 0, done.stderr
        assert (
            records.items()
            <= {path: path.read_bytes() for path in runs.glob("*/record.json")}.items()
        )
        for half in "AB":
            record = json.loads(
                (runs / f"random-0_base{half}_seed0" / "record.json").read_text()
            )
            assert record["status"] == "finished"
        assert not list(runs.rglob("*.part"))


class Disk:
    """Stands before the calls that take room, and refuses one of them."""

    def __init__(self, monkeypatch):
        self.calls, self.refused = 0, None
        for name in ("link", "mkdir", "replace"):
            monkeypatch.setattr(os, name, self._counted(getattr(os, name)))
        # Waiting for the real disk would tell nothing more.
        monkeypatch.setattr(os, "fsync", self._counted(lambda number: None))

    def _counted(self, real):
        def call(*arguments, **options):
            self.calls += 1
            if self.calls == self.refused:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*arguments, **options)

        return call

    def restart(self, refused):
        self.calls, self.refused = 0, refused


SETTINGS = make_settings(
    DataSource("embedded", 8), stub_training.NETWORK, stub_training.RECIPE, 1
)


def _images():
    pixels = np.arange(8 * 8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 8, 3)
    part = (pixels, np.arange(8))
    return make_image_set("embedded", stub_training.NAMES, None, part, part)


def _whole_study(runs):
    """All that a study writes, but for what TensorFlow writes."""
    check_folder(runs, SETTINGS)
    make_study_folder(runs, SETTINGS, _images(), sign(SETTINGS))
    remove_leftovers(runs)
    for cohort in stub_training.cohorts("A1B,B1B"):
        done = records.records_by_id(runs)
        if any(run.run_id not in done for run in cohort.runs):
            job = stub_training.job(runs, cohort)
            stub_training.train(job, lambda progress: None, lambda: False)
    write_report.write_report(runs)


def _content(runs):
    return {
        path.relative_to(runs): path.read_bytes()
        for path in runs.rglob("*")
        if path.is_file() and path.name not in ("trained.txt", ".guard")
    }


WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@pytest.fixture(scope="module")
def opened():
    """Paths that are opened for writing, as long as the list is asked for."""
    found: list[str] = []
    watching = [True]

    def watch(event, arguments):
        if watching[0] and event == "open" and arguments[2] & WRITING:
            found.append(str(arguments[0]))

    # There is no way to remove it.
    sys.addaudithook(watch)
    yield found
    watching[0] = False


def test_nothing_is_written_under_the_name_that_is_read(tmp_path, opened):
    opened.clear()
    _whole_study(tmp_path)
    names = {pathlib.Path(path).name for path in opened if str(tmp_path) in path}
    # Only asked whether it is locked; only written by this test's training.
    names -= {".guard", "trained.txt"}
    assert len(names) >= 16
    assert [name for name in names if not re.fullmatch(r"\..+\.part", name)] == []


def test_any_write_may_find_the_disk_full(tmp_path, monkeypatch):
    for name in ("figure2", "figure3"):

        def draw(data, path, title):
            write_atomically(path, f"{len(data.networks)} networks".encode())
            return path

        monkeypatch.setattr(write_report.paper_figures, name, draw)
    disk = Disk(monkeypatch)
    _whole_study(tmp_path / "whole")
    number, whole = disk.calls, _content(tmp_path / "whole")
    assert number > 40 and len(whole) > 18
    refusals = 0
    for refused in range(1, number + 1):
        runs = tmp_path / str(refused)
        disk.restart(refused)
        try:
            _whole_study(runs)
        except DiskFull as error:
            refusals += 1
            assert str(error).startswith(f"no room on the disk of {tmp_path}")
        left = _content(runs) if runs.exists() else {}
        # What is there is there in full, and nothing else is.
        assert left.items() <= whole.items(), refused
        if runs.exists():
            records.read_records(runs)
        disk.restart(None)
        _whole_study(runs)
        assert _content(runs) == whole
    # A folder that is there already needs no room.
    assert number - refusals == 4
