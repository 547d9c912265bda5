"""The files of flags/clusters, with stand-ins for Slurm and Ray."""

import os
import signal
import subprocess
import time

import pytest
from places import ROOT

CLUSTERS = ROOT / "flags/clusters"
STAND_INS = {
    # Two nodes, which are processes; a signal to srun reaches both.
    "srun": """while [[ $1 == --* ]]; do shift; done
trap 'kill $(jobs -p)' TERM
for node in 0 1; do SLURM_NODEID=$node "$@" & done
wait; wait""",
    "ray": """if [ $1 = status ]; then
    ls node-* 2>/dev/null | sed 's/.*/ 1 node_&/'
else
    echo "$RAY_AUTH_MODE $RAY_AUTH_TOKEN" >>tokens
    echo "$@" >node-$SLURM_NODEID
    exec sleep 60
fi""",
    "python": """case $2 in
*address*) echo 10.0.0.7 ;;
*secrets*) echo secret ;;
esac""",
    "sleep": 'exec /bin/sleep "${1/#5/0.1}"',
    "yosinski-study": """trap 'echo saved >>study; [ -e full ] && exit 4; exit 143' TERM
echo "$@" >study
for _ in {1..200}; do sleep 0.05; [ -e go ] && exit 3; done""",
}
# What it signals has ended when it returns.
KILL = """kill() {
    builtin kill "$@" && if [ "$1" = -TERM ]; then /bin/sleep 0.3; fi
}
"""


@pytest.fixture
def job(tmp_path):
    """A Slurm job of two nodes that runs `yosinski-study --runs=R`."""
    (tmp_path / "bin").mkdir()
    for name, text in STAND_INS.items():
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)
    activate = tmp_path / ".venv/bin/activate"
    activate.parent.mkdir(parents=True)
    activate.write_text(f"PATH={tmp_path}/bin:$PATH\n{KILL}")
    values = {"JOB_ID": "70123", "JOB_NUM_NODES": "2", "CPUS_PER_TASK": "6"}
    values |= {"SUBMIT_DIR": str(tmp_path), "JOB_NAME": "yosinski"}
    slurm = {f"SLURM_{name}": value for name, value in values.items()}
    process = subprocess.Popen(
        ["bash", CLUSTERS / "ray.slurm", "yosinski-study", "--runs=R"],
        env={**os.environ, **slurm},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 30
    while not (tmp_path / "study").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    yield process
    assert process.stderr.read() == ""
    # Nothing of its session still runs.
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_a_slurm_job_starts_ray_on_all_nodes_and_ends_as_its_command(job, tmp_path):
    (tmp_path / "go").touch()
    assert job.wait(30) == 3
    start, few = "start --", "--block --num-cpus=6 --object-store-memory=200000000"
    head, other = ((tmp_path / f"node-{node}").read_text() for node in (0, 1))
    assert head.startswith(f"{start}head --port=20123 --ray-client-server-port=30123")
    assert "--temp-dir=/tmp/ray-70123 --include-dashboard=false" in head
    assert other.startswith(f"{start}address=10.0.0.7:20123 {few}") and few in head
    assert (tmp_path / "tokens").read_text() == "token secret\n" * 2
    study = "--runs=R --engine=ray --ray_address=10.0.0.7:20123\n"
    assert (tmp_path / "study").read_text() == study


def test_a_slurm_job_near_its_time_limit_saves_and_ends(job, tmp_path):
    job.send_signal(signal.SIGTERM)
    assert job.wait(30) == 143
    assert (tmp_path / "study").read_text().endswith("\nsaved\n")


def test_a_slurm_job_ends_as_its_command_that_cannot_save(job, tmp_path):
    (tmp_path / "full").touch()
    job.send_signal(signal.SIGTERM)
    assert job.wait(30) == 4


def test_a_kuberay_job_starts_the_study_on_volumes_that_its_pods_have():
    yaml = pytest.importorskip("yaml", reason="needs the extra ray")
    volume, job = yaml.safe_load_all((CLUSTERS / "study.kuberay.yaml").read_text())
    program, *flags = job["spec"]["entrypoint"].split()
    assert program == "yosinski-study" and "--engine=ray" in flags
    assert (ROOT / flags[0].removeprefix("--flagfile=/yosinski/")).is_file()
    # What is wrong with the study is wrong again.
    assert job["spec"]["backoffLimit"] == 2
    cluster = job["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        (claim,) = (each["persistentVolumeClaim"] for each in pod["volumes"])
        assert claim == {"claimName": volume["metadata"]["name"]}
        (mount,) = pod["containers"][0]["volumeMounts"]
        assert mount == {"name": pod["volumes"][0]["name"], "mountPath": "/study"}
    assert {"--runs=/study/runs", "--dataset=store:/study/store"} <= {*flags}
