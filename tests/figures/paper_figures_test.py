"""Figures 2 and 3 as pictures, and the panels of Figure 2."""

import itertools

import numpy as np
import pytest
from fabricate import TEN_STAGES, curve, given_study, result, results, study
from matplotlib.collections import LineCollection
from PIL import Image

from yosinski_tf.experiment.treatments import PAPER_STAGES
from yosinski_tf.figures import drawing, figure2_panels, labels, paper_figures
from yosinski_tf.figures.drawing import STYLES, FigureData
from yosinski_tf.results import published
from yosinski_tf.results.network_result import finished_networks
from yosinski_tf.system.errors import UserError

TEN = "top1_mean_of_10_best"
FIGURES = [paper_figures.figure2, paper_figures.figure3]


def _check(path):
    assert 20_000 < path.stat().st_size < 200_000
    image = np.asarray(Image.open(path).convert("RGB"))
    assert 700 < image.shape[1] < 1000  # fits a README
    return image


def _share(image, color):
    """Share of pixels close to a colour such as `#d55e00`."""
    wanted = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
    return (np.abs(image.astype(int) - wanted).max(axis=-1) < 12).mean()


def _figure2(networks, tmp_path):
    return _check(paper_figures.figure2(FigureData(networks, TEN), tmp_path / "f.png"))


@pytest.mark.parametrize("draw", FIGURES)
@pytest.mark.parametrize("theirs", [(), published.networks()], ids=["alone", "beside"])
def test_full_figures(draw, theirs, tmp_path):
    made = finished_networks(study()).networks
    _check(draw(FigureData(made, TEN, theirs), tmp_path / "f.png"))
    assert [p.name for p in tmp_path.iterdir()] == ["f.png"]


@pytest.mark.parametrize("draw", FIGURES)
def test_published_figures(draw, tmp_path):
    _check(draw(FigureData(published.networks(), TEN), tmp_path / "f.png"))


def test_figure2_shows_only_the_families_of_the_study(tmp_path):
    image = _figure2([result("baseB", 0.5), *curve("A{}B", 0.4)], tmp_path)
    assert _share(image, STYLES["AnB"].color) > 1e-3
    assert _share(image, STYLES["BnB"].color) == 0


def test_figure2_shows_every_network_even_without_a_base(tmp_path):
    image = _figure2(curve("A{}B", 0.4, 0.01), tmp_path)
    assert _share(image, STYLES["AnB"].color) > 2e-4


def test_figure2_does_not_show_the_natural_and_man_made_split(tmp_path):
    far = "natural_manmade"
    made = [result("baseB", 0.5, far), *curve("A{}B", 0.4, split=far)]
    assert _share(_figure2(made, tmp_path), STYLES["AnB"].color) == 0


def test_figure2_shows_splits_from_files_only_without_random_ones(tmp_path):
    pets = "file:pets.txt"
    own = [result("baseB", 0.5, pets), *curve("A{}B", 0.4, split=pets)]
    assert _share(_figure2(own, tmp_path), STYLES["AnB"].color) > 1e-3
    random = [result("baseB", 0.5), *curve("B{}B", 0.4)]
    image = _figure2([*own, *random], tmp_path)
    assert _share(image, STYLES["AnB"].color) == 0
    assert _share(image, STYLES["BnB"].color) > 1e-3


@pytest.mark.parametrize("draw", FIGURES)
@pytest.mark.parametrize(
    "made",
    [
        [],
        [result("baseB", 0.5)],
        [result("A3B", 0.5)],
        [result("baseB", 0.5), result("A3B+", 0.5)],
        [result("baseB", 0.5, "natural_manmade")],
        [result("R3B", 0.1)],
    ],
)
def test_what_a_study_lacks_is_left_out(draw, made, tmp_path):
    path = tmp_path / "f.png"
    drawn = draw(FigureData(made, TEN), path)
    assert drawn == (path if path.exists() else None)
    # Figure 3 has distant classes and random layers only.
    far = any(each.kind == "natural_manmade" or each.family == "RnB" for each in made)
    assert (drawn is not None) == (draw is paper_figures.figure2 or far)
    if drawn:
        assert Image.open(path).size[0] > 700
    draw(FigureData(made, TEN, published.networks()), path)


def test_the_measure_alone_decides_the_bytes(tmp_path):
    first, second, last = (
        paper_figures.figure2(FigureData(published.networks(), measure), path)
        for measure, path in (
            (TEN, tmp_path / "a.png"),
            (TEN, tmp_path / "b.png"),
            ("top1", tmp_path / "c.png"),
        )
    )
    assert first.read_bytes() == second.read_bytes() != last.read_bytes()
    with pytest.raises(UserError, match="--measure needs one of .*, found 'top5'"):
        FigureData([], "top5")


