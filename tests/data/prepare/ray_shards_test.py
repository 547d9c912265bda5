"""A Ray cluster makes the same stores as one machine, whatever happens to its nodes."""

import contextlib
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import numpy as np
import psutil
import pytest
from commands import ENVIRONMENT, start
from PIL import Image
from stores import content, draw, make

from yosinski_tf.data.store.format import open_store

pytestmark = pytest.mark.slow
pytest.importorskip("ray", reason="needs the extra ray")

FLAGS = ("--image_size=16", "--encoding=raw", "--shard_records=4", "--engine=ray")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Images that take some time: 120 of 400 x 400 pixels."""
    folder = tmp_path_factory.mktemp("large") / "images"
    noise = np.random.RandomState(0).randint(0, 256, (400, 400, 3)).astype(np.uint8)
    for part, count in (("train", 50), ("val", 10)):
        for name in ("ant", "bee"):
            (folder / part / name).mkdir(parents=True)
            for k in range(count):
                noise[0, 0] = k, len(part), len(name)
                path = folder / part / name / f"{k:03d}.png"
                Image.fromarray(noise).save(path, compress_level=1)
    return folder


class Cluster:
    """Nodes on this machine, each with what `ray start --block` starts."""

    def __init__(self, home: pathlib.Path):
        self._home, self._nodes = home, contextlib.ExitStack()
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            self._port = unused.getsockname()[1]
        host = socket.gethostbyname(socket.gethostname())
        self.address = f"{host}:{self._port}"
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        self.environment = {**ENVIRONMENT, **token}
        self.head = self.add(0, f"--port={self._port}", "--head", f"--temp-dir={home}")

    def add(self, cpus: int, *flags: str, under: tuple[str, ...] = (), cwd=None):
        """Starts a node and waits for it."""
        ray = pathlib.Path(sys.executable).with_name("ray")
        where = flags or (f"--address={self.address}",)
        few = ("--num-gpus=0", "--object-store-memory=80000000", f"--num-cpus={cpus}")
        quiet = ("--disable-usage-stats", "--block")
        log = self._home.with_suffix(f".{secrets.token_hex(4)}")
        with open(log, "w") as file:
            node = self._nodes.enter_context(
                subprocess.Popen(
                    [*under, str(ray), "start", *where, *few, *quiet],
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    env=self.environment,
                    cwd=cwd,
                )
            )
        self._nodes.callback(node.terminate)
        deadline = time.monotonic() + 60
        while "Ray runtime started" not in log.read_text():
            assert node.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        return node

    def close(self) -> None:
        self._nodes.close()
        for path in self._home.parent.glob(f"{self._home.name}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture
def cluster():
    # The path of a socket is short.
    made = Cluster(pathlib.Path(tempfile.gettempdir()) / f"ray-{secrets.token_hex(3)}")
    yield made
    made.close()


def wait_for_files(process, out, count):
    store, deadline = out.with_name(f"{out.name}.partial") / "store", time.time() + 90
    while len(list(store.glob("images-*"))) < count:
        assert process.poll() is None and time.time() < deadline
        time.sleep(0.01)


def test_stopped_and_with_a_lost_process_it_goes_on(large, tmp_path, monkeypatch):
    monkeypatch.chdir(large.parent)
    whole = make("folder:images", tmp_path / "whole")
    out = tmp_path / "store"
    arguments = ("--source=folder:images", f"--out={out}", "--processes=2", *FLAGS)
    for number in (signal.SIGINT, signal.SIGTERM):
        process = start("prepare", *arguments)
        wait_for_files(process, out, 4 if number == signal.SIGINT else 10)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 128 + number
        assert err.endswith("Stopped; the same command goes on from here.\n")
        assert "Traceback" not in err and "ray" not in err
        assert list((tmp_path / "store.partial/store").glob(".*")) == []
    process = start("prepare", *arguments)
    wait_for_files(process, out, 16)
    tasks = psutil.Process(process.pid).children(recursive=True)
    next(task for task in tasks if task.name().startswith("ray::_make")).kill()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "preparing 120/120 images, " in err
    assert content(out) == content(whole.folder)
    assert open_store(out).fingerprint == whole.fingerprint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store", "whole"]


def test_a_node_dies(cluster, large, tmp_path, monkeypatch):
    monkeypatch.chdir(large.parent)
    whole = make("folder:images", tmp_path / "whole")
    out = tmp_path / "store"
    # Nodes need not have the working folder of the command.
    dying = cluster.add(1, cwd=tmp_path)
    cluster.add(1)
    address = f"--ray_address={cluster.address}"
    process = start(
        "prepare",
        *("--source=folder:images", f"--out={out}", *FLAGS, address),
        environment=cluster.environment,
    )
    wait_for_files(process, out, 4)
    (raylet,) = (
        child
        for child in psutil.Process(dying.pid).children()
        if child.name() == "raylet"
    )
    raylet.kill()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert content(out) == content(whole.folder)
    assert cluster.head.poll() is None


def test_a_node_that_does_not_see_the_images_or_the_store(cluster, tmp_path):
    images, out = draw(tmp_path / "images"), tmp_path / "stores/store"
    out.parent.mkdir()
    own = ("unshare", "--mount", "--uts", "sh", "-c")
    if os.getuid() or subprocess.call([*own, "mount -t tmpfs none /mnt"]):
        pytest.skip("needs root to give a node files of its own")
    flags = (f"--source=folder:{images}", f"--out={out}", *FLAGS)
    flags += (f"--ray_address={cluster.address}",)
    for hidden, what in ((images, "the source"), (out.parent, "the store's folder")):
        blind = f'hostname blind && mount -t tmpfs none {hidden} && exec "$@"'
        node = cluster.add(1, under=(*own, blind, "sh"))
        said = refuse_last(*flags, environment=cluster.environment)
        assert f"node blind needs {what}, found no {hidden}/" in said
        node.terminate()
        node.wait()


def refuse_last(*flags, environment):
    process = start("prepare", *flags, environment=environment)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2 and "Traceback" not in err, err
    return err.splitlines()[-1]


def test_what_images_and_disks_do_to_it_is_said_as_with_one_machine(large, tmp_path):
    images, out = draw(tmp_path / "images"), tmp_path / "store"
    (images / "train/ant/0.png").write_text("no image")
    flags = (f"--out={out}", "--processes=2", *FLAGS)
    said = refuse_last(f"--source=folder:{images}", *flags, environment={})
    assert "1 image(s) cannot be read, listed in" in said
    shutil.rmtree(tmp_path / "store.partial")
    process = start("prepare", f"--source=folder:{large}", *flags)
    wait_for_files(process, out, 2)
    # As when the disk has gone.
    (tmp_path / "store.partial/store").rename(tmp_path / "gone")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2 and "Traceback" not in err
    said = err.splitlines()[-1]
    assert said.startswith(f"yosinski-prepare: cannot write {out}.partial (No such")


def test_a_cluster_needs_its_token(cluster, tmp_path):
    images = draw(tmp_path / "images")
    said = refuse_last(
        *(f"--source=folder:{images}", f"--out={tmp_path / 'store'}", *FLAGS),
        f"--ray_address={cluster.address}",
        environment={},
    )
    assert "needs its token: set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN" in said
