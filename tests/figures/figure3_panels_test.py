"""What the panels of Figure 3 draw, read off their axes."""

import pytest
from fabricate import curve, given_study, result, results

from yosinski_tf.figures import drawing, figure3_panels
from yosinski_tf.figures.drawing import FigureData
from yosinski_tf.results import published
from yosinski_tf.results.network_result import finished_networks

LAST = "top1"
FAR = "natural_manmade"


def _axes(draw, ours, theirs=()):
    with drawing.new_figure(7, 5) as figure:
        axes = figure.subplots()
        draw(axes, FigureData(ours, LAST, theirs))
    return axes


def _marked(axes):
    """Marker, x and y of every drawn marker."""
    return [
        (line.get_marker(), float(x), float(y))
        for line in axes.get_lines()
        if line.get_marker() not in ("None", "")
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    ]


def _all(family, base, step, split, target="B"):
    source = "R" if family == "RnB" else {"A": "B", "B": "A"}[target]
    copies = curve(f"{source}{{}}{target}", base, step, split)
    return [result(f"base{target}", base, split), *copies]


def test_random_layers_of_one_kind_of_split_are_drawn():
    near = results({"baseB": 0.5, "R1B": 0.4})
    far = results({"baseB": 0.7, "R1B": 0.1}, FAR)
    whole = results({"baseW": 0.6, "R1W": 0.2}, "whole")
    for made, top, difference, title in (
        ([*far, *near], 0.5, -10, "random splits"),
        (far, 0.7, -60, "natural and man-made split"),
        ([*far, *near, *whole], 0.6, -40, "all classes"),
    ):
        axes = _axes(figure3_panels.random, made)
        assert max(y for _, _, y in _marked(axes)) == top
        assert axes.get_legend().get_title().get_text() == title
        axes = _axes(figure3_panels.relative, made)
        assert [y for _, _, y in _marked(axes)] == [pytest.approx(difference)]


def test_a_given_network_is_drawn_beside_random_layers():
    made = finished_networks(given_study()).networks
    axes = _axes(figure3_panels.relative, made)
    lines = {line.get_label(): line for line in axes.get_lines()}
    frozen = lines["PnW: layers of the given P, frozen"]
    assert list(frozen.get_xdata()) == list(range(10))
    assert list(frozen.get_ydata()) == pytest.approx(
        [0, *(4 - n for n in range(1, 10))]
    )
    assert "PnW+: layers of the given P, fine-tuned" in lines
    assert not any("AnB" in name for name in lines)
    assert not any("P" in line for line in map(str, _legend(_all("AnB", 0.5, 0, FAR))))


def _legend(made):
    texts = _axes(figure3_panels.relative, made).get_legend().get_texts()
    return [text.get_text() for text in texts]


@pytest.mark.parametrize("theirs", [False, True])
def test_no_copy_is_cut_off_above(theirs):
    high = _all("AnB", 0.5, 0.0, "random:0")
    high[1] = result("A1B", 0.54)
    deep = _all("RnB", 0.6, -0.08, "whole", "W")
    low = _all("AnB", 0.5, -0.01, FAR)
    both = [*high, *deep, *low], [*deep, *low]
    axes = _axes(figure3_panels.relative, *(reversed(both) if theirs else both))
    bottom, top = axes.get_ylim()
    assert top == pytest.approx(1.15 * 4)
    # Limits down to random layers, at -56, would flatten the other curves.
    assert bottom == pytest.approx(-1.25 * 7)


@pytest.mark.parametrize(
    ("draw", "made"),
    [
        (figure3_panels.distant, _all("AnB", 0.6, -0.01, FAR)),
        (figure3_panels.random, _all("RnB", 0.6, -0.08, "whole", "W")),
    ],
)
def test_the_highest_marker_is_not_cut_off(draw, made):
    assert _axes(draw, made).get_ylim()[1] == pytest.approx(1.06 * 0.6)
    nothing_right = [result(p.run_id.split("-")[1], 0.0, p.split) for p in made]
    assert _axes(draw, nothing_right).get_ylim()[1] > 0


def test_the_directions_have_a_style_and_a_place_of_their_own():
    made = [
        *_all("AnB", 0.7, -0.01, FAR, "A"),
        *_all("AnB", 0.5, -0.02, FAR, "B"),
        *_all("AnB", 0.6, -0.01, "random:0", "A"),
        *_all("AnB", 0.6, -0.01, "random:0", "B"),
        *_all("RnB", 0.6, -0.05, "whole", "W"),
    ]
    axes = _axes(figure3_panels.relative, made)
    at_4 = {}
    for marker, x, y in _marked(axes):
        if 3.5 < x < 4.5:
            at_4.setdefault(marker, []).append((round(x - 4, 2), round(y, 2)))
    assert at_4 == {
        "D": [(-0.27, -4.0), (-0.17, -4.0)],
        "s": [(0.0, -20.0)],
        "^": [(0.17, -4.0)],
        "v": [(0.27, -8.0)],
    }
    above = _axes(figure3_panels.distant, [p for p in made if p.split == FAR])

    def colors(panel):
        return {line.get_marker(): line.get_color() for line in panel.get_lines()}

    assert {colors(above)[m] for m in "^v"} == {colors(axes)[m] for m in "^v"}
    # The mean of both directions has neither's colour.
    (mean,) = [line for line in axes.get_lines() if "man-made" in line.get_label()]
    assert mean.get_color() not in {colors(above)[m] for m in "^v"}


@pytest.mark.parametrize(
    ("draw", "made"),
    [
        (figure3_panels.distant, _all("AnB", 0.6, -0.01, FAR)),
        (figure3_panels.distant, _all("AnB", 0.05, 0.05, FAR)),
        (figure3_panels.random, _all("RnB", 0.6, -0.08, "whole", "W")),
        (figure3_panels.random, _all("RnB", 0.6, -0.005, "whole", "W")),
    ],
)
def test_legends_hide_no_network_and_have_a_frame(draw, made):
    axes = _axes(draw, made)
    legend = axes.get_legend()
    assert legend.get_frame_on()
    assert legend.zorder < min(line.zorder for line in axes.get_lines())
    assert legend.get_frame().get_facecolor() == (1, 1, 1, 1)
    axes.figure.draw_without_rendering()
    box = legend.get_window_extent()
    places = axes.transData.transform([(x, y) for _, x, y in _marked(axes)])
    assert not any(box.contains(*place) for place in places)


def test_the_papers_networks_are_one_dashed_line_each():
    axes = _axes(figure3_panels.relative, [], published.networks())
    assert [line.get_linestyle() for line in axes.get_lines()].count("--") == 3 + 1
    first, *_ = axes.get_legend().get_texts()
    assert first.get_text() == "the paper's networks (means)"