def test_preserved_layers_have_a_style_of_their_own(tmp_path):
    families = [f"{curve}~{k}" for curve in ("BnB", "AnB", "PnB") for k in range(1, 7)]
    looks = [drawing.style_of(family) for family in [*STYLES, *families]]
    assert len({(look.color, look.marker, look.filled) for look in looks}) == len(looks)
    made = [result("baseB", 0.5), *(result(f"A{n}B~1", 0.4) for n in range(1, 7))]
    image = _figure2(made, tmp_path)
    assert _share(image, drawing.style_of("AnB~1").color) > 1e-3
    assert _share(image, STYLES["AnB"].color) == 0


TWENTY = (*(f"conv{i // 4}_block{i % 4}_out" for i in range(19)), "predictions")


def _names(axes):
    return [label.get_text() for label in axes.get_xticklabels()]


def test_the_names_of_the_stages_stand_on_the_axis():
    with drawing.new_figure(7.8, 11) as figure:
        top, bottom = figure.subplots(2, 1)
        for axes in (top, bottom):
            drawing.layer_axis(axes, TEN_STAGES)
    names = "base,1 stem,2 block1,3 block2,4 block3,5 block4,6 block5,7 block6,8 block7"
    assert _names(top) == [*names.split(","), "9 block8"]
    assert top.get_xlabel() == "stage n at which network is chopped and retrained"
    assert top.get_xlim() == (-0.45, 9.45)
    assert top.get_xticklabels()[1].get_rotation() == 60
    drawing.layer_axis(bottom, ["stem", "block_16_project_BatchNorm_add", "head"])
    assert _names(bottom) == [
        "base",
        "1 stem",
        "2 block\N{HORIZONTAL ELLIPSIS}atchNorm_add",
    ]


def test_the_papers_layers_are_numbers_on_the_axis():
    with drawing.new_figure(7.8, 8.8) as figure:
        axes = figure.subplots()
        drawing.layer_axis(axes, FigureData([], TEN).stages)
    assert _names(axes) == ["base", "1", "2", "3", "4", "5", "6", "7"]
    assert axes.get_xlim() == (-0.45, 7.45)
    assert axes.get_xlabel() == "layer n at which network is chopped and retrained"


def test_twenty_names_do_not_overlap_each_other_or_the_legend():
    made = results({"baseW": 0.5, "P19W": 0.4, "P18W+": 0.6}, "whole", stages=TWENTY)
    with drawing.new_figure(7.8, 11.2) as figure:
        axes = figure.subplots(2, 1)
        figure2_panels.every_network(axes[0], FigureData(made, "top1"))
    figure.draw_without_rendering()
    names = axes[0].get_xticklabels()
    assert len(names) == 20 and names[19].get_text() == "19 conv4_block2_out"
    ends = [name.get_window_extent().x1 for name in names]
    # At 60 degrees, lines are apart if their ends are by their height / sin 60.
    height = names[0].get_fontsize() * figure.dpi / 72
    assert min(b - a for a, b in itertools.pairwise(ends)) > height / 0.866
    legend = axes[0].get_legend().get_window_extent()
    assert legend.y1 < axes[0].xaxis.get_tightbbox().y0
    assert legend.y0 > axes[1].get_window_extent().y1


@pytest.mark.parametrize("draw", FIGURES)
def test_figures_of_a_given_network_on_all_classes(draw, tmp_path):
    made = finished_networks(given_study()).networks
    image = _check(draw(FigureData(made, "top1"), tmp_path / "f.png"))
    assert _share(image, STYLES["PnB"].color) > 1e-3
    assert _share(image, STYLES["PnB+"].color) > 1e-3


def test_a_given_network_has_a_reading_of_its_own():
    made = finished_networks(given_study()).networks
    with drawing.new_figure(7, 5) as figure:
        axes = figure.subplots(2, 1)
        data = FigureData(made, "top1")
        figure2_panels.every_network(axes[0], data)
        figure2_panels.interpretation(figure, axes[1], data)
    explained = figure.get_supxlabel().splitlines()
    assert explained == [
        "1   a network trained from random values: the base",
        "2   drop of the frozen layers of P, from co-adaptation or from specificity",
        "3   fine-tuning recovers it",
        "4   improved generalisation: layers of P, fine-tuned, beat random values",
        "Bars are 95% intervals of the difference to the base.",
    ]
    named = {text.get_text(): text.xy for text in axes[1].texts}
    assert named["PnW"] == (1.0, pytest.approx(0.51 + 0.04 - 0.09))
    assert named["PnW+"] == (1.0, pytest.approx(0.51 + 0.05 + 0.02))
    assert "baseW" in named and not any("B" in name for name in named)
    legend = [text.get_text() for text in axes[0].get_legend().get_texts()]
    assert legend == [
        "baseW: trained from random values",
        "PnW: layers of the given P, frozen",
        "PnW+: layers of the given P, fine-tuned",
    ]


