"""What `auto` stands for, on a machine that seems to have a GPU."""

import json
import re

import pytest
from commands import ENVIRONMENT, TINY, draw_folder, python, refuse, succeed

from yosinski_tf.binaries.job import auto_settings
from yosinski_tf.machine.nodes import Node
from yosinski_tf.machine.precision import PrecisionChoice

SMI = "GPU-2b, 7.5, {free}, Tesla T4"


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return draw_folder(tmp_path_factory.mktemp("images"), 4)


@pytest.fixture
def with_gpu(tmp_path, monkeypatch):
    """Returns an environment with a GPU that has so many MiB free."""
    home = tmp_path / "bin"
    home.mkdir()

    def surroundings(free):
        told = home / "nvidia-smi"
        told.write_text(f"#!/bin/sh\necho '{SMI.format(free=free)}'\n")
        told.chmod(0o755)
        return {"PATH": f"{home}:/usr/bin:/bin", "CUDA_VISIBLE_DEVICES": "0"}

    return surroundings


@pytest.mark.slow
def test_auto_is_decided_once_for_a_folder(tmp_path, images, with_gpu):
    runs = tmp_path / "runs"
    shared = [f"--runs={runs}", f"--dataset=folder:{images}", *TINY]
    auto = [*shared, "--treatments=R7B", "--precision=auto"]
    done = succeed("random", *auto, environment=with_gpu(15000))
    assert (
        "Precision: float16 (Tesla T4, compute capability 7.5: bfloat16 from 8.0 on)."
        in done.stdout
    )
    made = json.loads((runs / "study.json").read_text())
    # With a GPU, TensorFlow chooses.
    assert made["threads"] is made["threads_per_operation"] is None
    record = json.loads((runs / "random-0_R7B_seed0" / "record.json").read_text())
    assert made["recipe"]["precision"] == record["recipe"]["precision"] == "float16"
    # Any other machine and command takes it from the folder.
    again = succeed("study", *shared, "--dry_run", "--precision=auto")
    assert "Precision: float16 (as this folder was made with)." in again.stdout
    other = refuse("study", *shared, "--dry_run")
    assert "recipe.precision was 'float16', now 'float32'" in other


def test_chosen_gpus_train_a_cohort_each(tmp_path, images):
    told = tmp_path / "nvidia-smi"
    gpus = "".join(f"GPU-{name}, 9.0, 80000, H100\\n" for name in "abc")
    told.write_text(f"#!/bin/sh\nprintf '{gpus}'\n")
    told.chmod(0o755)
    seen = {"PATH": f"{tmp_path}:/usr/bin:/bin", "CUDA_VISIBLE_DEVICES": "0,1,2"}
    code = (
        "import os, sys\n"
        "from yosinski_tf.binaries import study\n"
        "from yosinski_tf.binaries.job import execution\n"
        "def tell(plan):\n"
        "    with execution._engine(plan, None) as engine:\n"
        "        seen = os.environ['CUDA_VISIBLE_DEVICES']\n"
        "        print(plan.at_a_time, engine.devices, seen)\n"
        "    return 0\n"
        "execution.execute = lambda plan, watch: tell(plan)\n"
        "study.run()\n"
    )
    shared = [f"--runs={tmp_path}/runs", f"--dataset=folder:{images}", *TINY]
    shared += ["--treatments=baseA,baseB", "--split=random:0,random:1,random:2"]

    def chosen(*more):
        done = python(code, *shared, *more, env={**ENVIRONMENT, **seen})
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    all_three = "3 ('GPU-a', 'GPU-b', 'GPU-c') 0,1,2"
    assert chosen() == all_three
    assert chosen("--gpus=0,2") == "2 ('GPU-a', 'GPU-c') GPU-a,GPU-c"
    assert chosen("--gpus=2", "--processes=2") == "2 ('GPU-c',) GPU-c"
    mirrored = chosen("--distribution=mirrored", "--gpus=1,2")
    assert mirrored == "1 ('GPU-b,GPU-c',) GPU-b,GPU-c"


def test_auto_is_no_format_that_the_optimizer_refuses(tmp_path):
    turing = node("one", PrecisionChoice("float16", "Tesla T4"))
    found = auto_settings.number_format("auto", tmp_path, "sgd", [turing])
    assert found == turing.precision
    found = auto_settings.number_format("auto", tmp_path, "adamw", [turing])
    assert str(found) == "Precision: float32 (float16 is not for adamw)."


def test_auto_is_a_format_of_all_machines(tmp_path):
    one, other = (
        node("one", PrecisionChoice("bfloat16", "H100")),
        node("other", PrecisionChoice("float16", "Tesla T4")),
    )
    found = auto_settings.number_format("auto", tmp_path, "sgd", [one, other])
    assert str(found) == (
        "Precision: float32 (the machines have different fast formats)."
    )


def node(host, precision):
    return Node(host, 2, None, (), precision)


def test_cohorts_are_as_large_as_the_memory_allows(tmp_path, images, with_gpu):
    shared = [f"--runs={tmp_path}/none", f"--dataset=folder:{images}", *TINY]
    shared += ["--dry_run", "--processes=2"]

    def largest(*more, free):
        told = succeed("study", *shared, *more, environment=with_gpu(free))
        lines = re.findall(r"^ +\d+  random\S+ +(\d+)  ", told.stdout, re.M)
        (said,) = re.findall(r"^(?:Cohorts|Memory): .*", told.stdout, re.M) or [""]
        return max(map(int, lines)), said

    assert largest(free=15000) == (28, "")
    size, said = largest(free=2800)
    assert 2 <= size <= 20
    most = re.fullmatch(
        r"Cohorts: at most (\d+) networks together; 28 need about 3\.\d GB, found"
        r" about 2\.3 GB that can be used, for 2 cohorts at a time\.",
        said,
    )
    # 28 networks are divided into cohorts of the same size.
    assert size == -(-28 // -(-28 // int(most[1])))
    assert largest(free=3500)[0] > size
    size, said = largest(free=100)
    assert size == 1
    assert said.startswith("Memory: 2 networks side by side need about ")
    assert largest("--cohort_size=5", free=100) == (5, "")
