"""The report of a study: files, facts, warnings and caveats."""

import csv
import dataclasses
import json

import numpy as np
import pytest
from commands import python
from fabricate import RESNET_MINI, folder_of, given_study, record, result, study
from refusals import assert_refused

from yosinski_tf.data.copies import Copies
from yosinski_tf.experiment.keras_networks import KerasNetwork
from yosinski_tf.experiment.stages import Stage
from yosinski_tf.report import published_report, write_report
from yosinski_tf.study import given_source, network_file

LAST = "top1"


def _rows(path, **fields):
    """The rows of a CSV file that have the values of `fields`."""
    with open(path, newline="") as file:
        return [row for row in csv.DictReader(file) if fields.items() <= row.items()]


def _summary(tmp_path, records, measure=LAST):
    folder_of(tmp_path, records)
    return write_report.write_report(tmp_path, measure).summary.read_text()


def test_report_of_a_study(tmp_path):
    paths = write_report.write_report(folder_of(tmp_path, study()), LAST)
    assert paths.table == tmp_path / "results.csv"
    folder = tmp_path / "report"
    assert sorted(path.name for path in folder.iterdir()) == [
        "decomposition.csv",
        "figure2.png",
        "figure3.png",
        "index.html",
        "recommendation.json",
        "summary.md",
        "table1.csv",
    ]
    assert paths.reduced_data is None
    assert len(_rows(paths.table)) == 73
    cell = {"comparison": "AnB+ over BnB+", "method": "own base"}
    (row,) = _rows(folder / "table1.csv", measure=LAST, first_layer="1", **cell)
    assert float(row["mean_points"]) == 2.0
    assert row["count"] == "2"
    assert row["note"] == "too few for an interval"
    cell = {"splits": "random", "n": "5", "component": "specificity"}
    (row,) = _rows(folder / "decomposition.csv", measure=LAST, **cell)
    assert (row["mean_points"], row["pairs"], row["low"]) == ("9.5", "2", "")
    text = paths.summary.read_text()
    for phrase in (
        "- networks: 73 finished\n",
        "- data set: embedded\n",
        "- recipe: steps 100; learning_rate 0.01; rate_drops [70, 90]\n",
        "- device: 2 CPU cores\n",
        "- finished: 2025-01-02T03:04:05+00:00\n",
        "- frozen layers: unchanged by training in 42 of 42 networks that have them",
        "| AnB | -2.00 ± 0.00 (2) | -4.00 ± 0.00 (2) |",
        "| base | 59.00 ± 2.83 (2) |",
        "+9.50, 2 pairs: too few for an interval",
        "Results: last validation",
        "Results: mean of the ten highest validations",
        "With 1 validations per network",
        "look at AnB+ over BnB+",
    ):
        assert phrase in text
    assert text.index("Results: last") < text.index("Results: mean of the ten")
    assert "WARNING" not in text


def test_report_of_a_given_network(tmp_path):
    paths = write_report.write_report(folder_of(tmp_path, given_study()), LAST)
    folder = tmp_path / "report"
    assert not (folder / "table1.csv").exists()
    cell = {"splits": "whole", "n": "9", "component": "loss of P"}
    (row,) = _rows(folder / "decomposition.csv", measure=LAST, **cell)
    assert (row["mean_points"], row["pairs"], row["low"]) == ("5.0", "3", "5.0")
    text = paths.summary.read_text()
    for phrase in (
        "- stages: 1 stem, 2 block1, 3 block2, 4 block3, 5 block4, 6 block5, 7 block6,"
        " 8 block7, 9 block8, 10 head\n",
        "| PnW | +3.00 ± 0.00 (3) | +2.00 ± 0.00 (3) |",
        "| RnW | -2.00 ± 0.00 (3) | -4.00 ± 0.00 (3) |",
        "| 9 | +5.00 [+5.00, +5.00], 3 pairs | +7.00 [+6.50, +7.50], 3 pairs |",
        "cannot be told from its loss of specificity",
        "The given network P was trained elsewhere",
    ):
        assert phrase in text
    assert "Table 1" not in text and "Decomposition" not in text
    # Names and caveats are those of this study, which has no halves.
    for name in ("AnB", "BnB", "PnB", "RnB", " half", " halves"):
        assert name not in text, name
    assert paths.answer.text.startswith(
        "Keep the first 9 stages of P (to block8), fine-tuned: 58.0%, 7.0 points"
    )


def test_the_summary_says_which_network_was_given_and_how_pixels_are_scaled(tmp_path):
    weights = {"stem/kernel": np.ones((3, 3, 3, 4), np.float32)}
    source = given_source.make_source("file:trained.keras", weights)
    made = [
        record(
            name,
            0.5,
            "whole",
            network="resnet_mini",
            network_settings={**RESNET_MINI["network_settings"], "pixels": "tf"},
            source_sha256=source.sha256 if name == "P2W" else None,
        )
        for name in ("baseW", "P2W")
    ]
    digest = source.sha256[:12]
    assert f"- source P: digest {digest}\n- pixels: tf\n" in _summary(tmp_path, made)
    given_source.save(tmp_path, source)
    text = _summary(tmp_path, made)
    assert f"- source P: file:trained.keras, digest {digest}\n" in text


