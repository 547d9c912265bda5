"""Runs a whole plan in dependency order, only what is missing, and reports."""

import multiprocessing
import os
import pathlib

from absl import flags

from yosinski_tf.binaries.job import (
    command_line,
    execution,
    messages,
    plan_text,
    planning,
    treatments_job,
)
from yosinski_tf.binaries.job.shared_flags import STUDY, define_all
from yosinski_tf.binaries.report import show_paths
from yosinski_tf.experiment import paper_plans
from yosinski_tf.experiment.treatments import all_treatments, parse_treatments
from yosinski_tf.export.description import is_export_of
from yosinski_tf.report import write_report
from yosinski_tf.study.folder import finished
from yosinski_tf.study.records import Record
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import make_folder

FLAGS = flags.FLAGS
_BEST = "best"
_SUMMARY = """yosinski-study: train everything that a study lacks, then report.

Example: yosinski-study --flagfile=flags/quickstart.flags --runs=runs/quickstart"""


def _parts() -> list[paper_plans.PlanPart]:
    if not FLAGS.plan:
        if FLAGS.treatments == ["all"]:
            return paper_plans.parts_of(FLAGS.split, all_treatments())
        return paper_plans.parts_of(FLAGS.split, parse_treatments(FLAGS.treatments))
    for flag in ("split", "treatments"):
        if FLAGS[flag].present:
            raise UserError(
                f"--plan={FLAGS.plan} says itself what is trained on which split:"
                f" leave out --{flag}, or --plan"
            )
    return paper_plans.named_plan(FLAGS.plan)


def _main() -> int:
    plan = planning.make_plan(_parts(), with_bases=True)
    known = plan.done | {run.run_id for run in plan.wanted}
    # Asked now and not after days of training.
    if FLAGS.export not in ("", _BEST, *known):
        raise UserError(
            f"--export wants best or the id of a run of the study, got"
            f" {FLAGS.export!r}: give one such as {min(known)}"
        )
    if FLAGS.dry_run:
        print(plan_text.describe(plan, FLAGS.rate))
        return 0
    code = execution.execute(plan)
    if code in command_line.STOPPED or plan.distribution.follows:
        return code
    if not finished(plan.runs):
        return code
    with messages.reporting(plan.runs):
        paths = write_report.write_report(plan.runs, FLAGS.measure)
        records, selection = write_report.read_study(plan.runs)
    print(f"\n{write_report.results_table(selection.networks, FLAGS.measure)}")
    show_paths(paths)
    print(f"TensorBoard  tensorboard --logdir {plan.runs / 'tensorboard'}")
    if FLAGS.export:
        print(f"SavedModel   {_export(plan, {r.run_id: r for r in records})}")
    return code


def _export(plan: planning.Plan, records: dict[str, Record]):
    wanted = FLAGS.export
    if wanted == _BEST:
        found = [r for r in records.values() if r.status == "finished"]
        found = [r for r in found if r.kind == "transfer"] or found
        if not found:
            raise UserError(
                f"--export=best wants a network that finished, got none in {plan.runs}:"
                " see its report"
            )
        wanted = max(found, key=lambda r: r.top1).run_id
    if wanted not in records:
        raise UserError(
            f"--export wants best or the id of a finished run, got {wanted!r}: see"
            f" the folders in {plan.runs}"
        )
    folder = plan.runs / "export" / wanted
    if not is_export_of(folder, records[wanted]):
        # TensorFlow in a process of its own: this one stays small.
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=_export_one, args=(plan.runs, wanted, folder))
        process.start()
        try:
            process.join()
        except KeyboardInterrupt:
            process.kill()
            raise
        if process.exitcode:
            raise UserError(
                f"the export of {wanted} failed with code {process.exitcode}: try"
                f" yosinski-export --runs={plan.runs} --run={wanted}"
            )
    return folder


def _export_one(runs: pathlib.Path, run_id: str, folder: pathlib.Path) -> None:
    """Body of the exporting process; TensorFlow's chatter goes to a log."""
    # Whatever trained the networks, a SavedModel is TensorFlow's.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    terminal = os.fdopen(os.dup(2), "w")
    make_folder(runs / "logs")
    with open(runs / "logs" / "export.log", "a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    from yosinski_tf.export import saved_model

    try:
        saved_model.export(runs, run_id, folder)
    except UserError as error:
        print(error, file=terminal)
        terminal.flush()
        os._exit(2)


def run() -> None:
    """Entry point."""
    define_all(treatments=["all"])
    command_line.run(_main, _SUMMARY, treatments_job.groups(*STUDY))


if __name__ == "__main__":
    run()
