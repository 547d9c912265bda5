"""The everyday command for a network that is given, from its file to its export."""

import json

import commands
import keras
import pytest

from yosinski_tf.models.resnet_mini import resnet_mini

pytestmark = pytest.mark.slow

SMALL = (
    "--steps=6",
    "--batch_size=8",
    "--validate_every=3",
    "--seeds=0",
    "--norm_momentum=0.5",
)


def test_from_a_file_to_an_export(tmp_path):
    images = commands.draw_folder(tmp_path / "images", 4)
    model, runs = tmp_path / "model.keras", tmp_path / "runs"
    keras.utils.set_random_seed(1)
    resnet_mini((16, 16, 3), 7, blocks=1, width=8).save(model)
    command = (
        "--flagfile=flags/my_network.flags",
        f"--source=file:{model}",
        "--pixels=tf",
        f"--dataset=folder:{images}",
        f"--runs={runs}",
        *SMALL,
    )
    plan = commands.run("study", *command, "--dry_run")
    assert plan.returncode == 0, plan.stderr
    assert "file:model.keras in 4 stages, n from 1 to 3:" in plan.stdout
    assert "  6: block3_conv1 .. block3_conv2_bn, cut at pool\n" in plan.stdout
    assert "until training has begun, which shows the time left" in plan.stdout
    assert "10 networks, 0 done, 10 to train in" in plan.stdout
    done = commands.run("study", *command)
    assert done.returncode == 0, done.stderr
    records = {
        path.parent.name: json.loads(path.read_text())
        for path in runs.glob("*/record.json")
    }
    assert set(records) == {
        f"whole_{treatment}_seed0"
        for treatment in ("baseW R1W R2W R3W P1W P2W P3W P1W+ P2W+ P3W+".split())
    }
    digests = {record.get("source_sha256") for record in records.values()}
    assert len(digests) == 2 and None in digests
    frozen = records["whole_P2W_seed0"]
    assert frozen["frozen_sha256_before"] == frozen["frozen_sha256_after"]
    assert "cannot be told from" in (runs / "report/summary.md").read_text()
    (exported,) = (runs / "export").iterdir()
    assert (exported / "labels.txt").exists()
    best = commands.run("export", f"--runs={runs}", "--run=best", "--format=keras")
    assert best.returncode == 0, best.stderr
    assert best.stdout.startswith(f"Best         {exported.name}: of what the report")
    assert (runs / "export" / f"{exported.name}.keras").is_file()
    # The study has its copy: the file is not needed any more.
    model.unlink()
    again = commands.run("study", *command)
    assert again.returncode == 0, again.stderr
    assert "All 10 networks are trained already" in again.stdout
    more = commands.run("study", *command, "--treatments=P2W~1")
    assert more.returncode == 0, more.stderr
    assert (runs / "whole_P2W~1_seed0" / "record.json").exists()
