"""Trains what a study lacks, bases first, then writes the report and an export."""

import multiprocessing
import os
import pathlib
from collections.abc import Mapping

from absl import flags

from yosinski_tf.binaries.job import (
    best_run,
    command_line,
    execution,
    explaining,
    live_report,
    messages,
    options,
    plan_text,
    planning,
    treatments_job,
)
from yosinski_tf.binaries.job.shared_flags import STUDY, define_all
from yosinski_tf.experiment import paper_plans
from yosinski_tf.explain.units import units_of
from yosinski_tf.export.description import is_export_of
from yosinski_tf.scheduling import cohort_process
from yosinski_tf.study import commands
from yosinski_tf.study.records import Record, records_by_id
from yosinski_tf.study.settings import StudySettings
from yosinski_tf.system import errors

FLAGS = flags.FLAGS
_SUMMARY = """yosinski-study: train everything that a study lacks, then report.

Example: yosinski-study --flagfile=flags/quickstart.flags --runs=runs/quickstart"""


def _parts(study: StudySettings) -> list[paper_plans.PlanPart]:
    if not FLAGS.plan:
        return treatments_job.parts(study)
    for flag in ("split", "treatments"):
        if FLAGS[flag].present:
            raise errors.UserError(
                f"--plan={FLAGS.plan} names all splits and treatments: leave out"
                f" --{flag}, or --plan"
            )
    return paper_plans.named_plan(FLAGS.plan)


def _main() -> int:
    wanted = options.from_flags()
    plan = planning.make_plan(_parts(wanted.settings), wanted, with_bases=True)
    known = plan.done | {run.run_id for run in plan.wanted}
    # Checked now, not after days of training.
    halves = {run.treatment.target for run in plan.wanted}
    best = [each for each in best_run.NAMES if each == "best" or each[-1] in halves]
    if FLAGS.export not in ("", *best, *known):
        raise errors.UserError(
            f"--export needs {', '.join(best)} or the id of a run of the"
            f" study, found {FLAGS.export!r}: give one such as {min(known)}"
        )
    if FLAGS.explain and not _has_base(plan):
        raise errors.UserError(
            "--explain needs a base network in the study, found none: add one to"
            " --treatments, such as baseB"
        )
    if FLAGS.dry_run:
        print(plan_text.describe(plan, FLAGS.rate))
        return 0
    wanted = [run.run_id for run in plan.wanted]
    with live_report.LiveReport(plan.runs, FLAGS.measure, wanted) as live:
        code = execution.execute(plan, live.show)
        stopped = code in command_line.STOPPED
        live.complete = not stopped
    if stopped or not records_by_id(plan.runs):
        return code
    _report(plan)
    if FLAGS.explain:
        print(flush=True)
        try:
            # What is finished is explained also if something failed, as it is reported.
            explained = explaining.explain(plan.runs, FLAGS.measure)
        except KeyboardInterrupt as stop:
            return command_line.stop_code(stop)
        code = code or explained
    return code


def _has_base(plan: planning.Plan) -> bool:
    """Whether a base network of a split is trained or will be; see `explain.units`."""
    wanted = any(
        run.treatment.kind == "base" and not run.split.name.startswith("first:")
        for run in plan.wanted
    )
    return wanted or bool(units_of(records_by_id(plan.runs).values()))


def _report(plan: planning.Plan) -> None:
    """Writes and prints the report, and exports what `--export` names."""
    # Imported late: to draw takes a second to load, which a plan need not wait for.
    from yosinski_tf.binaries.report import show_paths
    from yosinski_tf.report import write_report

    with messages.reporting(plan.runs):
        paths = write_report.write_report(plan.runs, FLAGS.measure)
        records, selection = write_report.read_study(plan.runs)
    networks = selection.networks
    print(f"\n{write_report.results_table(networks, FLAGS.measure)}")
    show_paths(paths)
    print(f"TensorBoard  {commands.tensorboard(plan.runs)}")
    if FLAGS.export:
        by_id = {record.run_id: record for record in records}
        wanted = FLAGS.export
        if wanted in best_run.NAMES:
            wanted = best_run.find("export", wanted, networks, FLAGS.measure)
        print(f"SavedModel   {_export(plan.runs, by_id, wanted)}")
        with messages.reporting(plan.runs):
            # Again, since the page links to the exports.
            write_report.write_report(plan.runs, FLAGS.measure)


def _export(
    runs: pathlib.Path, records: Mapping[str, Record], wanted: str
) -> pathlib.Path:
    if wanted not in records:
        raise errors.UserError(
            f"--export needs best or the id of a finished run, found {wanted!r}: see"
            f" the folders in {runs}"
        )
    folder = runs / "export" / wanted
    if not is_export_of(folder, records[wanted]):
        # In a process of its own, so that this one need not load TensorFlow.
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=_export_one, args=(runs, wanted, folder))
        process.start()
        try:
            process.join()
        except KeyboardInterrupt:
            process.kill()
            raise
        if process.exitcode:
            raise errors.UserError(
                f"the export of {wanted} failed with code {process.exitcode}: try"
                f" {commands.export(runs, wanted)}"
            )
    return folder


def _export_one(runs: pathlib.Path, run_id: str, folder: pathlib.Path) -> None:
    """Body of the exporting process; what TensorFlow prints goes to a log."""
    # Only TensorFlow can write a SavedModel, whichever backend trained the network.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    terminal = os.fdopen(os.dup(2), "w")
    cohort_process.print_to(runs / "logs" / "export.log")
    from yosinski_tf.export import saved_model

    try:
        saved_model.export(runs, run_id, folder)
    except errors.UserError as error:
        print(error, file=terminal)
        terminal.flush()
        os._exit(2)


def run() -> None:
    """Entry point."""
    define_all(treatments=["all"])
    groups = treatments_job.groups(*STUDY)
    # It trains missing bases anyway.
    command_line.run(_main, _SUMMARY, groups, unlisted=("with_bases",))


if __name__ == "__main__":
    run()
