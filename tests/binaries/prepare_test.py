"""yosinski-prepare as a user meets it: stopped, killed, on a full disk."""

import dataclasses
import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
import terminals
from commands import ENVIRONMENT, run, start, succeed
from PIL import Image
from stores import content, draw, make

from yosinski_tf.data.store.format import description, open_store

FLAGS = ("--image_size=16", "--encoding=raw", "--shard_records=4", "--processes=2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("images") / "images")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Images that take some time: 120 of 400 x 400 pixels."""
    folder = tmp_path_factory.mktemp("large") / "images"
    noise = np.random.RandomState(0).randint(0, 256, (400, 400, 3)).astype(np.uint8)
    Image.fromarray(noise).save(folder.with_suffix(".png"), compress_level=1)
    for part, count in (("train", 50), ("val", 10)):
        for name in ("ant", "bee"):
            (folder / part / name).mkdir(parents=True)
            for k in range(count):
                os.link(
                    folder.with_suffix(".png"), folder / part / name / f"{k:03d}.png"
                )
    return folder


def finished(out):
    partial = out.with_name(f"{out.name}.partial")
    return {
        path.name: path.stat().st_mtime_ns
        for path in (partial / "store").glob("images-*")
    }


def test_a_stopped_and_a_killed_preparation_go_on(large, tmp_path):
    whole = make(f"folder:{large}", tmp_path / "whole")
    out = tmp_path / "store"
    arguments = (f"--source=folder:{large}", f"--out={out}", *FLAGS)
    before = {}
    for number in (signal.SIGHUP, signal.SIGKILL, signal.SIGINT):
        process = start("prepare", *arguments)
        deadline, wanted = time.monotonic() + 60, len(before) + 3
        while len(finished(out)) < wanted:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        if number != signal.SIGKILL:
            # A terminal sends Ctrl-C, and SIGHUP at its end, to all of its processes.
            for child in psutil.Process(process.pid).children(recursive=True):
                child.send_signal(number)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        assert not out.exists()
        assert err.splitlines()[0] == f"preparing {4 * len(before)}/120 images"
        if number == signal.SIGKILL:
            assert process.returncode == -number
            # Its worker processes end by themselves within a second.
            time.sleep(1)
        else:
            assert process.returncode == 128 + number
            assert "Traceback" not in err
            assert err.endswith("Stopped; the same command goes on from here.\n")
            assert list((tmp_path / "store.partial/store").glob(".*")) == []
        after = finished(out)
        # Finished files are not made again.
        assert before.items() <= after.items() and len(after) < 30
        before = after
    ended = succeed("prepare", *arguments)
    assert "train        100 images of 2 classes, 50 to 50 of each" in ended.stdout
    assert "preparing 120/120 images, " in ended.stderr
    assert " images/s" in ended.stderr
    times = {path.name: path.stat().st_mtime_ns for path in out.glob("images-*")}
    assert before.items() <= times.items() and len(times) == 30
    assert content(out) == content(whole.folder)
    assert open_store(out).fingerprint == whole.fingerprint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store", "whole"]


def test_no_room_for_a_file_while_it_is_written(folder, tmp_path):
    # A limit on the size of files has the effect of a full disk.
    out = tmp_path / "store"
    flags = ("--image_size=256", "--encoding=raw", "--processes=1")
    command = [sys.executable, "-m", "yosinski_tf.binaries.prepare", *flags]
    command += [f"--source=folder:{folder}", f"--out={out}"]
    ended = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6)),
    )
    assert ended.returncode == 2
    last = ended.stderr.splitlines()[-1]
    assert last.startswith(f"yosinski-prepare: cannot write {out}.partial (")
    assert "File too large" in last and last.endswith("with the finished files")
    assert "Traceback" not in ended.stderr
    assert not out.exists() and not out.with_name("store.partial").exists()


def test_corrupt_images_are_listed(tmp_path):
    images = draw(tmp_path / "images")
    (images / "train/ant/0.png").write_text("no image")
    (images / "val/cow/1.jpg").write_bytes(b"")
    source = f"--source=folder:{images}"
    ended = run("prepare", source, f"--out={tmp_path / 'store'}", *FLAGS)
    assert ended.returncode == 2
    lines = ended.stderr.splitlines()
    assert lines[-3].startswith("cannot read image train/ant/0.png (it is not")
    assert lines[-2].startswith("cannot read image val/cow/1.jpg (it is not")
    assert lines[-1].startswith(
        "yosinski-prepare: 2 image(s) cannot be read, listed in"
    )


def test_jpeg_of_256_pixels_unless_told_otherwise(tmp_path):
    images = draw(tmp_path / "images")
    (images / "train/ant/0.png").write_text("no image")
    source, out = f"--source=folder:{images}", tmp_path / "store"
    succeed("prepare", source, f"--out={out}", "--skip_corrupt")
    store = open_store(out)
    assert (store.encoding, store.quality, store.image_size) == ("jpeg", 90, 256)
    assert [image["file_name"] for image in store.skipped] == ["train/ant/0.png"]
    assert store.num_images == 27 - 1
    succeed("prepare", f"--verify={out}")


def test_verify(folder, tmp_path):
    store = make(f"folder:{folder}", tmp_path / "store")
    ended = succeed("prepare", f"--verify={store.folder}", "--processes=1")
    assert f"is whole: 27 images, {store.fingerprint}" in ended.stdout
    assert "not turned upright" not in ended.stdout
    earlier = dataclasses.replace(store, decoding_version=1)
    (store.folder / "store.json").write_bytes(description(earlier))
    ended = succeed("prepare", f"--verify={store.folder}", "--processes=1")
    assert "is whole" in ended.stdout and "not turned upright" in ended.stdout
    path = store.shard_paths("validation")[1]
    path.write_bytes(path.read_bytes()[:50])
    flags = (f"--verify={store.folder}", "--processes=1")
    # In a terminal, so wide that nothing continues in the next row.
    code, rows = terminals.run("prepare", *flags, columns=1000)
    assert code == 1
    assert f"{store.folder}: {path.name} needs 3 records, found 0" in rows
    # Found while images are counted: it begins in a row of its own.
    assert any(" cannot be read: " in row for row in rows)
    assert all(row.startswith((f"{store.folder}", "reading 27/27 ")) for row in rows)
    assert f"{store.folder} is damaged: " in rows[-1]
