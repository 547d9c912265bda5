"""yosinski-prepare from outside: stopped, killed, without room, given nonsense."""

import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from commands import ENVIRONMENT, run, start
from PIL import Image
from stores import content, draw

from yosinski_tf.data.store_format import open_store

FLAGS = ("--image_size=16", "--encoding=raw", "--shard_records=4", "--processes=2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("images") / "images")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Images that take a while: 240 of 600 x 600 pixels."""
    folder = tmp_path_factory.mktemp("large") / "images"
    noise = np.random.RandomState(0).randint(0, 256, (600, 600, 3)).astype(np.uint8)
    Image.fromarray(noise).save(folder.with_suffix(".png"), compress_level=1)
    for part, count in (("train", 110), ("val", 10)):
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


def stop(process, out, number):
    """Sends a signal once four files are done."""
    deadline = time.monotonic() + 60
    while len(finished(out)) < 4:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    return process.communicate(timeout=60)


@pytest.fixture(scope="module")
def whole(large, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "store"
    ended = run("prepare", f"--source=folder:{large}", f"--out={out}", *FLAGS)
    assert ended.returncode == 0, ended.stderr
    assert "train        220 images of 2 classes, 110 to 110 of each" in ended.stdout
    assert "preparing 240/240 images, " in ended.stderr
    assert " images/s" in ended.stderr
    return out


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_stopped_and_gone_on_with(large, whole, tmp_path, number):
    out = tmp_path / "store"
    arguments = (f"--source=folder:{large}", f"--out={out}", *FLAGS)
    process = start("prepare", *arguments)
    _, err = stop(process, out, number)
    assert not out.exists()
    if number == signal.SIGKILL:
        assert process.returncode == -number
        # Its processes end by themselves, or their temporary files would come back.
        time.sleep(1)
    else:
        assert process.returncode == 130
        assert err.endswith("Stopped; the same command goes on from here.\n")
        hidden = list((tmp_path / "store.partial/store").glob(".*"))
        assert hidden == []
    before = finished(out)
    assert 4 <= len(before) < 60
    ended = run("prepare", *arguments)
    assert ended.returncode == 0, ended.stderr
    first = ended.stderr.splitlines()[0]
    assert first == f"preparing {4 * len(before)}/240 images"
    after = {p.name: p.stat().st_mtime_ns for p in out.glob("images-*")}
    assert before.items() <= after.items() and len(after) == 60
    assert content(out) == content(whole)
    assert open_store(out).fingerprint == open_store(whole).fingerprint
    assert sorted(p.name for p in tmp_path.iterdir()) == ["store"]


def test_no_room_for_a_file_while_it_is_written(folder, tmp_path):
    # A limit on the size of files stands for a full disk.
    out = tmp_path / "store"
    flags = ("--image_size=256", "--encoding=raw", "--processes=2")
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
    assert "File too large" in last and last.endswith("it goes on with what is done")
    assert "Traceback" not in ended.stderr
    left = (
        list((tmp_path / "store.partial/store").iterdir())
        if out.with_name("store.partial").exists()
        else []
    )
    assert left == [] and not out.exists()
    assert run("prepare", *flags, *command[-2:]).returncode == 0


def test_corrupt_images_are_listed(tmp_path):
    images = draw(tmp_path / "images")
    (images / "train/ant/0.png").write_text("no image")
    (images / "val/cow/1.jpg").write_bytes(b"")
    arguments = (f"--source=folder:{images}", f"--out={tmp_path / 'store'}", *FLAGS)
    ended = run("prepare", *arguments)
    assert ended.returncode == 2
    lines = ended.stderr.splitlines()
    assert lines[-3].startswith("cannot read image train/ant/0.png (it is no image)")
    assert lines[-2].startswith("cannot read image val/cow/1.jpg (it is no image)")
    assert lines[-1].startswith(
        "yosinski-prepare: 2 image(s) cannot be read, listed in"
    )
    ended = run("prepare", *arguments, "--skip_corrupt")
    assert ended.returncode == 0
    assert "left out     2 images that cannot be read" in ended.stdout


def test_verify(whole, folder, tmp_path):
    ended = run("prepare", f"--verify={whole}", "--processes=1")
    assert ended.returncode == 0 and "is whole: 240 images" in ended.stdout
    store = tmp_path / "store"
    run("prepare", f"--source=folder:{folder}", f"--out={store}", *FLAGS)
    path = store / "images-validation.array_record-00001-of-00003"
    path.write_bytes(path.read_bytes()[:50])
    ended = run("prepare", f"--verify={store}", "--processes=1")
    assert ended.returncode == 1
    assert f"{store}: {path.name} has 0 records, wanted 3" in ended.stdout
    assert "is damaged: 2 problem(s)" in ended.stdout


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--out=OUT"], ["--source is missing", "folder:DIR"]),
        (["--source=folder:IMAGES"], ["--out is missing"]),
        (["--source=photos", "--out=OUT"], ["unknown source 'photos'", "tfds:NAME"]),
        (["--source=folder:OUT", "--out=OUT"], ["no folder"]),
        (["--source=filelist:IMAGES", "--out=OUT"], ["no list", "train.txt"]),
        (
            ["--source=folder:IMAGES", "--out=OUT", "--encoding=raw", "--quality=9"],
            ["--encoding=raw has no --quality"],
        ),
        (["--source=folder:IMAGES", "--out=OUT", "--quality=0"], ["quality 0", "1 to"]),
        (["--source=folder:IMAGES", "--out=OUT", "--encoding=png"], ["jpeg|raw"]),
        (["--source=folder:IMAGES", "--out=OUT", "--processes=0"], ["processes"]),
        (["--source=folder:IMAGES", "--out=IMAGES"], ["is there and is no store"]),
        (["--source=folder:IMAGES", "--out=OUT", "--manual_dir=x"], ["--manual_dir"]),
        (
            [
                "--source=folder:IMAGES",
                "--out=OUT",
                "--encoding=raw",
                "--image_size=90000",
            ],
            ["needs about", "GB more", "make room"],
        ),
        (
            ["--source=folder:IMAGES", "--out=OUT", "--beam_options=a=b"],
            ["beam_runner"],
        ),
        (["--source=folder:IMAGES", "--out=/proc/store"], ["cannot write /proc/store"]),
        (["--verify=IMAGES"], ["no store at", "store.json", "--out=DIR"]),
    ],
    ids=lambda value: "" if isinstance(value, list) and value[0][0] != "-" else None,
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
