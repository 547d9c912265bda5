"""What the binaries that train have in common: from flags to finished runs."""

import contextlib
import shlex
import sys
from typing import Any

from absl import flags

from yosinski_tf.binaries.job import command_line, messages
from yosinski_tf.binaries.job.planning import Plan
from yosinski_tf.data.sources.memory_check import check_halves
from yosinski_tf.experiment.cohorts import Cohort
from yosinski_tf.machine.threads import Threads, choose_threads
from yosinski_tf.scheduling import multi_worker, scheduler, worker_files
from yosinski_tf.scheduling.progress import Display, duration, say
from yosinski_tf.study import failures, folder
from yosinski_tf.study.finished_run import read_run_weights
from yosinski_tf.study.records import RECORD_NAME, find_record
from yosinski_tf.system import files, locks
from yosinski_tf.system.errors import UserError
from yosinski_tf.training import checkpoints
from yosinski_tf.training.job import Job

FLAGS = flags.FLAGS


def _reading(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\rreading images {done}/{total}", end=end, file=sys.stderr)


def _check_bases(plan: Plan) -> None:
    """Refuses weights of bases that are not what their records say."""
    records = folder.finished(plan.runs)
    needed = dict.fromkeys(base for cohort in plan.cohorts for base in cohort.bases)
    for base in needed:
        record = records.get(base.run_id)
        # A base that diverged costs its copies only.
        if record and record.status == "finished":
            read_run_weights(plan.runs, record, plan.network, plan.recipe.crop_size)


def command_for(binary: str, treatments: str) -> str:
    """This command line, for another binary and other treatments."""
    kept: list[str] = []
    given = iter(sys.argv[1:])
    for argument in given:
        name = argument.lstrip("-")
        if name == "treatments":
            next(given, None)
        elif not name.startswith(("treatments=", "with_bases", "nowith_bases")):
            kept.append(argument)
    return shlex.join([binary, *kept, f"--treatments={treatments}"])


def execute(plan: Plan) -> int:
    """Trains what is missing; the exit code says how it ended.

    Returns:
      0 if all is done, 1 if something failed or could not be trained for want
      of its base, 130 if stopped by Ctrl-C, 143 if by SIGTERM.

    Raises:
      UserError: If the data set cannot be used, the folder cannot be written to,
        or the disk is full.
    """
    if not plan.distribution.follows:
        # One that a kill left behind just when its last record was written.
        checkpoints.discard(plan.runs)
    total = len(plan.wanted)
    left = sum(len(cohort.runs) for cohort in plan.cohorts)
    wanted = [run.run_id for run in plan.wanted]
    messages.tell_not_tried(wanted, plan.diverged, plan.failed)
    if not left:
        if plan.failed.keys().isdisjoint(wanted):
            print(f"All {total} networks are trained already in {plan.runs}.")
            return 0
        print(f"Nothing is left to try in {plan.runs}.")
        return 1
    try:
        if plan.distribution.follows:
            with messages.writing_to(plan.runs):
                return _follow(plan)
        _check_bases(plan)
        with messages.writing_to(plan.runs), _leading(plan):
            settings = _prepare(plan)
            _forget_failures(plan)
            return _train(plan, settings)
    except KeyboardInterrupt as stop:
        say("Stopped; the same command goes on from here.\n")
        return command_line.stop_code(stop)


def _prepare(plan: Plan) -> dict[str, Any]:
    """Reads the images, only now that nothing else can be wrong; the settings."""
    signed = folder.sign(plan.settings)
    images = folder.load_images(plan.runs, plan.settings, signed, _reading)
    folder.check_images(images, folder.finished(plan.runs).values())
    halves = [cohort.split.classes(cohort.target) for cohort in plan.cohorts]
    check_halves(images, halves, plan.processes)
    threads = choose_threads(
        plan.network,
        plan.recipe,
        max(map(len, halves)),
        plan.processes,
        FLAGS.threads,
    )
    settings = folder.make_study_folder(
        plan.runs, plan.settings, images, signed, threads, messages.tell_waiting
    )
    files.remove_leftovers(plan.runs)
    return settings


def _forget_failures(plan: Plan) -> None:
    """Clears the way for `--retry_failed`, unless another process is at it."""
    if not FLAGS.retry_failed:
        return
    for run in (run for cohort in plan.cohorts for run in cohort.runs):
        with contextlib.suppress(locks.Busy), locks.take(plan.runs, [run.run_id]):
            failures.forget(plan.runs, [run.run_id])
            record = find_record(plan.runs, run.run_id)
            if record is not None and record.status != "finished":
                (plan.runs / run.run_id / RECORD_NAME).unlink()


def _train(plan: Plan, settings: dict[str, Any]) -> int:
    processes = plan.processes
    wanted = [run.run_id for run in plan.wanted]
    left = [len(cohort.runs) for cohort in plan.cohorts]
    failed = sum(run_id in plan.failed for run_id in wanted)
    for sentence in plan.decisions:
        print(sentence)
    print(
        f"{messages.summary(len(wanted), left, failed)}, {processes} at a time.",
        flush=True,
    )

    display = _display(plan)
    lost = scheduler.train_all(
        plan.cohorts,
        lambda cohort: _job(plan, cohort, settings),
        runs=plan.runs,
        processes=processes,
        report=display.show,
    )
    now = folder.finished(plan.runs)
    new = [i for i in wanted if i in now and i not in plan.diverged]
    messages.tell_lost(lost, [now[i] for i in new])
    print(f"Trained {display.finished} networks in {duration(display.seconds)}.")
    return 1 if lost or failed else 0


def _job(plan: Plan, cohort: Cohort, settings: dict[str, Any]) -> Job:
    return Job(
        cohort,
        plan.network,
        plan.recipe,
        plan.runs,
        plan.runs / folder.IMAGES_FOLDER,
        command_line.command(),
        Threads(settings["threads"], settings["threads_per_operation"]),
        FLAGS.checkpoint_every,
        FLAGS.deterministic,
        plan.distribution,
        FLAGS.feature_cache,
    )


def _display(plan: Plan) -> Display:
    return Display(
        {cohort.cohort_id: plan.cost(cohort.runs) for cohort in plan.cohorts},
        plan.recipe.steps,
    )


def _leading(plan: Plan) -> contextlib.AbstractContextManager:
    if plan.distribution.workers:
        return worker_files.leading(plan.runs)
    return contextlib.nullcontext()


def _follow(plan: Plan) -> int:
    """What a worker does that is not the chief; it writes no result."""
    rank = plan.distribution.rank
    known = {run.run_id: run for run in plan.wanted}
    print(f"Worker {rank}: takes part in what worker 0, the chief, trains.", flush=True)

    def make_job(call: worker_files.Call) -> Job:
        unknown = [name for name in call.runs if name not in known]
        made_with = folder.check_folder(plan.runs, plan.settings)
        if unknown or made_with is None:
            raise UserError(
                "multi_worker wants the same command, with the same --runs, on every"
                f" worker, got {', '.join(unknown[:1]) or 'a folder without settings'}"
                " from the chief: start the same command"
            )
        cohort = Cohort(call.cohort, tuple(known[name] for name in call.runs))
        return _job(plan, cohort, made_with)

    display = _display(plan)
    end = multi_worker.follow(
        make_job,
        runs=plan.runs,
        rank=rank,
        report=display.show,
        waiting=lambda note: print(
            f"Worker {rank}: {note}", file=sys.stderr, flush=True
        ),
    )
    took = f"took part in training {display.finished} networks"
    print(f"Worker {rank}: {took}; the chief has {end}.")
    return 0 if end == "finished" else 1
