"""Writes the report of a study: tables, figures and a summary in Markdown.

A study may be unfinished: the report leaves out what is missing, and says so.
"""

import dataclasses
import json
import pathlib
import shlex
from collections.abc import Mapping, Sequence

from yosinski_tf.experiment.treatments import PAPER_STAGES
from yosinski_tf.figures import drawing, paper_figures, reduced_data
from yosinski_tf.report.answer import Answer, study_answer
from yosinski_tf.report.layers_section import layers_section
from yosinski_tf.report.markdown import chosen_first, render, section, write_markdown
from yosinski_tf.report.page import StudyProgress, write_page
from yosinski_tf.report.study_facts import caveats, facts, warnings
from yosinski_tf.results import network_result, tables
from yosinski_tf.study import given_source, image_source
from yosinski_tf.study.records import Record, read_records, write_results
from yosinski_tf.system import errors, files

REPORT_FOLDER = "report"


@dataclasses.dataclass(frozen=True)
class ReportPaths:
    """The files of a report that a user looks at.

    Attributes:
      summary: All tables, in Markdown.
      figure2: PNG of the paper's Figure 2.
      figure3: PNG of the paper's Figure 3; None without networks for it.
      reduced_data: PNG of accuracy against images per class; None without
        networks on reduced data.
      table: CSV with one row per run of a study, or per treatment of a
        comparison; None for the published networks.
      page: The report of a study as a page; None for other reports.
      answer: The recommendation of a study; None for other reports.
    """

    summary: pathlib.Path
    figure2: pathlib.Path
    figure3: pathlib.Path | None
    reduced_data: pathlib.Path | None
    table: pathlib.Path | None
    page: pathlib.Path | None = None
    answer: Answer | None = None


def read_study(runs: pathlib.Path) -> tuple[list[Record], network_result.Selection]:
    """Reads the records of a study folder, and the results of its networks.

    Raises:
      UserError: If the folder does not exist, has no record or a broken one, or
        has one network twice.
    """
    records = read_records(runs)
    if not records:
        raise errors.UserError(
            f"a report needs at least one {runs}/<run id>/record.json, found none:"
            f" run a study with {shlex.quote(f'--runs={runs}')} first"
        )
    return records, network_result.finished_networks(records)


def write_report(
    runs: pathlib.Path,
    measure: str = network_result.MEASURES[0],
    progress: StudyProgress | None = None,
) -> ReportPaths:
    """Writes `results.csv` and the folder `report` of a study, with its page.

    Args:
      runs: Folder of the study, with one folder per run.
      measure: The one of `MEASURES` for figures and the first tables; there are
        tables of both.
      progress: How far the study is, unless it is complete.

    Raises:
      UserError: If there is no record, or the measure is unknown.
    """
    ordered = chosen_first(measure)
    records, selection = read_study(runs)
    told = warnings(records, image_source.copies(runs))
    networks = network_result.without_reduced(selection.networks)
    reduced = network_result.of_kind(selection.networks, network_result.REDUCED)
    folder, results = runs / REPORT_FOLDER, runs / "results.csv"
    files.make_folder(folder)
    write_results(results, records)
    write_tables(folder, networks, reduced)
    data = (drawing.FigureData(side, measure) for side in (networks, reduced))
    figures = write_figures(folder, *data)
    answer = study_answer(runs, records, selection.networks, measure)
    layers = layers_section(folder, records)
    told_in_full = {
        "measure": measure,
        "warnings": told,
        "facts": facts(records, selection, given_source.read_description(runs)),
        "figure3": figures["figure3"] is not None,
        "sections": [section(networks, each) for each in ordered] if networks else [],
        "reduced": reduced_data.table(reduced) if reduced else "",
        "caveats": caveats(records, networks),
    }
    summary = write_markdown(
        folder / "summary.md",
        "summary.md.j2",
        answer=answer,
        layers=layers,
        **told_in_full,
    )
    text = json.dumps(answer.values, indent=1)
    files.write_atomically(folder / "recommendation.json", text.encode())
    page = write_page(
        runs,
        folder,
        records=records,
        networks=networks,
        measure=measure,
        answer=answer,
        warnings=told,
        # The page begins with the answer, and has a section on the layers.
        summary=render("summary.md.j2", answer=None, layers=None, **told_in_full),
        progress=progress,
        layers=layers,
    )
    return ReportPaths(
        summary=summary, table=results, page=page, answer=answer, **figures
    )


def write_figures(
    folder: pathlib.Path,
    data: drawing.FigureData,
    reduced: drawing.FigureData,
    titles: Mapping[str, str] | None = None,
    prefix: str = "",
) -> dict[str, pathlib.Path | None]:
    """Draws figures 2 and 3, and that of reduced data, as far as there are networks.

    A figure for which there are none (any more) is removed.

    Args:
      folder: Folder to write to.
      data: Networks of the figures by n.
      reduced: Networks on reduced data.
      titles: Titles in place of the usual ones, by field of `ReportPaths`.
      prefix: What the names of the files start with.

    Returns:
      The files by field of `ReportPaths`.
    """
    drawn = {
        "figure2": (paper_figures.figure2, data),
        "figure3": (paper_figures.figure3, data),
        "reduced_data": (reduced_data.figure, reduced if reduced.networks else None),
    }
    made = {}
    for name, (draw, shown) in drawn.items():
        path = folder / f"{prefix}{name}.png"
        made[name] = shown and draw(shown, path, (titles or {}).get(name, ""))
        if made[name] is None:
            path.unlink(missing_ok=True)
    return made


def write_tables(
    folder: pathlib.Path,
    networks: Sequence[network_result.NetworkResult],
    reduced: Sequence[network_result.NetworkResult],
    with_seed: bool = True,
) -> None:
    """Writes the tables as CSV; `with_seed` as in `reduced_data.rows`.

    Table 1 of the paper is written for its eight layers only.
    """
    if network_result.stages_of(networks) == PAPER_STAGES:
        tables.write_csv(folder / "table1.csv", tables.table1_rows(networks))
    tables.write_csv(folder / "decomposition.csv", tables.decomposition_rows(networks))
    if reduced:
        rows = reduced_data.rows(reduced, with_seed)
        tables.write_csv(folder / "reduced_data.csv", rows)


def results_table(
    networks: Sequence[network_result.NetworkResult], measure: str
) -> str:
    """The tables for the terminal: both measures, the chosen one first."""
    blocks = [
        tables.results_table(network_result.without_reduced(networks), each)
        for each in chosen_first(measure)
        if network_result.without_reduced(networks)
    ]
    if reduced := network_result.of_kind(networks, network_result.REDUCED):
        blocks.append(f"first N images of each class\n{reduced_data.table(reduced)}")
    return "\n\n".join(blocks) or "no finished network yet"
