"""What the layers of a study's networks hold, through the command."""

import csv
import json

import pytest
from commands import TINY, refuse, succeed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def study(tmp_path_factory, images):
    """A finished study, and what explaining it printed."""
    runs = tmp_path_factory.mktemp("study") / "runs"
    treatments = "baseA,baseB,A1B,A2B,A3B,A3B+,B3B+"
    flags = [f"--runs={runs}", f"--dataset=folder:{images}", *TINY]
    succeed("study", *flags, f"--treatments={treatments}")
    return runs, succeed("explain", f"--runs={runs}")


def table(runs):
    with open(runs / "report/layers.csv") as file:
        return list(csv.DictReader(file))


def values(runs, measure, network, direction="AB"):
    return [
        float(row["value"])
        for row in table(runs)
        if (row["measure"], row["network"], row["direction"])
        == (measure, network, direction)
    ]


def test_every_measure_has_a_value_for_each_layer(study):
    runs, done = study
    record = json.loads((runs / "random-0_A3B_seed0/record.json").read_text())
    assert values(runs, "top1", "AnB")[2] == pytest.approx(100 * record["top1"])
    for network in ("baseA", "baseB", "R"):
        for measure in ("linear_probe", "knn_probe", "logme", "h_score"):
            assert len(values(runs, measure, network)) == 7
    assert len(values(runs, "cka", "baseA baseB")) == 7
    assert len(values(runs, "travel", "AnB+ n=3")) == 3
    assert len(values(runs, "loss_put_back", "baseB")) == 7
    assert len(values(runs, "gabor_explained", "R")) == 1
    # CKA of two layers does not depend on their order.
    both = (values(runs, "cka", "baseA baseB", each) for each in ("AB", "BA"))
    assert "## Random splits, 2 pairs" in done.stdout
    assert all(len(each) == 7 for each in both)


def test_it_goes_on_where_it_was_stopped(study):
    runs, _ = study
    before = (runs / "report/layers.csv").read_bytes()
    (kept,) = (runs / "explain").glob("*_AB_*.json")
    made = kept.read_text()
    values = json.loads(made)
    del values["steps"]["travel"]
    # What is kept is not measured again.
    values["steps"]["filters"][0][-1] = 0.125
    kept.write_text(json.dumps(values))
    succeed("explain", f"--runs={runs}")
    assert json.loads(kept.read_text())["steps"].keys() == values["steps"].keys() | {
        "travel"
    }
    assert (runs / "report/layers.csv").read_bytes() != before
    kept.write_text("{")
    succeed("explain", f"--runs={runs}")
    assert (runs / "report/layers.csv").read_bytes() == before


def test_weights_that_are_missing_are_one_sentence(study):
    runs, _ = study
    weights = runs / "random-0_A3B+_seed0/weights.npz"
    kept = list((runs / "explain").glob("*_AB_*.json"))
    for each in kept:
        each.unlink()
    moved = weights.rename(weights.with_suffix(".away"))
    told = refuse("explain", f"--runs={runs}")
    assert "weights.npz" in told and "train the run again" in told
    moved.rename(weights)
