"""Studies on a simulated Ray cluster, with faults: takes some minutes on 2 cores."""

import contextlib
import os
import random
import re
import signal
import time

import pytest
from commands import TINY, last_step, refuse, run, start
from outcomes import outcome
from ray_machines import cohort_processes, machines
from waiting import wait_until

pytest.importorskip("ray", reason="needs Ray: pip install 'yosinski_tf[ray]'")
pytestmark = pytest.mark.slow

STUDY = [
    "--dataset=embedded",
    *TINY,
    "--treatments=baseA,baseB,A1B,B3B+",
    "--cohort_size=1",
    "--steps=400",
    "--validate_every=200",
    "--checkpoint_every=20steps",
    "--learning_rate=0.001",
    "--threads=1",
    "--processes=1",
]


@pytest.fixture(scope="module")
def cluster():
    with machines() as found:
        for _ in range(3):
            found.add()
        yield found


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    runs = tmp_path_factory.mktemp("local") / "runs"
    done = run("study", f"--runs={runs}", *STUDY)
    assert done.returncode == 0, done.stderr
    return outcome(runs)


def flags(cluster, runs):
    ray = ["--engine=ray", f"--ray_address={cluster.address}"]
    return [f"--runs={runs}", *STUDY, *ray]


def begin(cluster, runs, **options):
    return start("study", *flags(cluster, runs), **options)


def saved(runs):
    return list(runs.glob("cohorts/*.checkpoint"))


def end(process, wanted, runs, code=0):
    out, err = process.communicate(timeout=400)
    assert process.returncode == code, (out, err)
    assert "Traceback" not in err and "(raylet)" not in out + err
    if code == 0:
        found = outcome(runs)
        assert found.keys() == wanted.keys()
        for name in wanted:
            assert found[name] == wanted[name], name
    return out, err


def test_three_nodes_give_the_results_of_one_machine(cluster, wanted, tmp_path):
    runs = tmp_path / "runs"
    out, err = end(begin(cluster, runs), wanted, runs)
    assert "4 networks, 0 done, 4 to train in 4 cohorts, 3 at a time." in out
    assert err.count("started random") == err.count("finished random") == 4


def test_a_process_that_is_killed_is_started_again(cluster, wanted, tmp_path):
    runs = tmp_path / "runs"
    process = begin(cluster, runs)
    wait_until(lambda: saved(runs), 120)
    cohort_processes()[0].kill()
    _, err = end(process, wanted, runs)
    assert err.count("lost random") == 1
    assert "its process ended with code -9" in err


def test_what_a_lost_node_trained_goes_on_elsewhere(cluster, wanted, tmp_path):
    runs = tmp_path / "runs"
    process = begin(cluster, runs)
    wait_until(lambda: saved(runs), 120)
    cluster.remove(cluster.training())
    _, err = end(process, wanted, runs)
    assert "NodeDiedError" in err
    cluster.add()


def test_a_driver_that_was_killed_goes_on_where_it_was(cluster, wanted, tmp_path):
    runs = tmp_path / "runs"
    process = begin(cluster, runs)
    wait_until(lambda: saved(runs), 120)
    process.kill()
    process.communicate()
    # Started at once: the processes of the first driver save first.
    end(begin(cluster, runs), wanted, runs)
    assert not cohort_processes()


@pytest.mark.parametrize("what", ["driver", "node", "worker"])
def test_cohorts_save_when_what_they_depend_on_is_killed(cluster, tmp_path, what):
    runs = tmp_path / "runs"
    never = ["--steps=1000000", "--checkpoint_every=1000000steps"]
    process = start("study", *flags(cluster, runs), *never)
    wait_until(lambda: list(runs.glob("tensorboard/**/events*")), 120)
    time.sleep(3)
    assert not saved(runs)
    if what == "driver":
        process.kill()
    elif what == "node":
        cluster.remove(cluster.training())
        cluster.add()
    else:
        cohort_processes()[0].parent().kill()
    # Nothing else has told them to save.
    wait_until(lambda: saved(runs), 30)
    process.terminate()
    process.communicate(timeout=60)
    assert last_step(runs) > 0
    assert not cohort_processes()


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
)
def test_all_save_before_a_stopped_driver_ends(cluster, wanted, tmp_path, number, code):
    runs = tmp_path / "runs"
    process = begin(cluster, runs, start_new_session=True)
    wait_until(lambda: saved(runs), 120)
    os.killpg(process.pid, number)
    begun = time.monotonic()
    out, err = end(process, wanted, runs, code)
    assert time.monotonic() - begun < 30
    assert "Stopped; the same command goes on from here." in out
    assert err.count("stopped random") >= 1
    assert not cohort_processes()
    end(begin(cluster, runs), wanted, runs)


def test_what_no_node_has_is_named_and_not_waited_for(cluster, tmp_path):
    runs = tmp_path / "runs"
    told = refuse("study", *flags(cluster, runs), "--threads=64")
    assert "random-0_A_seed0_first needs 64 CPUs and " in told
    assert " on one node, found at most 1 CPU and " in told
    assert told.endswith(
        "give a smaller --cohort_size, --threads or --devices, or add a larger node\n"
    )


def test_a_cluster_without_room_is_waited_for(cluster, wanted, tmp_path):
    import ray

    ray.init(cluster.address, log_to_driver=False)
    try:
        hold = ray.remote(num_cpus=1)(lambda: time.sleep(3600))
        held = [hold.remote() for _ in range(3)]
        runs = tmp_path / "runs"
        process = begin(cluster, runs, output=tmp_path / "output")
        said = (tmp_path / "output").read_text
        wait_until(lambda: "waiting with random-0" in said(), 120)
        assert re.search(
            r": it waits for a node with 1 CPU and \d\.\d GB of memory", said()
        )
        for task in held:
            ray.cancel(task, force=True)
    finally:
        ray.shutdown()
    assert process.wait(timeout=400) == 0, said()
    assert outcome(runs) == wanted


def test_twelve_kills_lose_nothing(cluster, wanted, tmp_path, capsys):
    draw, kills, studies = random.Random(3), 0, 0
    while kills < 12:
        runs = tmp_path / f"runs{studies}"
        studies += 1
        process = begin(cluster, runs)
        for _ in range(4):
            time.sleep(draw.uniform(4, 12))
            if process.poll() is not None:
                break
            what = draw.choice(["driver", "cohort", "worker", "node"])
            with contextlib.suppress(IndexError):
                if what == "driver":
                    process.kill()
                    process.communicate()
                    process = begin(cluster, runs)
                elif what == "node":
                    cluster.remove(draw.choice(cluster.nodes))
                    cluster.add()
                else:
                    victim = draw.choice(cohort_processes())
                    (victim.parent() if what == "worker" else victim).kill()
                kills += 1
                with capsys.disabled():
                    print(f"\nkill {kills}: {what}", end="", flush=True)
        out, err = process.communicate(timeout=400)
        # Killed too often without progress: it failed, and is tried again.
        while process.returncode:
            assert "times without progress" in err, (out, err)
            process = start("study", *flags(cluster, runs), "--retry_failed")
            out, err = process.communicate(timeout=400)
        end(begin(cluster, runs), wanted, runs)
