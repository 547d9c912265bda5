"""A batch on two devices gives the results of one device, within rounding."""

import contextlib
import importlib.util
import json
import os
import signal
import socket

import commands
import numpy as np
import psutil
import pytest
from waiting import wait_until

from yosinski_tf.training.clusters import Distribution

# With larger steps, differences of rounding would grow without limit.
SMOOTH = [*commands.TINY, "--learning_rate=0.002", "--dropout=0.4", "--threads=1"]
# Halves have 3 classes, so 9 validation images: they do not divide by 2.
TREATMENT = "baseB"


def train(runs, images, *more, backend="tensorflow"):
    environment = {"KERAS_BACKEND": backend}
    flags = [*arguments(runs, images), *more]
    done = commands.run("base", *flags, environment=environment)
    assert done.returncode == 0, done.stderr
    return read(runs)


def arguments(runs, images, settings=(f"--treatments={TREATMENT}", *SMOOTH)):
    return [f"--runs={runs}", f"--dataset=folder:{images}", *settings]


def start_worker(rank, ports, binary, *arguments):
    addresses = tuple(f"127.0.0.1:{port}" for port in ports)
    cluster = Distribution("multi_worker", workers=addresses, rank=rank)
    environment = {"TF_CONFIG": cluster.tf_config}
    more = "--distribution=multi_worker"
    return commands.start(binary, *arguments, more, environment=environment)


def free_ports(count):
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in found:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in found]


def read(runs, treatment=TREATMENT):
    folder = runs / f"random-0_{treatment}_seed0"
    record = json.loads((folder / "record.json").read_text())
    with np.load(folder / "weights.npz") as stored:
        return record, dict(stored)


def assert_close(ours, theirs):
    (record, weights), (other, others) = ours, theirs
    for one, two in zip(record["history"], other["history"], strict=True):
        assert one["step"] == two["step"]
        assert one["top1"] == two["top1"]
        for name in ("train_loss", "loss"):
            assert one[name] == pytest.approx(two[name], rel=1e-5)
    assert weights.keys() == others.keys()
    for name, values in weights.items():
        np.testing.assert_allclose(values, others[name], rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return commands.draw_folder(tmp_path_factory.mktemp("images") / "images", 6)


@pytest.fixture(scope="module")
def alone(tmp_path_factory, images):
    trained = train(tmp_path_factory.mktemp("alone"), images)
    assert trained[0]["distribution"] == "none"
    assert trained[0]["replicas"] == 1
    return trained


@pytest.mark.parametrize(
    "backend", ["tensorflow", pytest.param("jax", marks=pytest.mark.slow)]
)
def test_two_devices_give_the_results_of_one(tmp_path, images, alone, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip("needs JAX: pip install 'yosinski_tf[jax]'")
    mirrored = ("--distribution=mirrored", "--devices=2")
    trained = train(tmp_path, images, *mirrored, backend=backend)
    assert trained[0]["distribution"] == "mirrored"
    assert trained[0]["replicas"] == 2
    assert trained[0]["backend"] == backend
    assert_close(trained, alone)


MASKS = """
import keras, numpy as np, tensorflow as tf
from yosinski_tf.models.cohort import build_cohort
from yosinski_tf.models.cohort_graph import Member
from yosinski_tf.models.network_reading import describe
from yosinski_tf.training.clusters import Distribution
from yosinski_tf.training.distribution import make_devices

devices = make_devices(Distribution("mirrored", devices=2))
image = keras.Input((8, 8, 3))
x = keras.layers.Conv2D(4, 3, 2)(image)
x = keras.layers.Conv2D(4, 3, 1)(x)
x = keras.layers.Dropout(0.5)(keras.layers.Flatten()(x))
network = describe(keras.Model(image, keras.layers.Dense(2)(x)), name="small")
with devices.scope():
    members = [Member("alone", None, 0, "alone")]
    sizes = {"input_size": 8, "num_classes": 2, "mean": [0.0] * 3}
    cohort = build_cohort(network, members, **sizes)
    devices.adopt(cohort)
    inputs = [np.full((2, 8, 8, 3), 200, np.uint8), np.full((2, 2), 7, np.int32)]
    strategy = tf.distribute.get_strategy()

    @tf.function
    def logits():
        return strategy.run(lambda: cohort.training(inputs, training=True)["000"])

    found = [strategy.experimental_local_results(logits()) for _ in range(2)]
for one, other in found:
    print(bool(np.allclose(one, other)))
print(bool(np.array_equal(found[0][0], found[1][0])))
"""


@pytest.mark.slow
def test_each_device_draws_masks_of_its_own_in_a_given_network():
    done = commands.python(MASKS, check=True)
    # The last: the same step has the same masks again.
    assert done.stdout.split() == ["False", "False", "True"]


@pytest.mark.slow  # about 10 s
def test_two_workers_give_the_results_of_one(tmp_path, images, alone):
    ports = free_ports(2)
    flags = arguments(tmp_path, images)
    running = [start_worker(rank, ports, "base", *flags) for rank in (0, 1)]
    printed = [process.communicate(timeout=300) for process in running]
    assert [process.returncode for process in running] == [0, 0], printed
    trained = read(tmp_path)
    assert trained[0]["distribution"] == "multi_worker"
    assert trained[0]["replicas"] == 2
    assert_close(trained, alone)
    assert "1 networks, 0 done, 1 to train in 1 cohorts" in printed[0][0]
    assert printed[1][0].endswith(
        "Worker 1: took part in training 1 networks; the chief has finished.\n"
    )
    # Only the chief wrote files.
    assert "base --runs" in trained[0]["command"]
    events = list((tmp_path / "tensorboard" / trained[0]["run_id"]).iterdir())
    assert len([path for path in events if "events" in path.name]) == 1


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"TF_CONFIG": "{"}, "TF_CONFIG needs the addresses of all workers"),
        ({"KERAS_BACKEND": "jax"}, "needs TensorFlow, found KERAS_BACKEND=jax: leave"),
    ],
)
def test_wrong_environments_of_workers_end_with_one_line(environment, words):
    flags = ["--runs=x", "--distribution=multi_worker", *commands.TINY]
    done = commands.run("base", *flags, environment=environment)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


