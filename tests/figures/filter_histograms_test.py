"""Histograms of Gabor filters, by group."""

import numpy as np

from yosinski_tf.explain.gabor import BlobFit, FilterFit, GaborFit
from yosinski_tf.explain.populations import comparisons
from yosinski_tf.figures import drawing
from yosinski_tf.figures.filter_histograms import filter_histograms


def network(degrees, kind="gabor"):
    """A network with a filter for each orientation, all of wavelength 4."""
    place, color = (2.0, 2.0), (1.0, 0.0, 0.0)
    blob = BlobFit(place, 0.5, (1.0, 2.0), color, 1.0, 0.4)
    return tuple(
        FilterFit(
            GaborFit(place, np.radians(angle), 4.0, 0.3, (1.0, 2.0), color, 1.0, 0.9),
            blob,
            kind,
        )
        for angle in degrees
    )


def test_groups_are_drawn_as_shares_with_p_values_below(monkeypatch, tmp_path):
    figures = []
    monkeypatch.setattr(drawing, "save", lambda figure, path: figures.append(figure))
    groups = {
        "bases of half A": [network([0, 0, 0, 90])],
        "bases of half B": [network([0, 90, 90, 90])],
        "random values": [network([45, 45], "neither")],
    }
    compared = {"random": comparisons(groups)}
    filter_histograms({"random": groups}, compared, 11, tmp_path / "histograms.png")
    orientations, wavelengths = figures[0].axes
    a, b, random = orientations.lines
    assert a.get_ydata().tolist() == [0.75, 0, 0, 0, 0.25, 0, 0, 0]
    assert b.get_ydata().tolist() == [0.25, 0, 0, 0, 0.75, 0, 0, 0]
    assert [text.get_text() for text in orientations.get_legend().get_texts()] == [
        "bases of half A: 4 of 4",
        "bases of half B: 4 of 4",
        "random values: 0 of 2",
    ]
    told = orientations.get_xlabel()
    # In 34 of 70 regroupings the groups differ as much.
    assert "bases of half A against bases of half B: p = 0.49" in told
    assert "random values against bases: cannot be tested" in told
    assert "one unlike network can make p small" in told
    # All wavelengths are the same.
    alike = "bases of half A against bases of half B: cannot be tested"
    assert alike in wavelengths.get_xlabel()


def test_without_a_gabor_filter_nothing_is_drawn(tmp_path):
    groups = {
        "bases of half A": [network([0], "blob")],
        "random values": [network([0])],
    }
    path = tmp_path / "histograms.png"
    assert filter_histograms({"random": groups}, {}, 5, path) is None
    assert not path.exists()
