"""A Ray cluster of this machine, and what is wrong when there is none."""

import pathlib
import signal
import socket
import sys
import tempfile
import types

import pytest
from commands import ENVIRONMENT, python

from yosinski_tf.system.errors import UserError
from yosinski_tf.system.ray_cluster import connected


def refusal(address, folder):
    with pytest.raises(UserError) as raised, connected(address, folder):
        pass
    return str(raised.value)


def test_ray_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert refusal("", tmp_path) == (
        "--engine=ray needs Ray, which is not installed: install it with"
        " pip install 'yosinski_tf[ray]'"
    )


@pytest.mark.parametrize("address", ["here", "ray://host:10001", "host:port", "a b:1"])
def test_no_address(address, tmp_path):
    pytest.importorskip("ray", reason="needs the extra ray")
    wanted = f"--ray_address needs auto or host:port, found '{address}': correct it"
    assert wanted in refusal(address, tmp_path)


def test_nobody_at_the_address(tmp_path):
    pytest.importorskip("ray", reason="needs the extra ray")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        wanted = (
            f"--ray_address={address} needs a Ray cluster that this machine is a node"
            " of, found none ([Errno 111] Connection refused): start one there"
        )
        assert refusal(address, tmp_path).startswith(wanted)


@pytest.mark.slow
def test_something_else_at_the_address(tmp_path):
    pytest.importorskip("ray", reason="needs the extra ray")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert "found none (no answer in 20 s): start" in refusal(address, tmp_path)


_ON_THIS_MACHINE = """
import os, pathlib, signal, sys
from yosinski_tf.system import ray_cluster, signals
signals.listen()
try:
    with ray_cluster.connected("", pathlib.Path(sys.argv[1]), cpus=3, gpus=0):
        import ray
        (node,) = ray_cluster.nodes()
        print(node.cpus, node.gpus, node.memory > 1e8, node.host)
        print(ray.get(ray.remote(lambda: print("noise") or 7).remote()))
        assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        ray.get(ray.remote(lambda: __import__("time").sleep(60)).remote())
except signals.Terminated as stop:
    print(stop.number)
"""


@pytest.fixture
def temporary():
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield pathlib.Path(folder)


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("another", "yosinski-abcd1234"),
        ("", "yosinski-abcd1234"),
        (socket.gethostname(), "yosinski-runs"),
        (socket.gethostname(), "yosinski-abcd12345"),
        (socket.gethostname(), "below/yosinski-abcd1234"),
    ],
)
def test_folders_that_ray_did_not_leave_here_are_kept(
    tmp_path, temporary, monkeypatch, host, path
):
    ray = types.SimpleNamespace(init=refuse_to_start, shutdown=lambda **options: None)
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    (temporary / path).mkdir(parents=True)
    (tmp_path / "place").write_text(f"{host}\n{temporary / path}".lstrip())
    assert "needs Ray to start, found RuntimeError: no:" in refusal("", tmp_path)
    assert (temporary / path).exists()


def refuse_to_start(**options):
    raise RuntimeError("no")


@pytest.mark.slow
def test_a_cluster_of_this_machine_leaves_its_logs_and_nothing_else(
    tmp_path, temporary
):
    pytest.importorskip("ray", reason="needs the extra ray")
    # Its sockets would not fit into these paths.
    folder, home = tmp_path / ("long" * 25), tmp_path / "home"
    # What a process that was killed has left.
    left = temporary / "yosinski-leftover/ray/session_1_2/logs"
    for each in (folder, home, left):
        each.mkdir(parents=True)
    noted = f"{socket.gethostname()}\n{temporary / 'yosinski-leftover'}"
    (folder / "place").write_text(noted)
    environment = {**ENVIRONMENT, "HOME": str(home), "TMPDIR": str(temporary)}
    done = python(_ON_THIS_MACHINE, folder, env=environment, timeout=120)
    lines = [f"3.0 0.0 True {socket.gethostname()}", "7", str(int(signal.SIGTERM))]
    assert done.stdout.splitlines() == lines, done.stderr
    assert done.stderr == ""
    assert list(home.iterdir()) == []
    assert list(temporary.iterdir()) == []
    assert [path.name for path in folder.iterdir()] == ["logs"]
    assert any("noise" in path.read_text() for path in (folder / "logs").glob("*.out"))


_STOPPED_EARLY = """
import os, pathlib, sys, threading
import psutil, ray
from yosinski_tf.system import ray_cluster, signals
signals.listen()
number = int(sys.argv[2])
threading.Timer(1.0, os.kill, (os.getpid(), number)).start()
try:
    with ray_cluster.connected("", pathlib.Path(sys.argv[1]), cpus=1, gpus=0):
        print("begun")
except KeyboardInterrupt as stop:
    print(getattr(stop, "number", 2))
names = [each.name() for each in psutil.Process().children(recursive=True)]
print([name for name in names if name in ("raylet", "gcs_server")])
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_ray_starts_is_kept_until_it_has_ended(
    tmp_path, temporary, number
):
    pytest.importorskip("ray", reason="needs the extra ray")
    environment = {**ENVIRONMENT, "TMPDIR": str(temporary)}
    arguments = _STOPPED_EARLY, tmp_path, str(int(number))
    done = python(*arguments, env=environment, timeout=120)
    assert done.stdout.splitlines() == [str(int(number)), "[]"], done.stderr
    assert done.stderr == ""
    assert list(temporary.iterdir()) == []