TREATMENTS = ("baseB", "B3B")
STEPS = 200
KILLED = [
    *commands.TINY,
    "--treatments=B3B",
    "--with_bases",
    f"--steps={STEPS}",
    "--validate_every=100",
    "--learning_rate=0.0005",
    "--dropout=0.4",
    "--threads=1",
    "--checkpoint_every=5steps",
]


def kill(process):
    """Kills a process and its children at once, as when a machine stops."""
    below = psutil.Process(process.pid).children(recursive=True)
    for pid in [process.pid, *(child.pid for child in below)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.communicate()


@pytest.fixture(scope="module")
def alone_killed(tmp_path_factory, images):
    runs = tmp_path_factory.mktemp("alone")
    done = commands.run("transfer", *arguments(runs, images, KILLED))
    assert done.returncode == 0, done.stderr
    return runs


def steps_saved(runs):
    saved = (runs / "cohorts").glob("*_first.*.checkpoint")
    return {int(path.name.split(".")[-2]) for path in saved}


@pytest.mark.slow
@pytest.mark.parametrize("victim", [1, 0])
def test_the_other_worker_waits_for_one_that_is_killed(
    tmp_path, images, alone_killed, victim
):
    ports, flags = free_ports(2), arguments(tmp_path, images, KILLED)
    running = [start_worker(rank, ports, "transfer", *flags) for rank in (0, 1)]
    wait_until(lambda: steps_saved(tmp_path), 200)
    kill(running[victim])
    # The other notices it in bounded time, before the killed one is started again.
    name = "random-0_B_seed0_first" + (".worker1" if victim == 0 else "")
    log = tmp_path / "logs" / f"{name}.log"
    wait_until(lambda: "UnavailableError" in log.read_text(), 120)
    last = max(steps_saved(tmp_path))
    assert 0 < last < STEPS
    assert not list(tmp_path.glob("*/record.json"))

    running[victim] = start_worker(victim, ports, "transfer", *flags)
    # Steps before the last checkpoint are not taken again.
    later: set[int] = set()
    while not later:
        assert running[0].poll() is None
        later = {step for step in steps_saved(tmp_path) if step not in (last, last - 5)}
    assert min(later) == last + 5
    printed = [process.communicate(timeout=400) for process in running]
    assert [process.returncode for process in running] == [0, 0], printed
    survivor = printed[1 - victim]
    assert "interrupted random-0_B_seed0_first: another worker has ended" in survivor[1]
    for treatment in TREATMENTS:
        assert_close(read(tmp_path, treatment), read(alone_killed, treatment))
