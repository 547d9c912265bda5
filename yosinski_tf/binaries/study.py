"""Runs a whole plan in dependency order, only what is missing, and reports."""

import multiprocessing
import os
import sys

from absl import flags

from yosinski_tf import report, study
from yosinski_tf.binaries import execution, job_flags, jobs
from yosinski_tf.binaries.report import show_paths
from yosinski_tf.errors import UserError
from yosinski_tf.progress import duration
from yosinski_tf.records import Record
from yosinski_tf.treatments import Treatment, all_treatments, parse_treatments

FLAGS = flags.FLAGS
_BEST = "best"
_SUMMARY = """yosinski-study: train everything that a study lacks, then report.

Example: yosinski-study --flagfile=flags/quickstart.flags --runs=runs/quickstart"""


def _treatments() -> tuple[Treatment, ...]:
    if FLAGS.treatments == ["all"]:
        return all_treatments()
    return parse_treatments(FLAGS.treatments)


def _main() -> int:
    treatments = _treatments()
    plan = execution.make_plan(treatments, with_bases=True)
    if FLAGS.dry_run:
        _print_plan(plan)
        return 0
    code = execution.execute(plan)
    if code == execution.STOPPED:
        return code
    records = study.finished(plan.runs)
    if not records:
        return code
    paths = report.write_report(plan.runs, FLAGS.measure)
    _, selection = report.read_study(plan.runs)
    print(f"\n{report.results_table(selection.points, FLAGS.measure)}")
    show_paths(paths)
    print(f"TensorBoard  tensorboard --logdir {plan.runs / 'tensorboard'}")
    if FLAGS.export:
        print(f"SavedModel   {_export(plan, records)}")
    return code


def _print_plan(plan: execution.Plan) -> None:
    print(f"{len(plan.wanted)} networks, {len(plan.wanted) - _left(plan)} done.")
    for cohort in plan.cohorts:
        needs = ", ".join(base.run_id for base in cohort.bases) or "nothing"
        print(
            f"\ncohort {cohort.cohort_id}: {len(cohort.runs)} networks, needs {needs}"
        )
        print("  " + " ".join(run.run_id for run in cohort.runs))
    seconds = _estimate(plan, study.finished(plan.runs))
    if seconds is None:
        print("\nTime: unknown until a cohort of this study has been trained.")
    else:
        print(f"\nTime: about {duration(seconds)} at the rate measured so far.")


def _left(plan: execution.Plan) -> int:
    return sum(len(cohort.runs) for cohort in plan.cohorts)


def _estimate(plan: execution.Plan, records: dict[str, Record]) -> float | None:
    """Seconds for what is left, at the rate of the cohorts that are done."""
    runs = {run.run_id: run for run in plan.wanted}
    cost = seconds = 0.0
    for cohort in {r.cohort["id"]: r.cohort for r in records.values()}.values():
        if set(cohort["runs"]) <= runs.keys():
            cost += plan.cost([runs[run_id] for run_id in cohort["runs"]])
            seconds += cohort["total_seconds"]
    if not cost:
        return None
    left = sum(plan.cost(cohort.runs) for cohort in plan.cohorts) * seconds / cost
    return left / plan.processes


def _export(plan: execution.Plan, records: dict[str, Record]):
    wanted = FLAGS.export
    if wanted == _BEST:
        found = [r for r in records.values() if r.kind == "transfer"] or list(
            records.values()
        )
        wanted = max(found, key=lambda r: (r.status == "finished", r.top1)).run_id
    if wanted not in records:
        raise UserError(
            f"--export wants best or the id of a finished run, got {wanted!r}: see"
            f" the folders in {plan.runs}"
        )
    folder = plan.runs / "export" / wanted
    if not (folder / "saved_model.pb").exists():
        # TensorFlow in a process of its own: this one stays small.
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=_export_one, args=(plan.runs, wanted, folder))
        process.start()
        process.join()
        if process.exitcode:
            raise UserError(
                f"the export of {wanted} failed with code {process.exitcode}: try"
                f" yosinski-export --runs={plan.runs} --run={wanted}"
            )
    return folder


def _export_one(runs, run_id, folder) -> None:
    # Whatever trained the networks, a SavedModel is TensorFlow's.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from yosinski_tf import export

    try:
        export.export(runs, run_id, folder)
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def run() -> None:
    """Entry point."""
    jobs.define(["all"])
    flags.DEFINE_bool("dry_run", False, "Print the plan and train nothing.")
    flags.DEFINE_string(
        "export", "", "Run to export as a SavedModel at the end: best, or its id."
    )
    job_flags.define_measure()
    job_flags.run(_main, _SUMMARY, jobs.groups("dry_run", "export", "measure"))


if __name__ == "__main__":
    run()