def test_copies_of_p_stand_apart_from_others():
    families = ["BnB", "BnB+", "AnB", "AnB+", "PnB", "PnB+"]
    places = sorted(drawing.offset_of(family, families) for family in families)
    assert min(b - a for a, b in itertools.pairwise(places)) > 0.1
    alone = [drawing.offset_of(f, ["base", "PnB", "PnB+"]) for f in ("PnB", "PnB+")]
    assert alone == [-0.1, 0.1]


@pytest.mark.parametrize(("frozen", "badges"), [(0.4, ["1", "2", "3"]), (0.55, ["1"])])
def test_only_visible_effects_are_explained(frozen, badges):
    made = [result("baseB", 0.5), *curve("B{}B", frozen), *curve("B{}B+", 0.5)]
    with drawing.new_figure(7, 5) as figure:
        axes = figure.subplots()
        figure2_panels.interpretation(figure, axes, FigureData(made, "top1"))
    explained = figure.get_supxlabel().splitlines()
    assert [line.split()[0] for line in explained] == badges
    assert sorted(t.get_text() for t in axes.texts if t.get_text().isdigit()) == badges


def test_labels_are_moved_apart_and_keep_their_order():
    assert labels.apart([1.0, 5.0], gap=1.0) == [1.0, 5.0]
    assert labels.apart([2.0, 2.0], gap=1.0) == [1.5, 2.5]
    moved = labels.apart([3.0, 1.0, 1.1], gap=1.0)
    assert moved[0] > moved[2] > moved[1]
    assert min(moved[0] - moved[2], moved[2] - moved[1]) > 0.999


def test_lines_are_named_at_their_ends():
    made = [
        result("baseB", 0.5),
        *curve("A{}B", 0.5, -0.01),
        *(result(f"A{n}B~1", 0.5 - 0.012 * n) for n in range(1, 7)),
        *(result(f"A{n}B~2", 0.5 - 0.011 * n) for n in range(1, 6)),
    ]
    with drawing.new_figure(7, 5) as figure:
        axes = figure.subplots(2, 1)
        figure2_panels.interpretation(figure, axes[0], FigureData(made, "top1"))
        data = FigureData(made, "top1", published.networks())
        figure2_panels.both_relative(axes[1], data)
    for panel, ends in zip(axes, ((0.43, 0.428, 0.445), (-7, -7.2, -5.5)), strict=True):
        named = {text.get_text(): text.xy for text in panel.texts}
        # 1.0 is the right edge of the axes, beside n = 7.
        assert named["AnB"] == (1.0, pytest.approx(ends[0]))
        assert named["AnB~1"] == (6, pytest.approx(ends[1]))
        assert named["AnB~2"] == (5, pytest.approx(ends[2]))


def _given(top1):
    """Three seeds of a study of P on all classes, by treatment."""
    return [
        each
        for seed in range(3)
        for each in results(
            {name: value + 0.01 * seed for name, value in top1.items()},
            "whole",
            seed,
            TEN_STAGES,
        )
    ]


def _interpreted(made):
    with drawing.new_figure(7, 5) as figure:
        axes = figure.subplots()
        figure2_panels.interpretation(figure, axes, FigureData(made, "top1"))
    return figure.get_supxlabel().splitlines(), axes


def test_notes_are_numbered_without_a_gap_and_stages_not_measured_are_dotted():
    explained, axes = _interpreted(_given({"baseW": 0.4, "P4W+": 0.6}))
    assert explained == [
        "1   a network trained from random values: the base",
        "2   improved generalisation: layers of P, fine-tuned, beat random values",
        "Lines are dotted over stages that were not measured.",
        "Bars are 95% intervals of the difference to the base.",
    ]
    texts = [text.get_text() for text in axes.texts]
    assert sorted(text for text in texts if text.isdigit()) == ["1", "2"]
    color = STYLES["PnB+"].color
    lines = [line for line in axes.get_lines() if line.get_color() == color]
    dotted = [line for line in lines if line.get_linestyle() not in ("-", "None")]
    assert [list(line.get_xdata())[:2] for line in dotted] == [[0, 4]]
    solid = [x for line in lines if line not in dotted for x in line.get_xdata()]
    assert np.isnan(solid[1]) and [solid[0], solid[2]] == [0, 4]


