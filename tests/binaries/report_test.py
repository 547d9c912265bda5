"""yosinski-report as a user meets it: what it prints, and where."""

import pathlib
import re

import fabricate
import pytest
from commands import succeed

from yosinski_tf.study.records import write_record


def named_files(folder, text):
    """The files of a report that a text names; they must exist."""
    names = re.findall(r"\S+\.(?:png|csv|md)$", text.partition("\nsummary ")[2], re.M)
    for name in names:
        assert (folder / name).stat().st_size > 100, name
    return {pathlib.Path(name).as_posix() for name in names}


def test_the_papers_networks_alone(tmp_path):
    done = succeed("report", "--published", cwd=tmp_path)
    assert done.stderr == ""
    assert "| AnB+ over base | 1-7 | +1.67 (10 networks) | +1.60 (10" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["published"]
    assert named_files(tmp_path, done.stdout) == {
        "published/summary.md",
        "published/figure2.png",
        "published/figure3.png",
        "published/reduced_data.png",
    }


@pytest.mark.parametrize("reduced", [False, True])
def test_a_study_beside_the_papers_networks(tmp_path, reduced):
    records = fabricate.study()
    if reduced:
        records += [fabricate.record("baseW", 0.3, "first:25", num_classes=4)]
    for record in records:
        write_record(tmp_path / "runs", record)
    arguments = ("--runs=runs", "--published", "--measure=top1")
    done = succeed("report", *arguments, cwd=tmp_path)
    assert done.stderr == ""
    assert "| random splits | AnB | 7 | 45.0 (2) | 54.2 (8) | -9.2 |" in done.stdout
    assert "- Each network was validated on 4,000 images: one image is" in done.stdout
    use = "To use random-0-A7B+-s0 for the classes of half B:\n"
    command = "yosinski-export --runs=runs --run=random-0-A7B+-s0\n"
    assert use + command in done.stdout
    table1 = (tmp_path / "runs" / "report" / "summary.md").read_text()
    assert "| AnB+ over BnB+ | 1-7 | +2.00 (14 networks) | +2.00 (14" in table1
    drawn = ["", "comparison_"]
    pictures = ["figure2", "figure3"] + (["reduced_data"] if reduced else [])
    assert named_files(tmp_path, done.stdout) == {
        "runs/report/summary.md",
        "runs/report/comparison.md",
        "runs/report/comparison.csv",
        "runs/results.csv",
        *(f"runs/report/{prefix}{name}.png" for prefix in drawn for name in pictures),
    }
