"""The recommendation as a report gives it: in words, as values, with a network."""

import json
import shlex

import pytest
from fabricate import RESNET_MINI, folder_of, given_study, record

from yosinski_tf.report.answer import study_answer
from yosinski_tf.report.write_report import read_study, write_report

LAST = "top1"


def answer_of(runs):
    records, selection = read_study(runs)
    return study_answer(runs, records, selection.networks, LAST)


def test_it_names_the_network_and_a_command_for_the_shell(tmp_path):
    runs = folder_of(tmp_path / "my 'study", given_study())
    (use,) = answer_of(runs).uses
    assert (use.classes, use.run_id) == ("all classes", "whole-P9W+-s2")
    assert shlex.split(use.command) == [
        "yosinski-export",
        f"--runs={runs}",
        "--run=whole-P9W+-s2",
    ]


def test_halves_have_a_network_each(tmp_path):
    top1 = {"baseA": 0.5, "baseB": 0.5, "A3B": 0.4, "B3A": 0.6, "baseW": 0.9}
    runs = folder_of(tmp_path, [record(name, top1[name]) for name in top1])
    uses = answer_of(runs).uses
    assert [(use.classes, use.run_id) for use in uses] == [
        ("the classes of half A", "random-0-B3A-s0"),
        ("the classes of half B", "random-0-A3B-s0"),
    ]


@pytest.mark.parametrize("treatments", [("baseW",), ("P3W",)])
def test_without_a_recommendation_there_is_no_network(treatments, tmp_path):
    made = [record(name, 0.5, "whole", **RESNET_MINI) for name in treatments]
    answer = answer_of(folder_of(tmp_path, made))
    assert answer.text.startswith("No recommendation yet")
    assert (answer.uses, answer.limits) == ((), ())
    assert answer.values["best"] is None and answer.values["networks"] == []


def test_it_stands_in_every_form_of_the_report(tmp_path):
    paths = write_report(folder_of(tmp_path, given_study()), LAST)
    values = json.loads((tmp_path / "report" / "recommendation.json").read_text())
    assert values["best"] == {"family": "PnW+", "n": 9}
    assert values["frozen"] == {"family": "PnW", "n": 1}
    assert values["verdict"] == "above 0"
    assert values["validation"]["images"] == [4000]
    assert values["validation"]["points_per_image"] == 0.025
    (network,) = values["networks"]
    assert network["run_id"] == "whole-P9W+-s2"
    answer = paths.answer
    assert values["limits"] == list(answer.limits)
    assert "4,000 images: one image is worth 0.025 points" in answer.limits[0]
    for text in (paths.summary.read_text(), paths.page.read_text()):
        for told in (answer.text, *answer.limits, "whole-P9W+-s2", network["command"]):
            assert told in text
    # The page begins with it, and does not repeat it.
    assert paths.page.read_text().count(answer.text) == 1


def test_a_study_of_p_without_random_layers_has_no_figure3(tmp_path):
    made = [each for each in given_study() if each.kind != "random"]
    runs = folder_of(tmp_path, made)
    (runs / "report").mkdir()
    (runs / "report/figure3.png").write_text("of an earlier report")
    paths = write_report(runs, LAST)
    assert paths.figure3 is None and not (runs / "report/figure3.png").exists()
    assert "figure3" not in paths.summary.read_text()
    assert "figure3.png" not in paths.page.read_text()