def test_a_study_without_a_given_network_does_not_speak_of_it(tmp_path):
    text = _summary(tmp_path, study())
    assert "given network" not in text and "- stages" not in text
    assert "- source" not in text and "- pixels" not in text


def test_other_networks_are_not_compared_with_the_papers(tmp_path):
    folder_of(tmp_path, [record("baseW", 0.5, "whole", **RESNET_MINI)])
    words = "eight layers, conv1 to fc8, found 10 stages, stem to head: leave out"
    assert_refused(words, published_report.write_comparison, tmp_path)


def test_frozen_layers_that_may_have_changed_are_a_warning(tmp_path):
    changed = record("A3B", 0.5, frozen_sha256_after="0" * 64)
    unproved = record("A4B", 0.5, frozen_sha256_before=None, frozen_sha256_after=None)
    fine = [record("baseB", 0.6), record("A5B", 0.5), record("A6B+", 0.5)]
    text = _summary(tmp_path, [changed, unproved, *fine])
    (line,) = [line for line in text.splitlines() if "WARNING" in line]
    assert line.endswith("trust the numbers of random-0-A3B-s0, random-0-A4B-s0.**")


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        ({"dataset": "tiny"}, "2 different data sets"),
        ({"network": "big"}, "2 different networks"),
        ({"recipe": {"steps": 7}}, "2 different recipes"),
        ({"split_digest": "0" * 64}, "random:0 have different class lists"),
    ],
)
def test_mixed_studies_are_a_warning(tmp_path, changes, phrase):
    records = [record("baseB", 0.6), record("A3B", 0.5, **changes)]
    assert phrase in _summary(tmp_path, records)


def test_diverged_runs_are_counted_and_left_out(tmp_path):
    diverged = record("A4B", 0.012345, status="diverged", loss=None)
    text = _summary(tmp_path, [record("baseB", 0.6), record("A3B", 0.5), diverged])
    assert "2 finished; 1 not finished and left out: random-0-A4B-s0" in text
    assert "1.23" not in text and "2.23" not in text
    assert (
        "WARNING: 1 of 3 networks diverged and have no result: train with a lower"
        " --learning_rate, such as 0.0033 (it was 0.01), in another --runs folder."
    ) in text
    assert len(_rows(tmp_path / "results.csv")) == 3


@pytest.mark.parametrize(
    "records",
    [
        [record("baseB", 0.6)],
        [record("A3B", 0.5)],
        [record("A3B", 0.5, status="diverged")],
        [record("baseA", 0.6), record("B3A+", 0.5)],
        [record("baseW", 0.6, "whole"), record("R3W", 0.5, "whole")],
        [record("baseB", 0.6, "file:x.txt"), record("A3B", 0.5, "file:x.txt")],
    ],
)
def test_unfinished_studies_give_partial_reports(tmp_path, records):
    assert "## Caveats" in _summary(tmp_path, records)
    summary = published_report.write_comparison(tmp_path).summary.read_text()
    assert "| random splits | base |" in summary


def test_a_network_without_base_is_named(tmp_path):
    text = _summary(tmp_path, [record("A3B", 0.5)])
    assert "and so in no paired table: random-0-A3B-s0." in text


@pytest.mark.parametrize(
    "write", [write_report.write_report, published_report.write_comparison]
)
def test_a_study_without_records_is_refused_and_nothing_is_written(write, tmp_path):
    assert_refused("run a study with --runs=", write, tmp_path)
    assert_refused("no study folder", write, tmp_path / "absent")
    assert_refused("--measure needs one of .*'accuracy'", write, tmp_path, "accuracy")
    assert list(tmp_path.iterdir()) == []


def test_the_terminal_shows_both_measures_the_chosen_one_first():
    assert write_report.results_table([], LAST) == "no finished network yet"
    shown = write_report.results_table([result("baseB", 0.6)], LAST)
    first, second = "random splits (1), last", "random splits (1), mean of the ten"
    assert shown.index(first) < shown.index(second)


def test_preserved_layers_have_rows_of_their_own(tmp_path):
    records = [
        record("baseB", 0.6),
        record("A3B", 0.5),
        record("A3B~1", 0.55),
        record("A3B~2", 0.56),
        record("B3B~1", 0.59),
    ]
    text = _summary(tmp_path, records)
    families = [
        line.split("|")[1].strip()
        for line in text.splitlines()
        if line.startswith(("| AnB", "| BnB"))
    ]
    assert families[:4] == ["BnB~1", "AnB", "AnB~1", "AnB~2"]
    assert "| AnB~2 |  |  | -4.00 (1) |" in text
    table = published_report.write_comparison(tmp_path, LAST).table
    (row,) = _rows(table, measure=LAST, family="AnB~1")
    assert (row["n"], row["ours"], row["theirs"]) == ("3", "55.0", "")


