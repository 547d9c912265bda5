import csv
import dataclasses
import subprocess
import sys

import pytest
from fabricate import point, record, study

from yosinski_tf.report import published_report, write_report
from yosinski_tf.results import comparison, published, tables
from yosinski_tf.study.records import write_record
from yosinski_tf.system.errors import UserError

TEN, LAST = "top1_mean_of_10_best", "top1"


def _folder(tmp_path, records):
    for each in records:
        write_record(tmp_path, each)
    return tmp_path


def _rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_report_of_a_study(tmp_path):
    paths = write_report.write_report(_folder(tmp_path, study()), LAST)
    assert paths.results == tmp_path / "results.csv"
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == [
        "decomposition.csv",
        "figure2.png",
        "figure3.png",
        "summary.md",
        "table1.csv",
    ]
    assert paths.reduced_data is None
    assert len(_rows(paths.results)) == 73
    (row,) = [
        row
        for row in _rows(paths.table1)
        if (row["measure"], row["first_layer"], row["comparison"], row["method"])
        == (LAST, "1", "AnB+ over BnB+", "own base")
    ]
    assert float(row["mean_points"]) == 2.0
    assert row["count"] == "2"
    assert row["note"] == "n too small for an interval"
    (row,) = [
        row
        for row in _rows(paths.decomposition)
        if (row["measure"], row["splits"], row["n"], row["component"])
        == (LAST, "random", "5", "specificity")
    ]
    assert (row["mean_points"], row["pairs"], row["low"]) == ("9.5", "2", "")
    text = paths.summary.read_text()
    for phrase in (
        "- networks: 73 finished\n",
        "- data set: embedded\n",
        "- recipe: steps 100; learning_rate 0.01; rate_drops [70, 90]\n",
        "- device: 2 CPU cores\n",
        "- finished: 2025-01-02T03:04:05+00:00\n",
        "in 42 of 42 networks that have any",
        "| AnB | -2.00 ± 0.00 (2) | -4.00 ± 0.00 (2) |",
        "| base | 59.00 ± 2.83 (2) |",
        "+9.50, n = 2: n too small for an interval",
        "Results: last validation",
        "Results: mean of the ten highest validations",
        "With 1 validations per network",
        "look at AnB+ over BnB+",
    ):
        assert phrase in text
    assert text.index("Results: last") < text.index("Results: mean of the ten")
    assert "WARNING" not in text


def test_unproved_frozen_layers_are_a_loud_warning(tmp_path):
    changed = record("A3B", 0.5, frozen_sha256_after="0" * 64)
    unproved = record("A4B", 0.5, frozen_sha256_before=None, frozen_sha256_after=None)
    fine = [record("baseB", 0.6), record("A5B", 0.5), record("A6B+", 0.5)]
    paths = write_report.write_report(_folder(tmp_path, [changed, unproved, *fine]))
    (line,) = [
        line for line in paths.summary.read_text().splitlines() if "WARNING" in line
    ]
    assert "random-0-A3B-s0, random-0-A4B-s0." in line
    assert "A5B" not in line and "A6B" not in line and "baseB" not in line


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
    paths = write_report.write_report(_folder(tmp_path, records))
    assert phrase in paths.summary.read_text()


def test_diverged_runs_are_counted_and_left_out(tmp_path):
    records = [
        record("baseB", 0.6),
        record("A3B", 0.5),
        record("A4B", 0.012345, status="diverged", loss=None),
    ]
    paths = write_report.write_report(_folder(tmp_path, records))
    text = paths.summary.read_text()
    assert "2 finished; 1 left out, not finished: random-0-A4B-s0" in text
    assert "1.23" not in text and "2.23" not in text
    assert len(_rows(paths.results)) == 3


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
    runs = _folder(tmp_path, records)
    paths = write_report.write_report(runs)
    assert "## Caveats" in paths.summary.read_text()
    summary = published_report.write_comparison(runs).summary.read_text()
    assert "| random splits | base |" in summary


def test_a_network_without_base_is_named(tmp_path):
    paths = write_report.write_report(_folder(tmp_path, [record("A3B", 0.5)]))
    assert "so in no paired table: random-0-A3B-s0." in paths.summary.read_text()


@pytest.mark.parametrize(
    "write", [write_report.write_report, published_report.write_comparison]
)
def test_no_records_is_an_error_that_says_what_to_do(write, tmp_path):
    with pytest.raises(UserError, match="run a study with --runs="):
        write(tmp_path)
    with pytest.raises(UserError, match="no study folder"):
        write(tmp_path / "absent")
    with pytest.raises(UserError, match="unknown measure"):
        write(tmp_path, "accuracy")
    assert list(tmp_path.iterdir()) == []


