"""yosinski-prepare from outside: stopped, killed, without room, given nonsense."""

import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from commands import ENVIRONMENT, run, start
from PIL import Image
from stores import content, draw, make

from yosinski_tf.data.store.format import open_store

FLAGS = ("--image_size=16", "--encoding=raw", "--shard_records=4", "--processes=2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("images") / "images")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Images that take a while: 120 of 400 x 400 pixels."""
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


def test_stopped_killed_and_gone_on_with(large, tmp_path):
    whole = make(f"folder:{large}", tmp_path / "whole")
    out = tmp_path / "store"
    arguments = (f"--source=folder:{large}", f"--out={out}", *FLAGS)
    before = {}
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
        process = start("prepare", *arguments)
        deadline, wanted = time.monotonic() + 60, len(before) + 3
        while len(finished(out)) < wanted:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        if number == signal.SIGINT:
            # Ctrl-C on a terminal is for all of them.
            for child in psutil.Process(process.pid).children(recursive=True):
                child.send_signal(number)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        assert not out.exists()
        assert err.splitlines()[0] == f"preparing {4 * len(before)}/120 images"
        if number == signal.SIGKILL:
            assert process.returncode == -number
            # Its processes end by themselves, soon.
            time.sleep(1)
        else:
            assert process.returncode == 128 + number
            assert "Traceback" not in err
            assert err.endswith("Stopped; the same command goes on from here.\n")
            assert list((tmp_path / "store.partial/store").glob(".*")) == []
        after = finished(out)
        # What was finished is not made again.
        assert before.items() <= after.items() and len(after) < 30
        before = after
    ended = run("prepare", *arguments)
    assert ended.returncode == 0, ended.stderr
    assert "train        100 images of 2 classes, 50 to 50 of each" in ended.stdout
    assert "preparing 120/120 images, " in ended.stderr
    assert " images/s" in ended.stderr
    times = {path.name: path.stat().st_mtime_ns for path in out.glob("images-*")}
    assert before.items() <= times.items() and len(times) == 30
    assert content(out) == content(whole.folder)
    assert open_store(out).fingerprint == whole.fingerprint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store", "whole"]


def test_no_room_for_a_file_while_it_is_written(folder, tmp_path):
    # A limit on the size of files stands for a full disk.
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
    ended = run("prepare", source, f"--out={out}", "--skip_corrupt")
    assert ended.returncode == 0, ended.stderr
    store = open_store(out)
    assert (store.encoding, store.quality, store.image_size) == ("jpeg", 90, 256)
    assert [image["file_name"] for image in store.skipped] == ["train/ant/0.png"]
    assert store.num_images == 27 - 1
    ended = run("prepare", f"--verify={out}")
    assert ended.returncode == 0, ended.stdout


def test_verify(folder, tmp_path):
    store = make(f"folder:{folder}", tmp_path / "store")
    ended = run("prepare", f"--verify={store.folder}", "--processes=1")
    assert ended.returncode == 0
    assert f"is whole: 27 images, {store.fingerprint}" in ended.stdout
    path = store.shard_paths("validation")[1]
    path.write_bytes(path.read_bytes()[:50])
    ended = run("prepare", f"--verify={store.folder}", "--processes=1")
    assert ended.returncode == 1
    assert f"{store.folder}: {path.name} needs 3 records, found 0" in ended.stdout
    assert f"{store.folder} is damaged: " in ended.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--out=OUT"], ["--source is missing", "folder:DIR"]),
        (["--source=folder:IMAGES"], ["--out is missing"]),
        (
            ["--source=folder:IMAGES", "--out=OUT", "--encoding=raw", "--quality=9"],
            ["--encoding=raw has no --quality"],
        ),
        (["--source=folder:IMAGES", "--out=OUT", "--encoding=png"], ["jpeg, raw"]),
        (
            ["--source=folder:IMAGES", "--out=OUT", "--beam_options=a=b"],
            ["beam_runner"],
        ),
        (["--source=folder:IMAGES", "--out=/proc/store"], ["cannot write /proc/store"]),
        (["--verify=IMAGES"], ["no store at", "store.json", "--out=DIR"]),
    ],
)
def test_bad_input_is_one_sentence(folder, tmp_path, arguments, words):
    out = tmp_path / "store"
    given = [
        a.replace("IMAGES", str(folder)).replace("OUT", str(out)) for a in arguments
    ]
    ended = run("prepare", *given)
    assert ended.returncode == 2
    lines = ended.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("yosinski-prepare: "), ended.stderr
    assert all(word in lines[0] for word in words), lines[0]
    assert list(tmp_path.iterdir()) == []
