"""What the layers hold, in the report and on the page."""

import dataclasses
import re

import pytest
from fabricate import folder_of, record

from yosinski_tf.explain import kept_fits
from yosinski_tf.explain.gabor import BlobFit, FilterFit, GaborFit
from yosinski_tf.explain.rows import Row
from yosinski_tf.explain.units import units_of
from yosinski_tf.figures import drawing
from yosinski_tf.report.layers_section import layers_section
from yosinski_tf.report.write_layers import write_layers
from yosinski_tf.report.write_report import write_report
from yosinski_tf.study.records import read_records

RECORDS = [record(name, 0.5) for name in ("baseA", "baseB", "A1B", "A2B", "A3B")]
ODD = "<script>odd"


def rows(layer="conv"):
    """LogME rises over three layers while AnB falls; in three pairs."""
    return [
        Row("random:0", "AB", seed, n, f"{layer}{n}", network, measure, value)
        for seed in range(3)
        for network, measure, values in (
            ("AnB", "top1", (50.0, 40.0, 30.0)),
            ("baseA", "logme", (0.1, 0.2, 0.3)),
            ("baseB", "gabor_share", (0.0,)),
        )
        for n, value in enumerate(values, 1)
    ]


def network(kind):
    """A first layer of one filter."""
    place, color = (2.0, 2.0), (1.0, 0.0, 0.0)
    gabor = GaborFit(place, 0.5, 4.0, 0.3, (1.0, 2.0), color, 1.0, 0.9)
    return (FilterFit(gabor, BlobFit(place, 0.5, (1.0, 2.0), color, 1.0, 0.4), kind),)


def measure(runs, made):
    return write_layers(runs, runs / "report", made, units_of(RECORDS))


def test_the_report_says_where_measures_and_curves_disagree(tmp_path):
    folder_of(tmp_path, RECORDS)
    made = write_report(tmp_path, "top1")
    assert "What the layers hold" not in made.summary.read_text()
    assert 'id="layers"' not in made.page.read_text()
    measure(tmp_path, rows(ODD))
    made = write_report(tmp_path, "top1")
    told = (
        "LogME of base A ranks the layers the other way than AnB: tau -1.00 (95% -1.00"
        " to -1.00), 3 pairs of 3 layers. It is highest at n = 3, AnB at n = 1."
    )
    summary, page = made.summary.read_text(), made.page.read_text()
    lead = "Whether a cheap measure ranks the layers as the curves do:"
    assert f"### Random splits, 3 pairs\n\n{lead}\n\n- {told}\n" in summary
    assert "![Measures by layer](layers.png)" in summary
    assert "[layers.md](layers.md)" in summary and "WARNING" not in summary
    section = page[page.index('id="layers"') : page.index('id="use"')]
    assert section.index(told) < section.index("data:image/png;base64,")
    assert re.findall("<summary>(.*)</summary>", section) == [
        "The curves",
        "Scores that promise to predict transfer",
        "First-layer filters",
        "Does a measure replace the experiment?",
    ]
    assert (
        ODD not in page
        and "<th>2 &lt;script&gt;odd2</th>" in section
        and "<td>-1.00 (-1.00 to -1.00)," in section
    )
    # Two sentences of meaning with their source.
    assert "arXiv 2102.11005" in section
    assert "No filter of a trained first layer is called a Gabor function" in section
    assert 'class="warning"' not in section
    # The page has its own section, so it does not repeat that of the summary.
    assert page.count(told) == 1


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """A study whose layers were measured; nothing is drawn."""
    monkeypatch.setattr(drawing, "save", lambda figure, path: path.write_bytes(b"png"))
    folder_of(tmp_path, RECORDS)
    measure(tmp_path, rows())
    return tmp_path


def section(runs):
    return layers_section(runs / "report", read_records(runs))


@pytest.mark.parametrize(
    ("later", "words"),
    [
        ([], ""),
        ([record("A3B+", 0.6)], "with 1 network trained since:"),
        (
            [record("A3B", 0.6, weights_sha256="d" * 64)],
            "with 1 network trained since:",
        ),
        (
            [record(name, 0.1, status="diverged") for name in ("A1B", "A2B")],
            "with 2 networks gone since:",
        ),
    ],
)
def test_measures_of_an_earlier_state_are_said_to_be(measured, later, words):
    folder_of(measured, later)
    warning = section(measured).warning
    assert words in warning and bool(warning) == bool(words)


def test_measures_of_unknown_networks_are_said_to_be(measured):
    (measured / "explain/networks.json").write_text("[]")
    told = section(measured).warning
    assert "it is not known of which networks these measures are" in told


def test_a_broken_table_leaves_the_rest_of_the_report(measured):
    (measured / "report/layers.csv").write_text("a,b\n")
    found = section(measured)
    assert "layers.csv, found that it cannot be read" in found.warning
    assert (found.kinds, found.filters) == ((), ())


def test_groups_of_first_layers_are_compared_once_in_all_files(measured):
    # One direction is enough: each network stands in it once.
    fits = {"baseA": network("gabor") * 4, "baseB": network("blob") * 4}
    (unit,) = [each for each in units_of(RECORDS) if each.direction == "AB"]
    kept_fits.keep(kept_fits.path_of(measured, unit.slug), fits)
    measure(measured, rows())
    table = (measured / "report/layers.csv").read_text().splitlines()
    name = "bases of half A against bases of half B"
    (row,) = [line for line in table if ",p_kind," in line]
    assert row.startswith(f"random,,0,1,conv1,{name},p_kind,0.0")
    assert f"| {name} | 0.025 |" in (measured / "report/layers.md").read_text()
    (kind,) = section(measured).kinds
    assert kind.title == "Random splits, 3 pairs"
    told = next(each for each in kind.sections if "groups" in each.title)
    assert told.tables[0][1] == [name, "0.025"]


def test_each_kind_of_split_has_its_picture(measured):
    far = [dataclasses.replace(row, split="natural_manmade") for row in rows()]
    paths = measure(measured, far + rows())
    names = ["layers.png", "layers_natural_manmade.png"]
    assert [path.name for path in paths.pictures] == names
    kinds = section(measured).kinds
    assert [kind.title for kind in kinds] == [
        "Random splits, 3 pairs",
        "Natural and man-made split, 3 pairs",
    ]
    assert [kind.picture.name for kind in kinds] == names
    assert kinds[0].picture.image == "data:image/png;base64,cG5n"
    (measured / "report/layers.png").unlink()
    assert section(measured).kinds[0].picture is None