def test_table_for_the_terminal():
    made = [
        point("baseB", 0.6),
        point("baseB", 0.5, "random:1"),
        point("A2B", 0.55),
        point("A2B", 0.48, "random:1"),
        point("A7B+", 0.61),
        point("baseB", 0.5, "natural_manmade"),
    ]
    assert tables.results_table(made, LAST).splitlines() == [
        "random splits (2), last validation",
        "           base  n=1       n=2  n=3  n=4  n=5  n=6       n=7",
        "base  55.0% (2)",
        "AnB                .  -3.5 (2)    .    .    .    .         .",
        "AnB+               .         .    .    .    .    .  +1.0 (1)",
        "",
        "natural and man-made split (1), last validation",
        "           base  n=1  n=2  n=3  n=4  n=5  n=6  n=7",
        "base  50.0% (1)",
        "",
        "differences to the own base in percentage points (number of networks)",
    ]
    assert write_report.results_table([], LAST) == "no finished network yet"
    both = write_report.results_table(made, LAST)
    assert both.index("random splits (2), last") < both.index(
        "random splits (2), mean of the ten"
    )


def test_preserved_layers_have_rows_of_their_own(tmp_path):
    records = [
        record("baseB", 0.6),
        record("A3B", 0.5),
        record("A3B~1", 0.55),
        record("A3B~2", 0.56),
        record("B3B~1", 0.59),
    ]
    runs = _folder(tmp_path, records)
    text = write_report.write_report(runs, LAST).summary.read_text()
    families = [
        line.split("|")[1].strip()
        for line in text.splitlines()
        if line.startswith(("| AnB", "| BnB"))
    ]
    assert families[:4] == ["BnB~1", "AnB", "AnB~1", "AnB~2"]
    assert "| AnB~2 |  |  | -4.00 (1) |" in text
    rows = _rows(published_report.write_comparison(runs, LAST).table)
    (row,) = [r for r in rows if (r["measure"], r["family"]) == (LAST, "AnB~1")]
    assert (row["n"], row["ours"], row["theirs"]) == ("3", "55.0", "")


def test_reduced_data_stands_apart(tmp_path):
    reduced = [
        record("baseW", 0.2 + 0.1 * count, f"first:{count}", num_classes=4)
        for count in (1, 2)
    ]
    runs = _folder(tmp_path, [record("baseB", 0.6), record("A3B", 0.5), *reduced])
    paths = write_report.write_report(runs, LAST)
    text = paths.summary.read_text()
    assert "| 2 | base | 0 | 41.00 | 40.00 |" in text
    assert "First splits" not in text
    assert paths.reduced_data.stat().st_size > 10_000
    (row, other) = _rows(runs / "report" / "reduced_data.csv")
    assert (row["examples_per_class"], row["top1"]) == ("1", "0.3")
    beside = published_report.write_comparison(runs, LAST)
    assert "| 2 | 40.00 | 0.41 | +39.59 |" in beside.summary.read_text()
    assert beside.reduced_data.stat().st_size > 10_000
    shown = write_report.results_table(write_report.read_study(runs)[1].points, LAST)
    assert "first N images of each class" in shown


def test_a_study_of_reduced_data_alone(tmp_path):
    runs = _folder(tmp_path, [record("baseW", 0.3, "first:25")])
    text = write_report.write_report(runs, LAST).summary.read_text()
    assert "| 25 | base | 0 | 31.00 | 30.00 |" in text
    assert "Table 1" not in text


def test_differences_that_round_to_zero_have_no_minus():
    assert tables.signed(-0.001) == "+0.00"
    assert tables.signed(-0.006) == "-0.01"


def test_published_report(tmp_path):
    paths = published_report.write_published_report(tmp_path / "published")
    text = paths.summary.read_text()
    assert "| AnB+ over base | 1-7 | +1.67 (10 networks) | +1.60 (10 networks)" in text
    assert "| +0.95, 2 halves: too few for an interval | +1.6 |" in text
    assert (
        "Two things may explain the difference: the logs of 22 of the 42 fine-tuned"
        " networks were never released, and the way of averaging is not stated; pooled"
        " without regard to the layer, the 20 that were released already give the"
        " printed decimals."
    ) in text
    assert "They differ because" not in text
    assert "AnB+ gains 0.95 points and BnB+ 0.98" in text
    assert "+2.97 [+2.68, +3.27], n = 4" in text
    assert text.count("| AnB+ over base | 1-7 |") == 2
    assert text.index("ten highest validations\n\n###") < text.index("Results: last")
    assert "| 250 | base | 38.43 | 38.33 |" in text
    (first, *_) = _rows(tmp_path / "published" / "reduced_data.csv")
    assert "seed" not in first and first["run_id"]
    assert paths.results is None
    for name in ("figure2.png", "figure3.png", "reduced_data.png"):
        assert (tmp_path / "published" / name).stat().st_size > 20_000


