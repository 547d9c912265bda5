"""Networks on reduced data: table, and figure read off its axes."""

import numpy as np
import pytest
from fabricate import result
from PIL import Image

from yosinski_tf.figures import drawing, reduced_data
from yosinski_tf.figures.drawing import FigureData
from yosinski_tf.results import published

TEN, LAST = "top1_mean_of_10_best", "top1"


def test_the_curve_is_the_mean_over_seeds_of_bases():
    made = [
        result("baseW", 0.5, "first:10"),
        result("baseW", 0.25, "first:2"),
        result("baseW", 0.75, "first:2", seed=1),
        result("R3W", 0.9, "first:2"),
    ]
    assert reduced_data.curve(made, LAST) == {2: 0.5, 10: 0.5}


def test_table_and_rows_show_every_network_by_both_measures():
    made = [result("R3W", 0.1, "first:10"), result("baseW", 0.5, "first:2", seed=4)]
    assert reduced_data.table(made).splitlines()[2:] == [
        "| 2 | base | 4 | 51.00 | 50.00 |",
        "| 10 | R3W | 0 | 11.00 | 10.00 |",
    ]
    assert [row["treatment"] for row in reduced_data.rows(made)] == ["base", "R3W"]


def test_copies_of_a_given_network_have_their_own_names():
    treatments = ["P3W", "P3W+", "P3W~1", "R3W"]
    made = [result(each, 0.5, "first:2") for each in treatments]
    assert [row["treatment"] for row in reduced_data.rows(made)] == treatments
    assert "| 2 | P3W+ | 0 | 51.00 | 50.00 |" in reduced_data.table(made)


def test_without_seeds_there_is_no_column_for_them():
    made = [result("baseW", 0.5, "first:2", seed=4)]
    assert reduced_data.table(made, with_seed=False).splitlines()[0::2] == [
        "| images per class | treatment | mean of the ten highest validations"
        " | last validation |",
        "| 2 | base | 51.00 | 50.00 |",
    ]
    (row,) = reduced_data.rows(made, with_seed=False)
    assert "seed" not in row


def test_a_comparison_has_empty_cells_where_one_study_has_no_network():
    table = reduced_data.comparison_table(
        [result("baseW", 0.5, "first:250"), result("baseW", 0.5, "first:3")],
        published.reduced_networks(),
        LAST,
    ).splitlines()
    assert "| 250 | 50.00 | 38.33 | +11.67 |" in table
    assert "| 3 | 50.00 |  |  |" in table
    assert "| 500 |  | 47.50 |  |" in table


def _drawn(ours, path, theirs=()):
    reduced_data.figure(FigureData(ours, TEN, theirs), path)
    image = np.asarray(Image.open(path).convert("RGB")).astype(int)
    assert 700 < image.shape[1] < 1000
    return image


def _axes(ours, theirs):
    with drawing.new_figure(7.2, 4.2) as figure:
        axes = figure.subplots()
        reduced_data.draw(axes, FigureData(ours, TEN, theirs))
    return axes


def test_every_entry_of_the_legend_has_a_style_of_its_own():
    theirs = published.reduced_networks()
    (legend,) = _axes(theirs, theirs).figure.legends
    looks = {
        (line.get_marker(), line.get_markerfacecolor(), line.get_color())
        for line in legend.get_lines()
    }
    assert len(looks) == 4
    assert legend.get_frame_on()


@pytest.mark.parametrize(
    "ours",
    [
        published.reduced_networks(),
        [result("baseW", 0.3, f"first:{n}") for n in (1, 2, 5, 10, 25)],
        [result("baseW", 0.6, f"first:{n}") for n in (1, 2, 5, 10, 25)],
    ],
)
def test_the_legend_hides_no_network(ours):
    axes = _axes(ours, published.reduced_networks())
    axes.figure.draw_without_rendering()
    (legend,) = axes.figure.legends
    box = legend.get_window_extent()
    assert not box.overlaps(axes.get_window_extent())
    for line in axes.get_lines():
        places = axes.transData.transform(line.get_xydata())
        assert not any(box.contains(*place) for place in places)


def test_values_do_not_cover_the_other_study():
    theirs = published.reduced_networks()
    alone = _axes(theirs, []).texts
    assert [text.xyann for text in alone] == [(-6, 6)] * 4 + [(7, -4)]
    beside = _axes(theirs, theirs).texts
    assert [text.get_text() for text in beside] == [t.get_text() for t in alone]
    assert [text.xyann for text in beside] == [(5, -11)] * 4 + [(7, -4)]


def test_every_count_of_the_paper_is_below_the_axis_without_overlap():
    axes = _axes([], published.reduced_networks())
    axes.figure.draw_without_rendering()
    labels = axes.get_xticklabels()
    assert [label.get_text() for label in labels] == [
        "1", "2", "5", "10", "25", "50", "100", "250", "500", "750", "1000", "1300"
    ]  # fmt: skip
    assert len({label.get_rotation() for label in labels}) == 1
    places = [axes.transData.transform((float(t.get_text()), 0))[0] for t in labels]
    turn = np.sin(np.radians(labels[0].get_rotation()))
    height = labels[0].get_fontsize() * axes.figure.dpi / 72
    assert min(np.diff(places)) * turn > height
    crowded = _axes([result("baseW", 0.5, f"first:{n}") for n in (100, 101, 102)], [])
    assert 1 <= len(crowded.get_xticks()) <= 3
    crowded = _axes([result("baseW", 0.5, f"first:{n}") for n in (1, 100, 101)], [])
    assert crowded.get_xticks().tolist() == [1, 101]


def test_figures(tmp_path):
    theirs = published.reduced_networks()
    alone = _drawn(theirs, tmp_path / "a.png")
    ours = [result("baseW", 0.1 * k, f"first:{10**k}") for k in (1, 2, 3)]
    beside = _drawn(ours, tmp_path / "b.png", theirs)
    grey = np.abs(beside - 0x77).max(axis=-1) < 12
    assert grey.mean() > 2 * (np.abs(alone - 0x77).max(axis=-1) < 12).mean()
    _drawn([], tmp_path / "c.png")
    last = reduced_data.figure(FigureData(theirs, LAST), tmp_path / "d.png")
    assert last.read_bytes() != (tmp_path / "a.png").read_bytes()
