"""What the layers of a study's networks hold, through the command."""

import contextlib
import csv
import json
import os
import pathlib
import signal
import time

import pytest
from commands import TINY, start, succeed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def study(tmp_path_factory, images):
    """A study that was trained and explained, and its command with the output."""
    runs = tmp_path_factory.mktemp("study") / "runs"
    treatments = "baseA,baseB,A1B,A2B,A3B,A3B+,B3B+"
    flags = [f"--runs={runs}", f"--dataset=folder:{images}", *TINY]
    flags += [f"--treatments={treatments}", "--explain"]
    return runs, succeed("study", *flags), flags


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


def processes_of(module, runs):
    """The ids of processes that run a module on a study."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_text().split("\0")
            if module in words and f"--runs={runs}" in words:
                found.append(path.parent.name)
    return found


def test_every_measure_has_a_value_for_each_layer(study):
    runs, done, _ = study
    record = json.loads((runs / "random-0_A3B_seed0/record.json").read_text())
    assert values(runs, "top1", "AnB")[2] == pytest.approx(100 * record["top1"])
    for network in ("baseA", "baseB", "R"):
        for measure in ("linear_probe", "knn_probe", "logme", "h_score"):
            assert len(values(runs, measure, network)) == 7
    assert len(values(runs, "cka", "baseA baseB")) == 7
    assert len(values(runs, "travel", "AnB+ n=3")) == 3
    assert len(values(runs, "loss_put_back", "baseB")) == 7
    assert len(values(runs, "gabor_explained", "R")) == 1
    assert "\n\nExplaining the layers of 7 networks ...\n" in done.stdout
    assert (
        "Random splits, 2 pairs, 1 of them with copies\n\nWhy the curves" in done.stdout
    )
    assert "measured before" not in done.stdout


def test_the_report_shows_what_was_measured_and_measures_nothing(study):
    runs, done, _ = study
    report = runs / "report"
    assert f"page     {report / 'index.html'}" in done.stdout.splitlines()[-5]
    pictures = ["layers.png", *(f"filters_random-0_base{h}_seed0.png" for h in "BA")]
    for name in pictures:
        assert f"{report / name}" in done.stdout
    assert len(list((runs / "tensorboard/explain").glob("events*"))) == 1
    before = (report / "layers.csv").stat().st_mtime_ns
    page = (report / "index.html").read_text()
    assert page.count('id="layers"') == 1 and "earlier state" not in page
    succeed("report", f"--runs={runs}")
    again = (report / "index.html").read_text()
    start = again.index('id="layers"')
    assert again[start : again.index('id="use"')] in page
    assert again.count('class="picture"') == 3
    assert (report / "layers.csv").stat().st_mtime_ns == before


@pytest.mark.parametrize("whole_group", [True, False])
def test_a_study_that_is_stopped_while_it_is_explained_goes_on(study, whole_group):
    runs, _, flags = study
    for each in (runs / "explain").glob("random*.json"):
        each.unlink()
    process = start("study", *flags, start_new_session=True)
    while not list((runs / "explain").glob("random*.json")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    # A terminal sends Ctrl-C to all of its processes.
    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out.endswith("Stopped; the same command goes on from here.\n")
    assert "Traceback" not in err
    assert not processes_of("yosinski_tf.binaries.explain", runs)
    assert "Random splits, 2 pairs" in succeed("study", *flags).stdout


def test_probes_alone_keep_what_else_was_measured(study):
    runs, *_ = study
    before = (runs / "report/layers.csv").read_bytes()
    done = succeed("explain", f"--runs={runs}", "--probes_only")
    assert "Everything was measured before; the report is drawn again." in done.stdout
    assert (runs / "report/layers.csv").read_bytes() == before


def test_it_goes_on_where_it_was_stopped(study):
    runs, *_ = study
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
