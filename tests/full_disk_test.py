"""A full disk: one sentence, no loss, and the same command goes on with room."""

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
from commands import TINY, draw_folder, run, succeed

from yosinski_tf.data.sources.image_set import make_image_set
from yosinski_tf.report import write_report
from yosinski_tf.study import records
from yosinski_tf.study.folder import make_study_folder
from yosinski_tf.study.image_source import sign
from yosinski_tf.study.settings import DataSource, check_folder, make_settings
from yosinski_tf.system import locks
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


def _records(runs: pathlib.Path) -> dict[pathlib.Path, bytes]:
    return {path: path.read_bytes() for path in runs.glob("*/record.json")}


def fill(path: pathlib.Path, leave: int) -> None:
    """Fills the disk with one file, except for some bytes."""
    state = os.statvfs(path.parent)
    path.write_bytes(bytes(max(0, state.f_bavail * state.f_frsize - leave)))


@pytest.mark.slow  # about 15 s each
@pytest.mark.parametrize("engine", ["local", "ray"])
@pytest.mark.parametrize("leave", [100_000, 0, 20_000])
def test_a_study_on_a_full_disk_says_so_and_goes_on_with_room(tmp_path, leave, engine):
    pytest.importorskip(engine if engine == "ray" else "keras", reason="needs Ray")
    images = draw_folder(tmp_path / "data", 6)
    # Ray's logs are in the study folder.
    with small_disk(tmp_path / "disk", "16M" if engine == "ray" else "4M") as disk:
        runs, filler = disk / "runs", disk / "filler"
        shared = [f"--runs={runs}", f"--dataset=folder:{images}", *TINY]
        shared.append(f"--engine={engine}")
        if leave == 20_000:
            succeed("base", *shared, "--treatments=baseA")
        fill(filler, leave)
        full = run("base", *shared, "--treatments=baseA,baseB")
        assert full.returncode == 2, full.stderr
        last = full.stderr.strip().splitlines()[-1]
        assert f"no room on the disk of {disk}" in last
        assert "finished work is kept" in last
        assert "Traceback" not in full.stderr
        assert not list(runs.glob("*/failure.json"))
        before = _records(runs)
        if leave != 100_000:
            assert len(before) == (1 if leave == 20_000 else 0)
        filler.unlink()
        succeed("base", *shared, "--treatments=baseA,baseB")
        after = _records(runs)
        assert before.items() <= after.items() and len(after) == 2
        assert {json.loads(r)["status"] for r in after.values()} == {"finished"}
        assert not list(runs.rglob("*.part"))


class Disk:
    """Counts the calls that need room on the disk, and refuses one of them."""

    def __init__(self, monkeypatch):
        self.calls, self.refused = 0, None
        for name in ("link", "mkdir", "replace"):
            monkeypatch.setattr(os, name, self._counted(getattr(os, name)))
        # The real call would only take time.
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
    """Writes all files of a study, except for those that TensorFlow writes."""
    with locks.driving(runs):
        check_folder(runs, SETTINGS)
        make_study_folder(runs, SETTINGS, _images(), sign(SETTINGS))
        remove_leftovers(runs)
        for cohort in stub_training.cohorts("A1B,B1B"):
            done = records.records_by_id(runs)
            if any(run.run_id not in done for run in cohort.runs):
                job = stub_training.job(runs, cohort)
                stub_training.train(job, lambda progress: None, lambda: False)
        write_report.write_report(runs)


# A lock without content and its folder, and files of this test's training.
OTHERS = {"driver.lock", "locks", "trained.txt", "said.txt"}


def _content(runs):
    # The page names the folder in its commands.
    return {
        path.relative_to(runs): path.read_bytes().replace(str(runs).encode(), b"RUNS")
        for path in runs.rglob("*")
        if path.is_file() and path.name not in OTHERS
    }


WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@pytest.fixture(scope="module")
def opened():
    """Paths that are opened for writing while the fixture is used."""
    found: list[str] = []
    watching = [True]

    def watch(event, arguments):
        if watching[0] and event == "open" and arguments[2] & WRITING:
            found.append(str(arguments[0]))

    # An audit hook cannot be removed.
    sys.addaudithook(watch)
    yield found
    watching[0] = False


def test_files_are_written_under_a_temporary_name(tmp_path, opened):
    opened.clear()
    _whole_study(tmp_path)
    names = {pathlib.Path(path).name for path in opened if str(tmp_path) in path}
    names -= OTHERS
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
        # All files that exist are complete, and no others exist.
        assert left.items() <= whole.items(), refused
        if runs.exists():
            records.read_records(runs)
        disk.restart(None)
        _whole_study(runs)
        assert _content(runs) == whole
    # An existing folder needs no room.
    assert number - refusals == 6
