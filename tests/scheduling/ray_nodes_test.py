"""What nodes of a cluster say of their GPUs, with a driver that lists four."""

import os

import pytest
from commands import ENVIRONMENT, python

pytest.importorskip("ray", reason="needs Ray: pip install 'yosinski_tf[ray]'")
pytestmark = pytest.mark.slow

_HERE = {n: v for n, v in ENVIRONMENT.items() if n != "CUDA_VISIBLE_DEVICES"}
_DRIVER = """#!/bin/sh
for number in 0 1 2 3; do echo "GPU-$number, 9.0, 80000, Any"; done
"""
_LOOK = """
import pathlib, sys
from yosinski_tf.scheduling import ray_nodes
from yosinski_tf.system import errors, ray_cluster
with ray_cluster.connected("", pathlib.Path(sys.argv[1]), cpus=1, gpus=2):
    try:
        (node,) = ray_nodes.look()
        print(*(gpu.uuid for gpu in node.gpus))
    except errors.UserError as error:
        print(error)
"""


@pytest.fixture
def driver(tmp_path):
    """The PATH with a program that lists four GPUs."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(_DRIVER)
    program.chmod(0o755)
    return f"{program.parent}:{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("devices", "found"),
    [
        ({}, "GPU-0 GPU-1"),
        ({"CUDA_VISIBLE_DEVICES": "2,3"}, "GPU-2 GPU-3"),
        ({"CUDA_VISIBLE_DEVICES": "GPU-1,GPU-3,GPU-0"}, "GPU-1 GPU-3"),
    ],
)
def test_the_gpus_of_a_node_are_those_that_ray_was_started_with(
    tmp_path, driver, devices, found
):
    variables = _HERE | {"PATH": driver} | devices
    done = python(_LOOK, tmp_path / "ray", env=variables)
    assert done.stdout == f"{found}\n", done.stderr


def test_gpus_that_the_driver_does_not_list_are_named(tmp_path):
    done = python(_LOOK, tmp_path / "ray", env=_HERE)
    assert done.stdout.startswith(
        "--engine=ray needs nvidia-smi to find the 2 GPUs that Ray has on "
    ), done.stderr
    assert ", found 0: install it there, or start" in done.stdout
