"""Writes what a study found: tables, figures and a summary in Markdown.

A study may be unfinished; what is missing is left out and said to be missing.
"""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import jinja2

from yosinski_tf import comparison, figures, published, tables
from yosinski_tf.analysis import boost_table, decomposition
from yosinski_tf.errors import UserError
from yosinski_tf.facts import caveats, facts, warnings
from yosinski_tf.points import (
    MEASURE_NAMES,
    MEASURES,
    RANDOM,
    Point,
    Selection,
    check_measure,
    of_kind,
    points_from_records,
)
from yosinski_tf.records import Record, read_records, write_atomically, write_results

REPORT_FOLDER = "report"
_TEMPLATES = pathlib.Path(__file__).with_name("templates")
_TABLE1_NOTE = (
    "The first two columns are plain averages, unpaired; the third sets each"
    " network against the base, or the BnB+ of the same n, of its own split, half"
    " and seed. The printed numbers are for ImageNet."
)


@dataclasses.dataclass(frozen=True)
class ReportPaths:
    """The files of a report; `results` is None for the published networks."""

    results: pathlib.Path | None
    figure2: pathlib.Path
    figure3: pathlib.Path
    table1: pathlib.Path
    decomposition: pathlib.Path
    summary: pathlib.Path


@dataclasses.dataclass(frozen=True)
class ComparisonPaths:
    """The files that set a study next to the paper's networks."""

    table: pathlib.Path
    figure2: pathlib.Path
    figure3: pathlib.Path
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
    check_measure(measure)
    records, selection = read_study(runs)
    points = selection.points
    folder = runs / REPORT_FOLDER
    folder.mkdir(exist_ok=True)
    results = runs / "results.csv"
    write_results(results, records)
    ordered = [measure, *(other for other in MEASURES if other != measure)]
    summary = _render(
        "summary.md.j2",
        figures_note=f"Figures show the {MEASURE_NAMES[measure]}.",
        warnings=warnings(records),
        facts=facts(records, selection),
        sections=[_section(points, each) for each in ordered],
        table1_note=_TABLE1_NOTE,
        caveats=caveats(records, points),
    )
    return ReportPaths(
        results=results,
        figure2=figures.figure2(points, folder / "figure2.png", measure),
        figure3=figures.figure3(points, folder / "figure3.png", measure),
        table1=tables.write_csv(folder / "table1.csv", tables.table1_rows(points)),
        decomposition=tables.write_csv(
            folder / "decomposition.csv", tables.decomposition_rows(points)
        ),
        summary=_write(folder / "summary.md", summary),
    )


def _section(points: Sequence[Point], measure: str) -> dict[str, Any]:
    """What the template needs for one measure."""
    kinds = tables.kinds(points)
    return {
        "measure_name": MEASURE_NAMES[measure],
        "kinds": _kinds(points, measure),
        "table1": tables.table1_markdown(points, measure),
        "decompositions": [
            {
                "name": tables.kind_name(kind),
                "table": tables.decomposition_markdown(points, measure, kind),
            }
            for kind in kinds
            if any(part.estimate.n for part in decomposition(points, measure, kind))
        ],
    }


def _kinds(points: Sequence[Point], measure: str) -> list[dict[str, str]]:
    blocks = []
    for kind in tables.kinds(points):
        chosen = of_kind(points, kind)
        blocks.append(
            {
                "name": tables.kind_name(kind),
                "relative": tables.relative_markdown(chosen, measure),
                "absolute": tables.absolute_markdown(chosen, measure),
            }
        )
    return blocks


def write_published_report(out: pathlib.Path) -> ReportPaths:
    """Writes figures and tables of the paper's released networks.

    Args:
      out: Folder to write to; made if it does not exist.
    """
    measure = MEASURES[0]
    points = published.points()
    reduced = published.reduced_runs()
    out.mkdir(parents=True, exist_ok=True)
    figures.reduced_data(reduced, out / "reduced_data.png")
    summary = _render(
        "published.md.j2",
        networks=len(points) + len(reduced),
        points=len(points),
        reduced=len(reduced),
        kinds=_kinds(points, measure),
        table1=tables.table1_markdown(points, measure),
        why=_why_different(points, measure),
        decomposition=tables.decomposition_markdown(points, measure, RANDOM),
    )
    title = "The paper's networks: transfer between random halves"
    return ReportPaths(
        results=None,
        figure2=figures.figure2(points, out / "figure2.png", measure, title),
        figure3=figures.figure3(points, out / "figure3.png", measure),
        table1=tables.write_csv(out / "table1.csv", tables.table1_rows(points)),
        decomposition=tables.write_csv(
            out / "decomposition.csv", tables.decomposition_rows(points)
        ),
        summary=_write(out / "summary.md", summary),
    )


def _why_different(points: Sequence[Point], measure: str) -> str:
    """Why the released logs and the printed Table 1 need not agree."""
    own = {
        boost.comparison: boost.estimate.mean
        for boost in boost_table(points, measure)
        if boost.layers == (1, 7) and boost.method == "own base"
    }
    return (
        "The authors' plotting notebook reads 42 fine-tuned networks, 28 AnB+ and"
        " 14 BnB+; the logs of 22 of them were never released. Averaged layer by"
        " layer, the released ones differ from the printed numbers; pooled"
        " without regard to the layer, they give them to the printed decimal."
        " Which average the authors took, and over which networks, the released"
        " files do not say.\n\n"
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
      measure: One of `points.MEASURES`, for both studies.

    Raises:
      UserError: If there is no record, or the measure is unknown.
    """
    check_measure(measure)
    records, selection = read_study(runs)
    points, theirs = selection.points, published.points()
    folder = runs / REPORT_FOLDER
    folder.mkdir(exist_ok=True)
    rows = comparison.compare(points, theirs, measure)
    data = ", ".join(sorted({record.dataset for record in records}))
    summary = _render(
        "comparison.md.j2",
        theirs=len(theirs),
        measure_name=MEASURE_NAMES[measure],
        caveat=(
            f"This study's data: {data}. Theirs: ImageNet, 500 classes a half"
            " (random layers: all 1000). On other data, compare the shape of the"
            " curves relative to the base, not the accuracies."
        ),
        table=comparison.comparison_markdown(rows),
    )
    second, third = (folder / f"comparison_figure{n}.png" for n in (2, 3))
    title = "This study and the paper's networks: "
    return ComparisonPaths(
        table=tables.write_csv(
            folder / "comparison.csv", comparison.comparison_rows(rows)
        ),
        figure2=figures.figure2(
            points, second, measure, title + "random halves", theirs
        ),
        figure3=figures.figure3(
            points, third, measure, title + "distant classes", theirs
        ),
        summary=_write(folder / "comparison.md", summary),
    )


def results_table(points: Sequence[Point], measure: str) -> str:
    """The table for the terminal, see `tables.results_table`."""
    return tables.results_table(points, measure)


def _render(template: str, **context: Any) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template(template).render(**context)


def _write(path: pathlib.Path, text: str) -> pathlib.Path:
    write_atomically(path, text.encode())
    return path
