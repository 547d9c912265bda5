"""Studies that cannot be measured, or only in part, through yosinski-explain."""

import csv
import json
import math
import shutil

import numpy as np
import pytest
from commands import TINY, refuse, run, start, succeed

from yosinski_tf.models import surgery

pytestmark = pytest.mark.slow

TREATMENTS = "baseA,baseB,A1B,A3B+"


def train(runs, images, *flags, **options):
    flags = (f"--runs={runs}", f"--dataset=folder:{images}", *TINY, *flags)
    succeed("study", *flags, **options)
    return runs


@pytest.fixture(scope="module")
def trained(tmp_path_factory, images):
    runs = tmp_path_factory.mktemp("trained") / "runs"
    return train(runs, images, f"--treatments={TREATMENTS}")


@pytest.fixture
def runs(trained, tmp_path):
    """A copy of a study that was not explained."""
    return shutil.copytree(trained, tmp_path / "runs")


def values(runs, measure, network, direction="AB"):
    with open(runs / "report/layers.csv") as file:
        return [
            float(row["value"])
            for row in csv.DictReader(file)
            if (row["measure"], row["network"], row["direction"])
            == (measure, network, direction)
        ]


def change_weights(runs, run_id, **scales):
    """Multiplies the weights of some layers, and corrects the record."""
    path = runs / run_id / "weights.npz"
    weights = surgery.read_weights(path)
    for layer, scale in scales.items():
        weights[f"{layer}/kernel"] *= np.float32(scale)
    np.savez(path, **weights)
    record = runs / run_id / "record.json"
    fields = json.loads(record.read_text())
    fields["weights_sha256"] = surgery.digest(weights)
    record.write_text(json.dumps(fields))


def test_bases_alone_are_measured_and_what_is_missing_is_said(runs):
    for copies in ("A1B", "A3B+"):
        shutil.rmtree(runs / f"random-0_{copies}_seed0")
    done = succeed("explain", f"--runs={runs}")
    assert "No copies: there are no curves to compare with." in done.stdout
    text = (runs / "report/layers.md").read_text()
    assert "No copies: there are no curves to compare with." in text
    assert "There is no second base B of another seed" in text
    # Half A has three classes of six images each.
    assert "Probes learn from 18 training images." in text
    assert "More dimensions than images: conv1." in text
    assert len(values(runs, "cka", "baseA baseB")) == 7
    assert len(values(runs, "loss_put_back", "baseB")) == 7
    assert values(runs, "travel", "AnB+ n=3") == []


def test_weights_that_are_missing_or_others_leave_what_needs_them_not(runs):
    weights = runs / "random-0_baseA_seed0/weights.npz"
    kept = weights.rename(weights.with_suffix(".away"))
    done = run("explain", f"--runs={runs}")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "random-0_baseA_seed0 has a record but no weights.npz: delete" in done.stderr
    assert values(runs, "top1", "AnB") and not values(runs, "cka", "baseA baseB")
    # What needs base B alone.
    assert len(values(runs, "linear_probe", "baseB")) == 7
    assert len(values(runs, "loss_put_back", "baseB")) == 7
    assert (runs / "report/index.html").exists()
    missing = "baseA of random:0, A to B, seed 0"
    for place in (
        done.stdout,
        *((runs / "report" / f"{n}.md").read_text() for n in ("layers", "summary")),
    ):
        assert f"Left out, since their weights cannot be read: {missing}" in place
    kept.rename(weights)
    other = runs / "random-0_A3B+_seed0/weights.npz"
    changed = surgery.read_weights(other)
    changed["conv1/bias"] += 1
    np.savez(other, **changed)
    done = run("explain", f"--runs={runs}")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "A3B+_seed0/weights.npz and its record are not of one" in done.stderr
    assert len(values(runs, "cka", "baseA baseB")) == 7
    assert len(values(runs, "linear_probe", "baseA")) == 7
    assert values(runs, "travel", "AnB+ n=3") == []


def test_features_that_are_not_finite_have_no_value(runs):
    change_weights(runs, "random-0_baseA_seed0", conv1=1e10, conv2=1e25)
    done = succeed("explain", f"--runs={runs}")
    assert done.stderr == ""
    probes = values(runs, "linear_probe", "baseA")
    assert not math.isnan(probes[0]) and math.isnan(probes[-1])
    assert not any(map(math.isnan, values(runs, "linear_probe", "baseB")))
    text = (runs / "report/layers.md").read_text()
    assert "No value, since features are not finite, too large or the same" in text


def test_two_at_once_measure_once(runs):
    both = [start("explain", f"--runs={runs}") for _ in range(2)]
    ends = [each.communicate(timeout=600) for each in both]
    assert [each.returncode for each in both] == [0, 0], ends
    before = "Everything was measured before; the report is drawn again."
    assert sorted(before in out for out, _ in ends) == [False, True]
    first, second = (out[out.index("\nRandom splits") :] for out, _ in ends)
    assert first == second
    told = "Waiting: another process measures the layers of"
    assert any(told in err for _, err in ends)
    assert len(values(runs, "linear_probe", "R")) == 7


def test_a_damaged_record_is_one_sentence(runs):
    (runs / "random-0_A1B_seed0/record.json").write_text("{")
    told = refuse("explain", f"--runs={runs}")
    assert "random-0_A1B_seed0/record.json" in told and "to train it again" in told


def test_images_are_read_again_where_the_copy_is_lost(runs):
    shutil.rmtree(runs / "dataset")
    done = succeed("explain", f"--runs={runs}", "--probes_only")
    assert len(values(runs, "linear_probe", "baseA")) == 7
    assert "linear probe of base A, %" in done.stdout
    # Nothing else is measured.
    assert values(runs, "cka", "baseA baseB") == []


def test_networks_of_numpy_are_the_same_with_jax(runs):
    succeed("explain", f"--runs={runs}")
    known = {name: values(runs, name, "R") for name in ("logme", "h_score")}
    shutil.rmtree(runs / "explain")
    succeed("explain", f"--runs={runs}", environment={"KERAS_BACKEND": "jax"})
    for name, numbers in known.items():
        assert values(runs, name, "R") == pytest.approx(numbers, rel=1e-3)


def test_networks_of_keras_need_the_backend_that_drew_them(tmp_path, images):
    jax = {"KERAS_BACKEND": "jax"}
    flags = ["--image_size=16", "--steps=2", "--batch_size=4", "--precision=float32"]
    flags += [f"--runs={tmp_path}", f"--dataset=folder:{images}", "--validate_every=2"]
    flags += ["--network=resnet_mini", "--treatments=baseA,baseB"]
    succeed("study", *flags, environment=jax)
    told = refuse("explain", f"--runs={tmp_path}")
    assert "needs the backend jax, found tensorflow: set KERAS_BACKEND=jax" in told
    succeed("explain", f"--runs={tmp_path}", environment=jax)
    assert len(values(tmp_path, "loss_drawn_anew", "baseB")) == 3
