"""Writes tables and figures from records alone, without TensorFlow."""

import pathlib

from absl import flags

from yosinski_tf.binaries.job import command_line, messages, shared_flags
from yosinski_tf.report import published_report, write_report
from yosinski_tf.results.network_result import MEASURES
from yosinski_tf.system.files import make_folder

FLAGS = flags.FLAGS
_SUMMARY = """yosinski-report: tables and figures from the records of a study.

Example: yosinski-report --runs=runs/quickstart
         yosinski-report --published --out=published
         yosinski-report --runs=runs/quickstart --published"""


def _main() -> int:
    if FLAGS.published and not FLAGS["runs"].present:
        # Without a study, the paper's networks are shown by the paper's own number.
        measure = FLAGS.measure if FLAGS["measure"].present else MEASURES[0]
        out = pathlib.Path(FLAGS.out)
        paths = published_report.write_published_report(out, measure)
        print(paths.summary.read_text())
        show_paths(paths)
        return 0
    runs = pathlib.Path(FLAGS.runs)
    # Refuses a folder without records, or with a file in the report's place.
    write_report.read_study(runs)
    make_folder(runs / write_report.REPORT_FOLDER)
    with messages.reporting(runs):
        paths = write_report.write_report(runs, FLAGS.measure)
        _, selection = write_report.read_study(runs)
        comparison = None
        if FLAGS.published:
            comparison = published_report.write_comparison(runs, FLAGS.measure)
    print(write_report.results_table(selection.networks, FLAGS.measure))
    show_paths(paths)
    if comparison:
        print(f"\n{comparison.summary.read_text()}")
        show_paths(comparison, "table")
    return 0


def show_paths(paths: write_report.ReportPaths, table: str = "results") -> None:
    """Prints where the files of a report are; `table` says what the CSV file is."""
    if paths.answer:
        print(f"\n{paths.answer.text}")
        for limit in paths.answer.limits:
            print(f"- {limit}")
        for use in paths.answer.uses:
            print(f"\nTo use {use.run_id} for {use.classes}:\n{use.command}")
    print(f"\nsummary  {paths.summary}")
    if paths.page:
        print(f"page     {paths.page}")
    print(f"figures  {paths.figure2}")
    for figure in filter(None, (paths.figure3, paths.reduced_data)):
        print(f"         {figure}")
    if paths.table:
        print(f"{table:7}  {paths.table}")


def run() -> None:
    """Entry point."""
    shared_flags.define_all()
    own = {
        "published": (False, "The paper's networks, alone or beside a study."),
        "out": ("published", "Folder for --published without --runs."),
    }
    command_line.define(own)
    groups = [("What to report", ("runs", "measure", *own))]
    command_line.run(_main, _SUMMARY, groups)


if __name__ == "__main__":
    run()
