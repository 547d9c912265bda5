"""Writes what a study found: tables, figures and a summary in Markdown.

A study may be unfinished; what is missing is left out and said to be missing.
"""

import dataclasses
import pathlib
from collections.abc import Sequence

from yosinski_tf.figures import paper_figures, reduced_data
from yosinski_tf.report.markdown import chosen_first, render, section, write
from yosinski_tf.report.study_facts import caveats, facts, warnings
from yosinski_tf.results import tables
from yosinski_tf.results.network_result import (
    MEASURE_NAMES,
    REDUCED,
    NetworkResult,
    Selection,
    of_kind,
    points_from_records,
    without_reduced,
)
from yosinski_tf.study.records import Record, read_records, write_results
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import make_folder

REPORT_FOLDER = "report"
_TABLE1_NOTE = (
    "The first two columns are plain averages, unpaired; the third sets each"
    " network against the base, or the BnB+ of the same n, of its own split, half"
    " and seed. The printed numbers are for ImageNet."
)


@dataclasses.dataclass(frozen=True)
class ReportPaths:
    """The files of a report.

    Attributes:
      results: One row per run; None for the published networks.
      figure2: The paper's Figure 2.
      figure3: The paper's Figure 3.
      table1: The paper's Table 1, as CSV.
      decomposition: Co-adaptation, specificity and gain, as CSV.
      reduced_data: Accuracy against images per class; None without such runs.
      summary: All tables, in Markdown.
    """

    results: pathlib.Path | None
    figure2: pathlib.Path
    figure3: pathlib.Path
    table1: pathlib.Path
    decomposition: pathlib.Path
    reduced_data: pathlib.Path | None
    summary: pathlib.Path


def read_study(runs: pathlib.Path) -> tuple[list[Record], Selection]:
    """Reads the records of a study folder and makes points of them.

    Raises:
      UserError: If the folder does not exist, holds no record or a broken one,
        or holds one network twice.
    """
    records = read_records(runs)
    if not records:
        raise UserError(
            f"no run has finished in {runs}: wanted at least one"
            f" {runs}/<run id>/record.json; run a study with --runs={runs} first"
        )
    return records, points_from_records(records)


def write_report(
    runs: pathlib.Path, measure: str = "top1_mean_of_10_best"
) -> ReportPaths:
    """Writes `results.csv` and the folder `report` into a study's folder.

    Args:
      runs: Folder of the study, with one folder per run.
      measure: The one of `points.MEASURES` for figures and the first tables;
        tables are given for both.

    Raises:
      UserError: If there is no record, or the measure is unknown.
    """
    ordered = chosen_first(measure)
    records, selection = read_study(runs)
    points = without_reduced(selection.points)
    reduced = of_kind(selection.points, REDUCED)
    folder = runs / REPORT_FOLDER
    make_folder(folder)
    results = runs / "results.csv"
    write_results(results, records)
    summary = render(
        "summary.md.j2",
        figures_note=f"Figures show the {MEASURE_NAMES[measure]}.",
        warnings=warnings(records),
        facts=facts(records, selection),
        sections=[section(points, each) for each in ordered] if points else [],
        table1_note=_TABLE1_NOTE,
        reduced=reduced_data.table(reduced) if reduced else "",
        caveats=caveats(records, points),
    )
    if reduced:
        tables.write_csv(folder / "reduced_data.csv", reduced_data.rows(reduced))
    return ReportPaths(
        results=results,
        figure2=paper_figures.figure2(points, folder / "figure2.png", measure),
        figure3=paper_figures.figure3(points, folder / "figure3.png", measure),
        table1=tables.write_csv(folder / "table1.csv", tables.table1_rows(points)),
        decomposition=tables.write_csv(
            folder / "decomposition.csv", tables.decomposition_rows(points)
        ),
        reduced_data=reduced_data.figure(reduced, folder / "reduced_data.png", measure)
        if reduced
        else None,
        summary=write(folder / "summary.md", summary),
    )


def results_table(points: Sequence[NetworkResult], measure: str) -> str:
    """The tables for the terminal: both measures, the chosen one first."""
    blocks = [
        tables.results_table(without_reduced(points), each)
        for each in chosen_first(measure)
        if without_reduced(points)
    ]
    if reduced := of_kind(points, REDUCED):
        blocks.append(f"first N images of each class\n{reduced_data.table(reduced)}")
    return "\n\n".join(blocks) or "no finished network yet"
