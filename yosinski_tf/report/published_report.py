"""The paper's released networks as a report, and a study next to them."""

import dataclasses
import pathlib
from collections.abc import Sequence

from yosinski_tf.figures import paper_figures, reduced_data
from yosinski_tf.report.markdown import chosen_first, render, section, write
from yosinski_tf.report.write_report import REPORT_FOLDER, ReportPaths, read_study
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


@dataclasses.dataclass(frozen=True)
class ComparisonPaths:
    """The files that set a study next to the paper's networks."""

    table: pathlib.Path
    figure2: pathlib.Path
    figure3: pathlib.Path
    reduced_data: pathlib.Path | None
    summary: pathlib.Path


def write_published_report(
    out: pathlib.Path, measure: str = "top1_mean_of_10_best"
) -> ReportPaths:
    """Writes figures and tables of the paper's released networks.

    Args:
      out: Folder to write to; made if it does not exist.
      measure: The one of `points.MEASURES` for figures and the first tables;
        the paper's number if not given. Tables are given for both.

    Raises:
      UserError: If the measure is unknown.
    """
    ordered = chosen_first(measure)
    points, reduced = published.points(), published.reduced_points()
    make_folder(out)
    summary = render(
        "published.md.j2",
        networks=len(points) + len(reduced),
        points=len(points),
        reduced=len(reduced),
        figures_note=f"Figures show the {MEASURE_NAMES[measure]}.",
        sections=[section(points, each) for each in ordered],
        why=_why_different(points, MEASURES[0]),
        why_measure=MEASURE_NAMES[MEASURES[0]],
        reduced_table=reduced_data.table(reduced, with_seed=False),
    )
    tables.write_csv(
        out / "reduced_data.csv", reduced_data.rows(reduced, with_seed=False)
    )
    return ReportPaths(
        results=None,
        figure2=paper_figures.figure2(
            points,
            out / "figure2.png",
            measure,
            "The paper's networks: transfer between random halves",
        ),
        figure3=paper_figures.figure3(
            points,
            out / "figure3.png",
            measure,
            "The paper's networks: distant classes, and random features",
        ),
        table1=tables.write_csv(out / "table1.csv", tables.table1_rows(points)),
        decomposition=tables.write_csv(
            out / "decomposition.csv", tables.decomposition_rows(points)
        ),
        reduced_data=reduced_data.figure(
            reduced,
            out / "reduced_data.png",
            measure,
            "The paper's networks: fewer images, all 1000 classes",
        ),
        summary=write(out / "summary.md", summary),
    )


def _why_different(points: Sequence[NetworkResult], measure: str) -> str:
    """Why the released logs and the printed Table 1 need not agree."""
    own = {
        boost.comparison: boost.estimate.mean
        for boost in boost_table(points, measure)
        if boost.layers == (1, 7) and boost.method == "own base"
    }
    return (
        "Two things may explain the difference: the logs of 22 of the 42 fine-tuned"
        " networks were never released, and the way of averaging is not stated;"
        " pooled without regard to the layer, the 20 that were released already"
        " give the printed decimals. The 42 are those that the authors' plotting"
        " notebook reads, all of splits 0 and 1: 28 AnB+, in both directions, and"
        " 14 BnB+, trained on half A.\n\n"
        "The unpaired averages need care: every released AnB+ network was"
        " trained on a half B and every released BnB+ network on a half A, so no"
        " AnB+ can be set against the BnB+ of its own half. Over the base of its"
        f" own half, AnB+ gains {own['AnB+ over base']:.2f} points and BnB+"
        f" {own['BnB+ over base']:.2f} (n = 1-7, two halves each)."
    )


def write_comparison(
    runs: pathlib.Path, measure: str = "top1_mean_of_10_best"
) -> ComparisonPaths:
    """Sets a study next to the paper's networks, in its folder `report`.

    Args:
      runs: Folder of the study, with one folder per run.
      measure: One of `points.MEASURES`, of both studies, for figures and the
        first table; tables are given for both.

    Raises:
      UserError: If there is no record, or the measure is unknown.
    """
    ordered = chosen_first(measure)
    records, selection = read_study(runs)
    points, theirs = without_reduced(selection.points), published.points()
    reduced = of_kind(selection.points, REDUCED)
    their_reduced = published.reduced_points()
    folder = runs / REPORT_FOLDER
    make_folder(folder)
    rows = {each: comparison.compare(points, theirs, each) for each in ordered}
    data = ", ".join(sorted({record.dataset for record in records}))
    summary = render(
        "comparison.md.j2",
        theirs=len(theirs) + len(their_reduced),
        figures_note=f"Figures show the {MEASURE_NAMES[measure]}.",
        caveat=(
            f"This study's data: {data}. Theirs: ImageNet, 500 classes a half"
            " (random layers: all 1000). On other data, compare the shape of the"
            " curves relative to the base, not the accuracies."
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
    second, third = (folder / f"comparison_figure{n}.png" for n in (2, 3))
    title = "This study and the paper's networks: "
    return ComparisonPaths(
        table=tables.write_csv(
            folder / "comparison.csv",
            [
                {"measure": each, **row}
                for each in ordered
                for row in comparison.comparison_rows(rows[each])
            ],
        ),
        figure2=paper_figures.figure2(
            points, second, measure, title + "random halves", theirs
        ),
        figure3=paper_figures.figure3(
            points, third, measure, title + "distant classes", theirs
        ),
        reduced_data=reduced_data.figure(
            reduced,
            folder / "comparison_reduced_data.png",
            measure,
            title + "fewer images",
            their_reduced,
        )
        if reduced
        else None,
        summary=write(folder / "comparison.md", summary),
    )
