import numpy as np
from fabricate import point
from PIL import Image

from yosinski_tf import published, reduced_data

TEN, LAST = "top1_mean_of_10_best", "top1"


def test_the_curve_is_the_mean_over_seeds_of_bases():
    made = [
        point("baseW", 0.5, "first:10"),
        point("baseW", 0.25, "first:2"),
        point("baseW", 0.75, "first:2", seed=1),
        point("R3W", 0.9, "first:2"),
    ]
    assert reduced_data.curve(made, LAST) == {2: 0.5, 10: 0.5}


def test_table_and_rows_show_every_network_by_both_measures():
    made = [point("R3W", 0.1, "first:10"), point("baseW", 0.5, "first:2", seed=4)]
    assert reduced_data.table(made).splitlines()[2:] == [
        "| 2 | base | 4 | 51.00 | 50.00 |",
        "| 10 | R3W | 0 | 11.00 | 10.00 |",
    ]
    assert [row["treatment"] for row in reduced_data.rows(made)] == ["base", "R3W"]


def test_comparison_leaves_empty_what_one_side_lacks():
    table = reduced_data.comparison_table(
        [point("baseW", 0.5, "first:250"), point("baseW", 0.5, "first:3")],
        published.reduced_points(),
        LAST,
    ).splitlines()
    assert "| 250 | 50.00 | 38.33 | +11.67 |" in table
    assert "| 3 | 50.00 |  |  |" in table
    assert "| 500 |  | 47.50 |  |" in table


def _drawn(path):
    image = np.asarray(Image.open(path).convert("RGB")).astype(int)
    assert 700 < image.shape[1] < 1000
    return image


def test_figures(tmp_path):
    theirs = published.reduced_points()
    alone = _drawn(reduced_data.figure(theirs, tmp_path / "a.png", TEN))
    ours = [point("baseW", 0.1 * k, f"first:{10**k}") for k in (1, 2, 3)]
    path = tmp_path / "b.png"
    beside = _drawn(reduced_data.figure(ours, path, TEN, published_points=theirs))
    grey = np.abs(beside - 0x77).max(axis=-1) < 12
    assert grey.mean() > 2 * (np.abs(alone - 0x77).max(axis=-1) < 12).mean()
    _drawn(reduced_data.figure([], tmp_path / "c.png", TEN))
    last = reduced_data.figure(theirs, tmp_path / "d.png", LAST).read_bytes()
    assert last != (tmp_path / "a.png").read_bytes()