def test_reduced_data_has_a_table_and_a_figure_of_its_own(tmp_path):
    reduced = [
        record("baseW", 0.2 + 0.1 * count, f"first:{count}", num_classes=4)
        for count in (1, 2)
    ]
    folder_of(tmp_path, [record("baseB", 0.6), record("A3B", 0.5), *reduced])
    paths = write_report.write_report(tmp_path, LAST)
    text = paths.summary.read_text()
    assert "| 2 | base | 0 | 41.00 | 40.00 |" in text
    assert "First splits" not in text
    assert paths.reduced_data.stat().st_size > 10_000
    (row, other) = _rows(tmp_path / "report" / "reduced_data.csv")
    assert (row["examples_per_class"], row["top1"]) == ("1", "0.3")
    beside = published_report.write_comparison(tmp_path, LAST)
    assert "| 2 | 40.00 | 0.41 | +39.59 |" in beside.summary.read_text()
    assert beside.reduced_data.stat().st_size > 10_000
    networks = write_report.read_study(tmp_path)[1].networks
    shown = write_report.results_table(networks, LAST)
    assert "first N images of each class" in shown


def test_a_study_of_reduced_data_alone(tmp_path):
    text = _summary(tmp_path, [record("baseW", 0.3, "first:25")])
    assert "| 25 | base | 0 | 31.00 | 30.00 |" in text
    assert "Table 1" not in text


def test_copies_on_reduced_data_are_recommended(tmp_path):
    records = [
        record(name, top1 + 0.1 * (count == 10), f"first:{count}", **RESNET_MINI)
        for count in (10, 2)
        for name, top1 in {"baseW": 0.3, "P3W": 0.4, "P2W+": 0.35}.items()
    ]
    records.append(record("P5W", 0.6, "first:10", **RESNET_MINI))
    paths = write_report.write_report(folder_of(tmp_path, records), LAST)
    start = "The best copy so far keeps the first"
    assert paths.answer.text.startswith(
        f"With 2 images of each class: {start} 3 stages of"
    )
    assert f" With 10 images of each class: {start} 5 stages of P" in paths.answer.text
    assert "No recommendation" not in paths.answer.text
    values = json.loads((tmp_path / "report" / "recommendation.json").read_text())
    assert values["best"] is None
    assert values["images_per_class"]["10"]["best"] == {"family": "PnW", "n": 5}


def test_the_network_of_a_study_is_read_once(tmp_path, monkeypatch):
    sizes = {"activations": 8, "activations_float32": 0, "largest": 8, "random": False}
    bodies = tuple(
        Stage(name, {}, (8,), multiply_accumulates=work, **sizes)
        for name, work in (("stem", 1000), ("block", 100), ("head", 0))
    )
    network = KerasNetwork(
        "small", 8, {"layers": []}, (), ("out", 0, 0), "scores", 8, bodies
    )
    network_file.write(tmp_path, network, {})
    changes = {
        "network": "small",
        "network_settings": network.settings(),
        "recipe": {"crop_size": 8},
    }
    top1 = {"baseW": 0.3, "P1W": 0.4, "P2W+": 0.5}
    made = [record(name, v, "whole", **changes) for name, v in top1.items()]
    reads, read = [], network_file.read

    def counted(runs):
        reads.append(runs)
        return read(runs)

    monkeypatch.setattr(network_file, "read", counted)
    paths = write_report.write_report(folder_of(tmp_path, made), LAST)
    assert "training then takes 1.9 times less arithmetic" in paths.answer.text
    assert reads == [tmp_path]


def test_reports_import_no_tensorflow():
    code = (
        "import sys\n"
        "from yosinski_tf.results import analysis, published\n"
        "from yosinski_tf.figures import paper_figures\n"
        "from yosinski_tf.report import write_report\n"
        "print([m for m in ('tensorflow', 'keras', 'matplotlib.pyplot')"
        " if m in sys.modules])"
    )
    assert python(code, check=True).stdout == "[]\n"


def test_copies_among_the_images_are_a_warning_of_the_report(tmp_path):
    folder_of(tmp_path, study())
    without = write_report.write_report(tmp_path, LAST)
    assert "WARNING" not in without.summary.read_text()
    counted = Copies(12, 400, ("val/ant/1.png", "train/ant/2.png"), 0, 900, ())
    (tmp_path / "dataset").mkdir()
    text = json.dumps({"copies": dataclasses.asdict(counted)})
    (tmp_path / "dataset/dataset.json").write_text(text)
    paths = write_report.write_report(tmp_path, LAST)
    assert (
        "> **WARNING: 12 of 400 validation images are also training images (for example"
        " val/ant/1.png = train/ant/2.png): top-1 is too high: remove the copies.**"
    ) in paths.summary.read_text()
    assert "12 of 400 validation images are also training" in paths.page.read_text()
