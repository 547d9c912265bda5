"""The report of the paper's released networks, and a study compared with them."""

import pathlib

from yosinski_tf.experiment.treatments import PAPER_STAGES
from yosinski_tf.figures import drawing, reduced_data
from yosinski_tf.report import markdown, write_report
from yosinski_tf.results import analysis, comparison, network_result, published, tables
from yosinski_tf.system.errors import UserError
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
    out: pathlib.Path, measure: str = network_result.MEASURES[0]
) -> write_report.ReportPaths:
    """Writes figures and tables of the paper's released networks to a folder.

    `measure` is as for `write_report.write_report`.

    Raises:
      UserError: If the measure is unknown.
    """
    ordered = markdown.chosen_first(measure)
    networks, reduced = published.networks(), published.reduced_networks()
    boosts = analysis.boost_table(networks, network_result.MEASURES[0])
    own_base = {
        comparison: boosts[(1, 7), comparison, "own base"].mean
        for comparison in analysis.COMPARISONS
    }
    make_folder(out)
    write_report.write_tables(out, networks, reduced, with_seed=False)
    data = (drawing.FigureData(side, measure) for side in (networks, reduced))
    figures = write_report.write_figures(out, *data, titles=_TITLES)
    summary = markdown.write_markdown(
        out / "summary.md",
        "published.md.j2",
        measure=measure,
        networks=len(networks),
        reduced=len(reduced),
        sections=[markdown.section(networks, each) for each in ordered],
        explained=network_result.MEASURES[0],
        own_base=own_base,
        reduced_table=reduced_data.table(reduced, with_seed=False),
    )
    return write_report.ReportPaths(summary=summary, table=None, **figures)


def write_comparison(
    runs: pathlib.Path, measure: str = network_result.MEASURES[0]
) -> write_report.ReportPaths:
    """Compares a study with the paper's networks, in its folder `report`.

    The arguments are those of `write_report.write_report`.

    Raises:
      UserError: If there is no record, the measure is unknown, or the networks have
        other stages than the paper's.
    """
    ordered = markdown.chosen_first(measure)
    records, selection = write_report.read_study(runs)
    stages = network_result.stages_of(selection.networks)
    if stages != PAPER_STAGES:
        raise UserError(
            "a comparison with the paper needs networks of its eight layers, conv1 to"
            f" fc8, found {len(stages)} stages, {stages[0]} to {stages[-1]}: leave out"
            " --published"
        )
    ours = network_result.without_reduced(selection.networks)
    theirs = published.networks()
    reduced = network_result.of_kind(selection.networks, network_result.REDUCED)
    their_reduced = published.reduced_networks()
    folder = runs / write_report.REPORT_FOLDER
    make_folder(folder)
    rows = {each: comparison.compare(ours, theirs, each) for each in ordered}
    table = tables.write_csv(folder / "comparison.csv", sum(rows.values(), []))
    figures = write_report.write_figures(
        folder,
        drawing.FigureData(ours, measure, theirs),
        drawing.FigureData(reduced, measure, their_reduced),
        _COMPARISON_TITLES,
        prefix="comparison_",
    )
    summary = markdown.write_markdown(
        folder / "comparison.md",
        "comparison.md.j2",
        measure=measure,
        data_sets=sorted({record.dataset for record in records}),
        theirs=len(theirs) + len(their_reduced),
        sections=[
            {
                "measure": each,
                "table": comparison.comparison_markdown(rows[each]),
                "reduced": reduced_data.comparison_table(reduced, their_reduced, each)
                if reduced
                else "",
            }
            for each in ordered
        ],
    )
    return write_report.ReportPaths(summary=summary, table=table, **figures)
