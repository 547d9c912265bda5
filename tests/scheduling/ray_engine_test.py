"""The engine `ray`: the same events, and what it asks of nodes."""

import collections
import functools
import importlib.metadata
import os
import types

import pytest
from commands import python
from places import ROOT
from stub_training import cohorts, job, trained

from yosinski_tf.binaries.job import execution
from yosinski_tf.machine import nodes as machines
from yosinski_tf.machine.gpus import Gpu
from yosinski_tf.machine.precision import PrecisionChoice
from yosinski_tf.machine.threads import Threads
from yosinski_tf.scheduling import ray_engine
from yosinski_tf.scheduling.events import Event, EventKind
from yosinski_tf.scheduling.ray_engine import Share
from yosinski_tf.scheduling.ray_nodes import prove
from yosinski_tf.system import locks, ray_cluster, versions
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.ray_cluster import Node


def test_cohorts_train_on_a_cluster_as_they_do_here(tmp_path):
    pytest.importorskip("ray", reason="needs Ray: pip install 'yosinski_tf[ray]'")
    base = tmp_path / "random-0_baseA_seed0"
    base.mkdir()
    # Its process ends once.
    (base / "crash").write_text("1")
    code = "import sys, stub_training; stub_training.main()"
    path = {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PATH": "/usr/bin:/bin"}
    done = python(code, tmp_path, "baseA,baseB,A1B,B1B", "1", "ray", env=path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    happened = collections.Counter(
        line for line in done.stdout.splitlines() if not line.startswith("training")
    )
    first_a, first_b, copies = (
        f"random-0_{name}"
        for name in ("A_seed0_first", "B_seed0_first", "B_seed0_copies")
    )
    assert happened == {
        f"started {first_a}": 2,
        f"lost {first_a}": 1,
        f"finished {first_a}": 1,
        f"started {first_b}": 1,
        f"finished {first_b}": 1,
        f"started {copies}": 1,
        f"finished {copies}": 1,
    }
    ids = [run.run_id for c in cohorts("baseA,baseB,A1B,B1B") for run in c.runs]
    assert trained(tmp_path) == sorted(ids)
    # Ray sets it for its tasks; here the study sets the threads.
    said = (tmp_path / "said.txt").read_text().splitlines()
    assert {line.split()[3] for line in said} == {"None"}


def test_ray_is_loaded_only_when_it_is_asked_for():
    code = (
        "import sys\n"
        "from yosinski_tf.binaries import prepare, study\n"
        "print('ray' in sys.modules)\n"
    )
    assert python(code, check=True).stdout == "False\n"


@pytest.mark.parametrize(
    ("share", "cohorts"),
    [
        (Share(1, 0), 16),
        (Share(3, 0), 5),
        (Share(0.5, 0), 32),
        (Share(4, 1), 2),
        (Share(1, 0.25), 8),
        (Share(1, 0.4), 4),
        (Share(16, 2), 1),
        (Share(17, 0), 0),
        (Share(1, 4), 0),
    ],
)
def test_as_many_cohorts_at_a_time_as_a_node_has_room_for(share, cohorts):
    node = Node(host="host", id="1", cpus=16.0, gpus=2.0, memory=1e9)
    assert share.fits(node) == cohorts


@pytest.mark.parametrize(
    ("nodes", "processes", "places"),
    [
        # Cores and GPUs of each node, and the cohorts it takes at a time.
        ([(4, 0)], 3, [3]),
        ([(2, 0)], 3, [3]),
        ([(4, 0), (9, 0)], 2, [2, 4]),
        ([(16, 1)], 6, [6]),
        ([(96, 8)], 12, [12]),
        ([(4, 8)], 8, [8]),
        ([(8, 4)], 2, [2]),
        ([(4, 1), (8, 4)], 1, [1, 4]),
        ([(4, 2), (24, 4)], 2, [2, 4]),
    ],
)
def test_as_many_cohorts_at_a_time_as_are_asked_for(nodes, processes, places):
    share = Share.of([machine(*each) for each in nodes], processes)
    found = [
        share.fits(Node(host="host", id="1", cpus=cores, gpus=gpus, memory=1e9))
        for cores, gpus in nodes
    ]
    assert found == places
    assert share.gpus <= 1


def test_no_more_cohorts_are_sent_than_the_memory_of_the_nodes_holds(
    tmp_path, monkeypatch
):
    pytest.importorskip("ray", reason="needs Ray: pip install 'yosinski_tf[ray]'")
    nodes = [Node(str(n), str(n), cpus=16.0, gpus=0.0, memory=9e9) for n in range(2)]
    monkeypatch.setattr(ray_cluster, "nodes", lambda: nodes)
    monkeypatch.setattr(ray_engine, "on_each", lambda *unused: [])
    (cohort,) = cohorts("baseA")
    with locks.driving(tmp_path):
        engine = ray_engine.RayEngine(tmp_path, Share(1, 0), lambda cohort: 4 * 10**9)
    sent = []
    remote = types.SimpleNamespace(remote=lambda *each: sent.append(each) or len(sent))
    engine._task = types.SimpleNamespace(options=lambda **options: remote)
    engine.check([cohort])
    while engine.has_room() and len(sent) < 9:
        engine.start(job(tmp_path, cohort))
    assert len(sent) == 4
    monkeypatch.setattr(ray_engine, "_PATIENCE_SECONDS", 0.0)
    (waiting,) = engine._pending()
    assert waiting.message == "it waits for a node with 1 CPU and 4.0 GB of memory"


def machine(cores, gpus):
    card = Gpu("GPU-1", 9.0, 80 << 30, "H100")
    chosen = PrecisionChoice("float32", "")
    return machines.Node("host", cores, None, (card,) * gpus, chosen)


@pytest.mark.parametrize(
    ("given", "of_folder", "gpus", "devices", "share"),
    [
        (None, Threads(None, None), 2, None, Share(4, 1)),
        (None, Threads(3, 3), 2, None, Share(3, 1)),
        (None, Threads(8, 8), 0, None, Share(8, 0)),
        # Threads that share no operation are twice the part of the cores.
        (None, Threads(8, 1), 0, None, Share(4, 0)),
        (3, Threads(3, 1), 0, None, Share(3, 0)),
        (None, Threads(None, None), 2, 0, Share(8, 2)),
        (None, Threads(None, None), 2, 1, Share(8, 1)),
    ],
)
def test_a_cohort_gets_as_many_cpus_as_it_has_threads(
    given, of_folder, gpus, devices, share
):
    kind, processes = ("none", 2) if devices is None else ("mirrored", 1)
    options = types.SimpleNamespace(
        nodes=[machine(8, gpus)],
        settings=types.SimpleNamespace(threads=Threads(given, None)),
        distribution=types.SimpleNamespace(kind=kind, devices=devices),
    )
    plan = types.SimpleNamespace(options=options, processes=processes)
    assert execution._share(plan, of_folder) == share


def test_nodes_are_asked_for_all_packages_that_compute(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda package: f"its {package}")
    found = versions.deciding()
    packages = ("tensorflow", "keras", "numpy", "jax", "jaxlib")
    assert [found.get(name) for name in packages] == [f"its {n}" for n in packages]


def test_a_node_must_have_the_folder_and_the_versions_of_the_driver(tmp_path):
    there, elsewhere = tmp_path / "there", tmp_path / "elsewhere"
    with locks.driving(there):
        note = locks.note_of_driver(there).read_text()
        ours = versions.deciding()
        prove(there, note, ours)
        with pytest.raises(UserError) as refused:
            prove(elsewhere, note, ours)
        assert str(refused.value) == (
            f"--engine=ray needs the study folder {elsewhere} on every node, found none"
            f" (No such file or directory) on {os.uname().nodename}: put --runs on a"
            " file system that all nodes share, under the same path"
        )
        with pytest.raises(UserError, match="on every node, found another one on"):
            prove(there, note + " ", ours)
        with pytest.raises(UserError) as refused:
            prove(there, note, {**ours, "keras": "2.0"})
        assert str(refused.value) == (
            f"--engine=ray needs the same keras on all nodes, found {ours['keras']} on"
            f" {os.uname().nodename} and 2.0 on that of the command: install the same"
            " there"
        )


@pytest.fixture
def engine_of(tmp_path, monkeypatch):
    """Makes an engine with a task in which something happens: events, and errors."""
    ray = pytest.importorskip("ray", reason="needs Ray: pip install 'yosinski_tf[ray]'")

    def get(found):
        if isinstance(found, Exception):
            raise found
        return found

    def make(happens):
        task = types.SimpleNamespace(remote=lambda *unused: iter(happens))
        task.options = lambda **unused: task
        monkeypatch.setattr(ray, "remote", lambda **unused: lambda function: task)
        monkeypatch.setattr(ray, "wait", lambda streams, **unused: (streams, []))
        monkeypatch.setattr(ray, "get", get)
        monkeypatch.setattr(ray, "cancel", lambda stream, force: None)
        monkeypatch.setattr(ray_engine.ray_cluster, "nodes", lambda: ())
        with locks.driving(tmp_path):
            engine = ray_engine.RayEngine(tmp_path, Share(1, 0), lambda cohort: 1)
        engine.start(job(tmp_path, cohort))
        return engine

    (cohort,) = cohorts("baseA")
    return make, functools.partial(Event, cohort=cohort)


def test_what_becomes_of_a_task_while_all_stop(engine_of):
    make, event = engine_of
    from ray.exceptions import RayError

    started = event(EventKind.STARTED, message="1 network on there")
    stopped, died = event(EventKind.STOPPED), RayError("died")
    for happens, kind in (
        ([started, stopped], EventKind.STOPPED),
        ([died], EventKind.STOPPED),
        ([started, died], EventKind.LOST),
        ([started, stopped, died], EventKind.STOPPED),
    ):
        (last,) = make(happens).stop()
        assert last.kind is kind


def test_a_node_that_differs_and_joins_later_does_not_end_the_study(engine_of):
    make, _ = engine_of
    from ray.exceptions import RayTaskError

    cause = UserError("needs the same keras")
    error = RayTaskError("_train", "", cause)
    (event,) = make([error]).wait(0)
    assert (event.kind, event.message) == (EventKind.LOST, "needs the same keras")


def test_a_task_waits_a_little_for_its_mounts(tmp_path, monkeypatch):
    def prove(times):
        times.append(1)
        if len(times) < 3:
            raise OSError(5, "Input/output error")
        raise Proved

    class Proved(Exception):
        pass

    monkeypatch.setattr(ray_engine, "prove", prove)
    monkeypatch.setattr(ray_engine, "_POLL_SECONDS", 0.0)
    with pytest.raises(Proved):
        next(ray_engine._train(None, None, {}, ([],)))
