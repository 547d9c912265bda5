"""Limits of control groups, as Slurm, systemd, Docker and Kubernetes set them."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from places import ROOT

from yosinski_tf.machine import cgroups, hardware

GIB = 2**30
MANY = 128 * GIB
NO_LIMIT_V1 = 9223372036854771712
V2 = "/sys/fs/cgroup"
V1 = f"{V2}/memory"
V2_MOUNT = "/ /sys/fs/cgroup rw - cgroup2 cgroup2 rw"


def machine(root, groups, mounts, files):
    """A folder with the files of a machine; `files` by their path, `DIR/NAME`."""
    mounts = ["/ / rw - ext4 /dev/vda rw", *mounts]
    lines = [f"{30 + k} 23 0:{k} {mount}" for k, mount in enumerate(mounts)]
    kernel = {
        "/proc/self/cgroup": "\n".join(groups),
        "/proc/self/mountinfo": "\n".join(lines),
    }
    for name, content in {**kernel, **files}.items():
        path = pathlib.Path(f"{root}{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    return root


def v2(root, group, files, mounts=(V2_MOUNT,)):
    return machine(root, [f"0::{group}"], mounts, files)


def test_the_groups_above_count_too(tmp_path):
    job = f"{V2}/system.slice/slurmstepd.scope/job_7"
    files = {
        f"{job}/step_0/memory.max": "max",
        f"{job}/step_0/memory.current": GIB // 4,
        f"{job}/memory.max": 2 * GIB,
        f"{job}/memory.current": GIB,
        f"{V2}/system.slice/memory.max": MANY,
        f"{V2}/system.slice/memory.current": 100 * GIB,
        f"{job}/step_0/cpu.max": "max 100000",
        f"{job}/cpu.max": "400000 100000",
        # A job beside it.
        f"{V2}/system.slice/slurmstepd.scope/job_8/memory.max": 1,
        f"{V2}/system.slice/slurmstepd.scope/job_8/cpu.max": "1000 100000",
    }
    v2(tmp_path, "/system.slice/slurmstepd.scope/job_7/step_0", files)
    assert cgroups.available_memory(tmp_path) == GIB
    assert cgroups.cpu_quota(tmp_path) == 4.0


def test_the_smallest_is_of_what_is_left_not_of_the_limits(tmp_path):
    files = {
        f"{V2}/user/memory.max": 8 * GIB,
        f"{V2}/user/memory.current": 7 * GIB,
        f"{V2}/user/mine/memory.max": 4 * GIB,
        f"{V2}/user/mine/memory.current": GIB,
    }
    assert cgroups.available_memory(v2(tmp_path, "/user/mine", files)) == GIB


def test_what_the_kernel_can_take_back_is_not_used(tmp_path):
    stat = "anon 5\nfile 9\ninactive_file 3000\nactive_file 500\nslab_reclaimable 40"
    files = {
        f"{V2}/a/memory.max": 10_000,
        f"{V2}/a/memory.current": 9_000,
        f"{V2}/a/memory.stat": f"{stat}\nslab 70\nworkingset_refault_file 60",
    }
    assert cgroups.available_memory(v2(tmp_path, "/a", files)) == 4_540


def test_a_group_that_is_over_its_limit_leaves_nothing(tmp_path):
    files = {f"{V2}/a/memory.high": 100, f"{V2}/a/memory.current": 300}
    assert cgroups.available_memory(v2(tmp_path, "/a", files)) == 0


def test_memory_high_is_a_limit(tmp_path):
    files = {f"{V2}/a/memory.max": 300, f"{V2}/a/memory.high": 200}
    assert cgroups.available_memory(v2(tmp_path, "/a", files)) == 200


@pytest.mark.parametrize(
    ("group", "top"), [("/", "/"), ("/", "/../.."), ("/../other", "/")]
)
def test_a_container_that_sees_its_own_group_at_the_top(tmp_path, group, top):
    files = {
        f"{V2}/memory.max": 2 * GIB,
        f"{V2}/memory.current": GIB,
        f"{V2}/cpu.max": "150000 100000",
    }
    v2(tmp_path, group, files, [f"{top} {V2} ro - cgroup2 cgroup rw"])
    assert cgroups.available_memory(tmp_path) == GIB
    assert cgroups.cpu_quota(tmp_path) == 1.5


def test_version_1_has_a_tree_for_each_controller(tmp_path):
    groups = [
        "11:name=systemd:/user.slice",
        "9:cpu,cpuacct:/slurm/job_7",
        "4:memory:/slurm/uid_5/job_7/step_0/task_0",
        "0::/user.slice",  # hybrid: without controllers
    ]
    cpu = f"{V2}/cpu,cpuacct"
    mounts = [
        f"/ {V2}/systemd rw shared:9 - cgroup cgroup rw,name=systemd",
        f"/ {cpu} rw shared:10 master:3 - cgroup cgroup rw,cpu,cpuacct",
        f"/ {V1} rw - cgroup cgroup rw,memory",
        f"/ {V2}/unified rw - cgroup2 cgroup2 rw",
    ]
    job = f"{V1}/slurm/uid_5/job_7"
    files = {
        f"{V2}/unified/user.slice/cgroup.procs": "",
        f"{V1}/memory.limit_in_bytes": NO_LIMIT_V1,
        f"{V1}/memory.usage_in_bytes": 90 * GIB,
        f"{job}/memory.limit_in_bytes": 4 * GIB,
        f"{job}/memory.usage_in_bytes": 3 * GIB,
        f"{job}/memory.stat": f"inactive_file 5\ntotal_inactive_file {GIB}",
        f"{job}/step_0/memory.limit_in_bytes": NO_LIMIT_V1,
        f"{cpu}/cpu.cfs_quota_us": -1,
        f"{cpu}/cpu.cfs_period_us": 100_000,
        f"{cpu}/slurm/job_7/cpu.cfs_quota_us": 200_000,
        f"{cpu}/slurm/job_7/cpu.cfs_period_us": 50_000,
    }
    machine(tmp_path, groups, mounts, files)
    assert cgroups.available_memory(tmp_path) == 2 * GIB
    assert cgroups.cpu_quota(tmp_path) == 4.0


def test_a_container_of_version_1_sees_a_part_of_the_tree(tmp_path):
    mounts = [f"/docker/ab12 {V1} ro - cgroup cgroup rw,memory"]
    files = {
        f"{V1}/memory.limit_in_bytes": 3 * GIB,
        f"{V1}/memory.usage_in_bytes": GIB,
        f"{V1}/inner/memory.limit_in_bytes": NO_LIMIT_V1,
    }
    for number, group in enumerate(("/docker/ab12", "/docker/ab12/inner", "/")):
        root = machine(tmp_path / str(number), [f"4:memory:{group}"], mounts, files)
        assert cgroups.available_memory(root) == 2 * GIB


def test_a_tree_mounted_elsewhere_and_a_path_of_odd_letters(tmp_path):
    mounts = [r"/ /my\040groups rw - cgroup2 cgroup2 rw"]
    files = {"/my groups/a:b c/memory.max": 500}
    assert cgroups.available_memory(v2(tmp_path, "/a:b c", files, mounts)) == 500


def test_no_limit(tmp_path):
    assert cgroups.available_memory(tmp_path) is None
    assert cgroups.cpu_quota(tmp_path) is None
    files = {f"{V2}/a/memory.max": "max", f"{V2}/a/cpu.max": "max 100000"}
    v2(tmp_path, "/a", files)
    assert cgroups.available_memory(tmp_path) is None
    assert cgroups.cpu_quota(tmp_path) is None


@pytest.mark.parametrize(
    ("quota", "number"),
    [(None, 4), (0.1, 1), (1.0, 1), (1.4, 1), (1.5, 2), (2.5, 3), (3.9, 4), (64.0, 4)],
)
def test_a_quota_counts_as_cores(monkeypatch, quota, number):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})
    monkeypatch.setattr(cgroups, "cpu_quota", lambda: quota)
    assert hardware.cores() == number


IN_A_JOB = f"""
set -e
mount -t tmpfs none {V2}
job={V2}/system.slice/job_7
mkdir -p $job/step_0
echo 1000000 > $job/memory.max
echo 400000 > $job/memory.current
echo "100000 100000" > $job/cpu.max
echo 0::/system.slice/job_7/step_0 > group
mount --bind group /proc/$$/cgroup
exec "$0" -c '
from yosinski_tf.machine import hardware
print(hardware.available_memory(), hardware.cores())'
"""


def test_this_process_in_a_job_of_its_own(tmp_path):
    if os.name == "nt" or os.geteuid() or not shutil.which("unshare"):
        pytest.skip("only root can mount other control groups")
    try:
        subprocess.run(["unshare", "-m", "true"], check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this machine allows no mounts: {error.stderr.decode()}")
    done = subprocess.run(
        ["unshare", "-m", "bash", "-c", IN_A_JOB, sys.executable],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "600000 1\n", done.stderr