def test_comparison_with_itself_has_no_difference():
    theirs = published.points()
    rows = comparison.compare(theirs, theirs, LAST)
    assert len(rows) == 1 + 28 + 2 * (1 + 7) + 1 + 7
    assert {row.difference for row in rows} == {0.0}


def test_comparison_by_hand(tmp_path):
    runs = _folder(
        tmp_path,
        [record("baseB", 0.7), record("A7B", 0.65), record("R1B", 0.6)],
    )
    paths = published_report.write_comparison(runs, LAST)
    rows = {
        (row["splits"] + row["target"], row["family"], row["n"]): row
        for row in _rows(paths.table)
        if row["measure"] == LAST
    }
    assert len(_rows(paths.table)) == 2 * len(rows)
    near = rows["random", "AnB", "7"]
    assert float(near["ours"]) == 65.0
    assert float(near["ours_relative"]) == -5.0
    assert float(near["theirs"]) == pytest.approx(54.18945)
    assert float(near["difference"]) == pytest.approx(65 - 54.18945, abs=1e-4)
    layers = rows["random", "RnB", "1"]
    assert float(layers["theirs_relative"]) == pytest.approx(49.0781 - 57.5179)
    assert rows["random", "BnB", "1"]["ours"] == ""
    assert "This study's data: embedded" in paths.summary.read_text()


def _random_layers(made):
    rows = comparison.compare(made, published.points(), LAST)
    return [
        (row.splits, row.n, row.ours, row.theirs_networks)
        for row in rows
        if row.family == "RnB" and row.ours
    ]


def test_random_layers_on_random_halves_stand_for_them_where_both_are():
    near = [point("baseB", 0.5), point("R1B", 0.4)]
    far = [
        point("baseB", 0.5, "natural_manmade"),
        point("R1B", 0.1, "natural_manmade"),
    ]
    whole = [point("baseW", 0.5, "whole"), point("R1W", 0.2, "whole")]
    assert _random_layers([*far, *near]) == [("random", 1, 40.0, 1)]
    assert _random_layers(far) == [("natural_manmade", 1, 10.0, 1)]
    assert _random_layers([*near, *far, *whole]) == [("whole", 1, 20.0, 1)]
    assert _random_layers([point("R1B", 0.4, "file:x")]) == [("file", 1, 40.0, 1)]


def test_natural_and_man_made_classes_are_compared_each_with_their_own():
    theirs = published.points()
    # With its bases: a study of A3B trains baseA too.
    ours = [
        p
        for p in theirs
        if p.split == "natural_manmade" and (p.family == "base" or p.target_half == "B")
    ]
    rows = comparison.compare(ours, theirs, TEN)
    far = [row for row in rows if row.splits == "natural_manmade"]
    assert {row.difference for row in far if row.ours} == {0.0}
    assert {row.relative_difference for row in far if row.ours and row.n} == {0.0}
    bases = {row.target: round(row.theirs, 1) for row in far if row.family == "base"}
    assert bases == {"natural": 65.3, "man-made": 53.7}
    assert [row.target for row in far if row.ours and row.n] == ["man-made"] * 7
    text = comparison.comparison_markdown(rows)
    assert "| natural and man-made split, trained on natural | base |" in text
    assert "| random splits | base |" in text


def test_table_1_counts_halves():
    made = [
        point(f"{name}{half}{plus}", value, seed=seed)
        for seed in (0, 1)
        for half in "AB"
        for name, plus, value in (("base", "", 0.5), ("A1", "+", 0.52))
        if not (half == "A" and name == "A1")
    ]
    one = tables.table1_markdown([p for p in made if p.seed == 0], LAST)
    assert "| +2.00, 1 half: too few for an interval |" in one
    both = tables.table1_markdown(made, LAST)
    assert "| +2.00, 2 halves and seeds: too few for an interval |" in both
    many = [*made, *(dataclasses.replace(p, seed=p.seed + 2) for p in made)]
    assert "| +2.00 [+2.00, +2.00], 4 halves and seeds |" in tables.table1_markdown(
        many, LAST
    )


def test_no_tensorflow_is_needed():
    code = (
        "import sys\n"
        "from yosinski_tf.results import analysis, published\n"
        "from yosinski_tf.figures import paper_figures\n"
        "from yosinski_tf.report import write_report\n"
        "print([m for m in ('tensorflow', 'keras', 'matplotlib.pyplot')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
