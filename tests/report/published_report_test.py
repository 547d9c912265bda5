"""The report of the paper's networks, and the comparison with a study."""

import csv

import pytest
from fabricate import folder_of, record

from yosinski_tf.report import published_report

LAST = "top1"


def _rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_published_report(tmp_path):
    paths = published_report.write_published_report(tmp_path / "published")
    text = paths.summary.read_text()
    assert "| AnB+ over base | 1-7 | +1.67 (10 networks) | +1.60 (10 networks)" in text
    assert "| +0.95, 2 halves: too few for an interval | +1.6 |" in text
    words = " ".join(text.split())
    assert words.count("Two things may explain the difference") == 1
    assert (
        "The logs of 22 of the 42 fine-tuned networks were never released. And the"
        " paper does not state how it averaged: pooled without regard to the layer, the"
        " 20 released networks already give the printed decimals."
    ) in words
    assert "AnB+ gains 0.95 points and BnB+ 0.98" in words
    assert "+2.97 [+2.68, +3.27], 4 pairs" in text
    assert text.count("| AnB+ over base | 1-7 |") == 2
    assert text.index("ten highest validations\n\n###") < text.index("Results: last")
    assert "| 250 | base | 38.43 | 38.33 |" in text
    (first, *_) = _rows(tmp_path / "published" / "reduced_data.csv")
    assert "seed" not in first and first["run_id"]
    assert paths.table is None
    for name in ("figure2.png", "figure3.png", "reduced_data.png"):
        assert (tmp_path / "published" / name).stat().st_size > 20_000


def test_comparison_by_hand(tmp_path):
    folder_of(tmp_path, [record("baseB", 0.7), record("A7B", 0.65), record("R1B", 0.6)])
    paths = published_report.write_comparison(tmp_path, LAST)
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
