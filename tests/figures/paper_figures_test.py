import numpy as np
import pytest
from fabricate import point, study
from PIL import Image

from yosinski_tf.figures import drawing, figure2_panels, paper_figures
from yosinski_tf.results import published
from yosinski_tf.results.network_result import points_from_records
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


@pytest.mark.parametrize("draw", FIGURES)
@pytest.mark.parametrize("compare", [False, True])
def test_full_figures(draw, compare, tmp_path):
    made = points_from_records(study()).points
    theirs = published.points() if compare else None
    _check(draw(made, tmp_path / "f.png", TEN, published_points=theirs))
    assert [p.name for p in tmp_path.iterdir()] == ["f.png"]


@pytest.mark.parametrize("draw", FIGURES)
def test_published_figures(draw, tmp_path):
    _check(draw(published.points(), tmp_path / "f.png", TEN))


def test_figure2_shows_each_family_that_there_is(tmp_path):
    made = [point("baseB", 0.5), *(point(f"A{n}B", 0.4) for n in range(1, 8))]
    image = _check(paper_figures.figure2(made, tmp_path / "f.png", TEN))
    assert _share(image, drawing.STYLES["AnB"].color) > 1e-3
    assert _share(image, drawing.STYLES["BnB"].color) == 0


def test_figure2_shows_every_network_even_without_a_base(tmp_path):
    made = [point(f"A{n}B", 0.4 + 0.01 * n) for n in range(1, 8)]
    image = _check(paper_figures.figure2(made, tmp_path / "f.png", TEN))
    assert _share(image, drawing.STYLES["AnB"].color) > 2e-4


def test_figure2_is_of_random_splits_only(tmp_path):
    far = [
        point("baseB", 0.5, "natural_manmade"),
        *(point(f"A{n}B", 0.4, "natural_manmade") for n in range(1, 8)),
    ]
    image = _check(paper_figures.figure2(far, tmp_path / "f.png", TEN))
    assert _share(image, drawing.STYLES["AnB"].color) == 0


def test_figure2_is_of_the_users_own_halves_where_nothing_else_is(tmp_path):
    own = [
        point("baseB", 0.5, "file:pets.txt"),
        *(point(f"A{n}B", 0.4, "file:pets.txt") for n in range(1, 8)),
    ]
    image = _check(paper_figures.figure2(own, tmp_path / "own.png", TEN))
    assert _share(image, drawing.STYLES["AnB"].color) > 1e-3
    # Random splits come first, and the two are not mixed.
    random = [point("baseB", 0.5), *(point(f"B{n}B", 0.4) for n in range(1, 8))]
    image = _check(paper_figures.figure2([*own, *random], tmp_path / "both.png", TEN))
    assert _share(image, drawing.STYLES["AnB"].color) == 0
    assert _share(image, drawing.STYLES["BnB"].color) > 1e-3


@pytest.mark.parametrize("draw", FIGURES)
@pytest.mark.parametrize(
    "made",
    [
        [],
        [point("baseB", 0.5)],
        [point("A3B", 0.5)],
        [point("baseB", 0.5), point("A3B+", 0.5)],
        [point("baseB", 0.5, "natural_manmade")],
        [point("R3B", 0.1)],
    ],
)
def test_what_a_study_lacks_is_left_out(draw, made, tmp_path):
    path = tmp_path / "f.png"
    assert draw(made, path, TEN) == path
    assert Image.open(path).size[0] > 700
    draw(made, path, TEN, published_points=published.points())


def test_drawing_twice_gives_the_same_bytes(tmp_path):
    first, second = (
        paper_figures.figure2(published.points(), tmp_path / name, TEN).read_bytes()
        for name in ("a.png", "b.png")
    )
    assert first == second


def test_measure_decides_what_is_drawn(tmp_path):
    made = published.points()
    last = paper_figures.figure2(made, tmp_path / "a.png", "top1").read_bytes()
    assert last != paper_figures.figure2(made, tmp_path / "b.png", TEN).read_bytes()
    with pytest.raises(UserError, match="unknown measure 'top5'"):
        paper_figures.figure2(made, tmp_path / "c.png", "top5")


def test_preserved_layers_have_a_look_of_their_own(tmp_path):
    families = [f"{curve}~{k}" for curve in ("BnB", "AnB") for k in range(1, 7)]
    looks = [drawing.style_of(family) for family in [*drawing.STYLES, *families]]
    assert len({(look.color, look.marker, look.filled) for look in looks}) == len(looks)
    made = [point("baseB", 0.5), *(point(f"A{n}B~1", 0.4) for n in range(1, 7))]
    image = _check(paper_figures.figure2(made, tmp_path / "f.png", TEN))
    assert _share(image, drawing.style_of("AnB~1").color) > 1e-3
    assert _share(image, drawing.STYLES["AnB"].color) == 0


@pytest.mark.parametrize(("frozen", "badges"), [(0.4, ["1", "2", "3"]), (0.55, ["1"])])
def test_only_what_can_be_seen_is_explained(frozen, badges):
    made = [
        point("baseB", 0.5),
        *(point(f"B{n}B", frozen) for n in range(1, 8)),
        *(point(f"B{n}B+", 0.5) for n in range(1, 8)),
    ]
    with drawing.style():
        figure = drawing.new_figure(7, 5)
        axes = figure.subplots()
        figure2_panels.interpretation(figure, axes, made, "top1")
    explained = figure.get_supxlabel().splitlines()
    assert [line.split()[0] for line in explained] == badges
    assert sorted(t.get_text() for t in axes.texts if t.get_text().isdigit()) == badges


def test_labels_are_moved_apart_and_keep_their_order():
    assert drawing.apart([1.0, 5.0], gap=1.0) == [1.0, 5.0]
    assert drawing.apart([2.0, 2.0], gap=1.0) == [1.5, 2.5]
    moved = drawing.apart([3.0, 1.0, 1.1], gap=1.0)
    assert moved[0] > moved[2] > moved[1]
    assert min(moved[0] - moved[2], moved[2] - moved[1]) > 0.999


def test_lines_are_named_where_they_end():
    made = [
        point("baseB", 0.5),
        *(point(f"A{n}B", 0.5 - 0.01 * n) for n in range(1, 8)),
        *(point(f"A{n}B~1", 0.5 - 0.012 * n) for n in range(1, 7)),
        *(point(f"A{n}B~2", 0.5 - 0.011 * n) for n in range(1, 6)),
    ]
    with drawing.style():
        figure = drawing.new_figure(7, 5)
        axes = figure.subplots(2, 1)
        figure2_panels.interpretation(figure, axes[0], made, "top1")
        figure2_panels.both_relative(axes[1], made, published.points(), "top1")
    for panel, ends in zip(axes, ((0.43, 0.428, 0.445), (-7, -7.2, -5.5)), strict=True):
        labels = {text.get_text(): text.xy for text in panel.texts}
        # 1.0 is the right edge of the axes, beside n = 7.
        assert labels["AnB"] == (1.0, pytest.approx(ends[0]))
        assert labels["AnB~1"] == (6, pytest.approx(ends[1]))
        assert labels["AnB~2"] == (5, pytest.approx(ends[2]))
