"""The measures of the layers, drawn beside the curves."""

import numpy as np
import pytest
from PIL import Image

from yosinski_tf.explain.rows import Row
from yosinski_tf.figures import drawing
from yosinski_tf.figures.layer_panels import layers_figure


def rows(measure, network, *values):
    """A pair for each list of values, by n."""
    return [
        Row("random:0", "AB", seed, n, f"conv{n}", network, measure, value)
        for seed, each in enumerate(values)
        for n, value in enumerate(each, 1)
    ]


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Draws rows; returns the axes of the figure by title."""

    def draw(made):
        figures = []
        monkeypatch.setattr(
            drawing, "save", lambda figure, path: figures.append(figure)
        )
        layers_figure(made, tmp_path / "layers.png")
        axes = {each.get_title(loc="left"): each for each in figures[0].axes}
        # What is to be known is no panel.
        assert axes.pop("").texts[0].get_text().startswith("B: the half")
        return axes

    return draw


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def heights(axes, name):
    """The y of a line by its name, without gaps."""
    (line,) = (each for each in axes.lines if each.get_label() == name)
    y = np.asarray(line.get_ydata(), float)
    return y[np.isfinite(y)].tolist()


def test_panels_without_data_are_not_drawn(drawn):
    axes = drawn(rows("over_base", "AnB", [-1.0, -3.0], [-3.0, -5.0]))
    (title,) = axes
    assert title == "The curves: copies against their base"
    assert heights(axes[title], "AnB") == [-2.0, -4.0]
    names = [each.get_text() for each in axes[title].get_xticklabels()]
    assert names == ["1 conv1", "2 conv2"]


def test_a_study_with_one_seed_is_said_to_have_no_ceiling(drawn):
    one = rows("cka", "baseA baseB", [0.9, 0.5]) + rows("cka", "R baseB", [0.8, 0.1])
    (note,) = drawn(one)["Similarity"].texts
    assert note.get_text() == "one seed: no ceiling"
    two = one + rows("cka", "baseB baseB'", [0.95, 0.6])
    axes = drawn(two)["Similarity"]
    assert not axes.texts
    assert legend(axes) == [
        "base A, base B",
        "base B, second seed: ceiling",
        "random values, base B",
    ]


def test_scores_are_drawn_as_ranks_within_a_pair(drawn):
    made = rows("logme", "baseA", [5.0, 7.0, 6.0], [-5.0, 0.0, -1.0])
    made += rows("top1", "AnB", [50.0, 40.0, 30.0], [50.0, 40.0, 30.0])
    axes = drawn(made)["Scores, as ranks of the layers"]
    assert heights(axes, "LogME of base A") == [0.0, 1.0, 0.5]
    assert heights(axes, "accuracy of AnB") == [1.0, 0.5, 0.0]


def test_lines_of_fewer_pairs_say_so(drawn):
    made = rows("linear_probe", "baseA", [50.0, 40.0], [50.0, 40.0])
    made += rows("linear_probe", "baseB", [50.0]) + rows("top1", "AnB", [50.0, 40.0])
    assert legend(drawn(made)["Linear probe"]) == [
        "base A",
        "base B (1/2)",
        "accuracy of AnB (1/2)",
    ]


def test_own_copies_are_drawn_beside_foreign_ones(drawn):
    made = rows("over_base", "AnB", [-1.0]) + rows("over_base", "BnB+", [0.5])
    axes = drawn(made)["The curves: copies against their base"]
    assert legend(axes) == ["BnB+", "AnB"]


def test_weight_travel_is_that_of_the_longest_copies(drawn):
    made = rows("travel", "AnB+ n=1", [9.0]) + rows("travel", "AnB+ n=2", [0.1, 0.2])
    made += rows("p_kind", "AnB+ n=2 baseB", [0.5])
    axes = drawn(made)["Weight travel in the longest copies"]
    assert heights(axes, "AnB+") == [0.1, 0.2]


def test_a_bar_is_the_interval_over_three_pairs(drawn):
    axes = drawn(rows("loss_put_back", "baseB", [1.0], [2.0], [3.0]))
    (bars,) = axes["Criticality of base B's layers"].collections
    (bar,) = bars.get_segments()
    # 2 plus or minus 4.30265 / sqrt(3).
    assert bar[:, 1] == pytest.approx([2 - 2.48414, 2 + 2.48414], abs=1e-4)


def test_the_picture_is_as_wide_as_a_page(tmp_path):
    assert layers_figure([], tmp_path / "none.png") is None
    assert layers_figure(rows("p_kind", "R baseB", [0.5]), tmp_path / "n.png") is None
    made = rows("linear_probe", "baseA", [50.0, 40.0])
    path = layers_figure(made, tmp_path / "layers.png")
    assert Image.open(path).width == 897
    assert [each.name for each in tmp_path.iterdir()] == ["layers.png"]
