"""The report of the paper's released networks, and a study compared with them."""

import pathlib
from collections.abc import Sequence

from yosinski_tf.figures import reduced_data
from yosinski_tf.figures.drawing import FigureData
from yosinski_tf.report.markdown import chosen_first, render, section, write
from yosinski_tf.report.write_report import (
    REPORT_FOLDER,
    ReportPaths,
    read_study,
    write_figures,
    write_tables,
)
from yosinski_tf.results import comparison, published, tables
from yosinski_tf.results.analysis import boost_table
from yosinski_tf.results.network_result import (
    MEASURE_NAMES,
    MEASURES,
    REDUCED,
    NetworkResult,
    of_kind,
    without_reduced,
)
from yosinski_tf.system.files import make_folder

_TITLES = {
    "figure2": "The paper's networks: transfer between random halves",
    "figure3": "The paper's networks: distant classes, and random features",
    "reduced_data": "The paper's networks: fewer images, all 1000 classes",
}


_COMPARED = "This study and the paper's networks"
_COMPARISON_TITLES = {
    "figure2": f"{_COMPARED}: random halves",
    "figure3": f"{_COMPARED}: distant classes",
    "reduced_data": f"{_COMPARED}: fewer images",
}


def write_published_report(
    out: pathlib.Path, measure: str = MEASURES[0]
) -> ReportPaths:
    """Writes figures and tables of the paper's released networks.

    Args:
      out: Folder to write to; made if it does not exist.
      measure: The one of `MEASURES` for figures and the first tables; there are
        tables of both.

    Raises:
      UserError: If the measure is unknown.
    """
    ordered = chosen_first(measure)
    networks, reduced = published.networks(), published.reduced_networks()
    why = {MEASURES[0]: _why_different(networks, MEASURES[0])}
    make_folder(out)
    summary = render(
        "published.md.j2",
        networks=len(networks),
        reduced=len(reduced),
        figures_note=f"Figures show the {MEASURE_NAMES[measure]}.",
        sections=[section(networks, each, why.get(each, "")) for each in ordered],
        reduced_table=reduced_data.table(reduced, with_seed=False),
    )
    write_tables(out, networks, reduced, with_seed=False)
    data = (FigureData(side, measure) for side in (networks, reduced))
    return ReportPaths(
        summary=write(out / "summary.md", summary),
        table=None,
        **write_figures(out, *data, titles=_TITLES),
    )


def _why_different(networks: Sequence[NetworkResult], measure: str) -> str:
    """Explains why the released logs and the printed Table 1 may differ."""
    own = {
        boost.comparison: boost.estimate.mean
        for boost in boost_table(networks, measure)
        if boost.layers == (1, 7) and boost.method == "own base"
    }
    return (
        "Two things may explain the difference from the printed numbers. The logs of"
        " 22 of the 42 fine-tuned networks were never released. And the paper does not"
        " state how it averaged: the mean of the 20 released networks, whatever their"
        " layer, already has the printed decimals. The 42 are those that the authors'"
        " plotting notebook reads, all on splits 0 and 1: 28 AnB+, in both directions,"
        " and 14 BnB+, trained on half A.\n\n"
        "The unpaired averages need care: every released AnB+ network was"
        " trained on a half B and every released BnB+ network on a half A, so no"
        " AnB+ can be compared with the BnB+ of its own half. Over the base of its"
        f" own half, AnB+ gains {own['AnB+ over base']:.2f} points and BnB+"
        f" {own['BnB+ over base']:.2f} (n = 1-7, two halves each)."
    )


def write_comparison(runs: pathlib.Path, measure: str = MEASURES[0]) -> ReportPaths:
    """Compares a study with the paper's networks, in its folder `report`.

    Args:
      runs: Folder of the study, with one folder per run.
      measure: The one of `MEASURES`, of both studies, for figures and the first
        table; there are tables of both.

    Raises:
      UserError: If there is no record, or the measure is unknown.
    """
    ordered = chosen_first(measure)
    records, selection = read_study(runs)
    ours, theirs = without_reduced(selection.networks), published.networks()
    reduced = of_kind(selection.networks, REDUCED)
    their_reduced = published.reduced_networks()
    folder = runs / REPORT_FOLDER
    make_folder(folder)
    rows = {each: comparison.compare(ours, theirs, each) for each in ordered}
    data_sets = ", ".join(sorted({record.dataset for record in records}))
    summary = render(
        "comparison.md.j2",
        theirs=len(theirs) + len(their_reduced),
        figures_note=f"Figures show the {MEASURE_NAMES[measure]}.",
        caveat=(
            f"This study's data: {data_sets}. The paper's: ImageNet, 500 classes a"
            " half (random layers: all 1000). If the data differ, compare the shape"
            " of the curves relative to the base, not the accuracies."
        ),
        sections=[
            {
                "measure_name": MEASURE_NAMES[each],
                "table": comparison.comparison_markdown(rows[each]),
                "reduced": reduced_data.comparison_table(reduced, their_reduced, each)
                if reduced
                else "",
            }
            for each in ordered
        ],
    )
    csv_rows = [
        {"measure": each, **row}
        for each in ordered
        for row in comparison.comparison_rows(rows[each])
    ]
    return ReportPaths(
        summary=write(folder / "comparison.md", summary),
        table=tables.write_csv(folder / "comparison.csv", csv_rows),
        **write_figures(
            folder,
            FigureData(ours, measure, theirs),
            FigureData(reduced, measure, their_reduced),
            _COMPARISON_TITLES,
            prefix="comparison_",
        ),
    )