def test_a_curve_of_a_given_network_that_was_not_asked_for_is_not_missed():
    with drawing.new_figure(7, 5) as figure:
        axes = figure.subplots()
        made = _given({"baseW": 0.4, "P4W+": 0.6})
        figure2_panels.every_network(axes, FigureData(made, "top1"))
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == [
        "baseW: trained from random values",
        "PnW+: layers of the given P, fine-tuned",
    ]


def test_halves_have_the_same_rule_for_stages_that_were_not_measured():
    made = [result("baseB", 0.5), result("A1B", 0.45), result("A3B", 0.4)]
    explained, axes = _interpreted(made)
    assert explained[-1] == "Lines are dotted over stages that were not measured."
    (dotted,) = [
        line
        for line in axes.get_lines()
        if line.get_color() == STYLES["AnB"].color
        and line.get_linestyle() not in ("-", "None")
    ]
    assert list(dotted.get_xdata())[:2] == [1, 3]
    explained, _ = _interpreted([result("baseB", 0.5), *curve("A{}B", 0.45)])
    assert not any("dotted" in line for line in explained)


def test_the_means_of_a_given_network_have_the_interval_of_their_difference():
    made = _given({"baseW": 0.4, "P1W": 0.5})
    made += results({"baseW": 0.4, "P1W": 0.54}, "whole", 3, TEN_STAGES)
    # Differences of 10, 10, 10 and 14 points: t(3) = 3.182, and 2 / sqrt(4) = 1.
    _, axes = _interpreted(made)
    (bar,) = [each.get_segments()[0] for each in axes.collections if _is_bar(each)]
    assert bar[:, 0].tolist() == [1, 1]
    mean = (0.5 + 0.51 + 0.52 + 0.54) / 4
    assert bar[:, 1] == pytest.approx([mean - 0.03182, mean + 0.03182], abs=1e-4)
    _, axes = _interpreted(made[:4])
    assert not any(map(_is_bar, axes.collections))


def _is_bar(collection):
    return isinstance(collection, LineCollection) and bool(collection.get_segments())


BELOW = "Relative to each network's own base"


def _figure3(made, monkeypatch, tmp_path):
    monkeypatch.setattr(drawing, "save", lambda figure, path: figure)
    figure = paper_figures.figure3(FigureData(made, "top1"), tmp_path / "f.png")
    figure.draw_without_rendering()
    return figure


@pytest.mark.parametrize(
    ("kinds", "titles"),
    [
        ("P R", ["Random frozen layers", BELOW]),
        (
            "far",
            ["Natural and man-made classes", BELOW],
        ),
        (
            "halves far R P",
            [
                "Natural and man-made classes",
                "Random frozen layers",
                BELOW,
            ],
        ),
        ("base", ["Natural and man-made classes"]),
    ],
)
def test_figure3_has_the_panels_of_the_study_side_by_side(
    kinds, titles, tmp_path, monkeypatch
):
    far, given = "natural_manmade", finished_networks(given_study()).networks
    parts = {
        "P": [each for each in given if each.family != "RnB"],
        "R": [each for each in given if each.family in ("RnB", "base")],
        "far": [result("baseB", 0.5, far), *curve("A{}B", 0.4, -0.02, far)],
        "halves": [result("baseB", 0.5), *curve("A{}B", 0.4, -0.01)],
        "base": [result("baseB", 0.5, far)],
    }
    made = {each.run_id: each for kind in kinds.split() for each in parts[kind]}
    figure = _figure3([*made.values()], monkeypatch, tmp_path)
    drawn = [axes.get_title(loc="left") for axes in figure.axes]
    assert drawn == titles
    width, height = figure.get_size_inches() * figure.dpi
    boxes = [axes._left_title.get_window_extent() for axes in figure.axes]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    legends = [axes.get_legend().get_window_extent() for axes in figure.axes]
    for box in [*boxes, *legends]:
        assert 0 <= box.x0 and box.x1 <= width and 0 <= box.y0 and box.y1 <= height
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert not any("not run" in text for text in texts)


def test_a_given_network_without_random_layers_has_no_figure3(tmp_path):
    made = _given({"baseW": 0.4, "P4W+": 0.6})
    path = tmp_path / "f.png"
    assert paper_figures.figure3(FigureData(made, "top1"), path) is None
    assert not path.exists()


@pytest.mark.parametrize("stages", [PAPER_STAGES, TEN_STAGES])
def test_figure2_of_all_classes_speaks_of_no_halves(stages, tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "save", lambda figure, path: figure)
    made = results({"baseW": 0.5, "R2W": 0.4}, "whole", stages=stages)
    figure = paper_figures.figure2(FigureData(made, "top1"), tmp_path / "f.png")
    assert figure.get_suptitle() == "All classes"
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert texts == ["baseW: trained from random values"]
