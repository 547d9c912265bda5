"""What the binaries that train have in common: from flags to finished runs."""

import contextlib
import dataclasses
import pathlib
import shlex
import sys
from collections.abc import Sequence
from typing import Any

from absl import flags

from yosinski_tf import (
    checkpoints,
    failures,
    files,
    locks,
    rendezvous,
    scheduler,
    study,
    team,
)
from yosinski_tf.binaries import closing, command_line, deciding, job_flags
from yosinski_tf.clusters import Distribution
from yosinski_tf.data.memory import check_halves
from yosinski_tf.data.sources import Description
from yosinski_tf.designs import Part
from yosinski_tf.errors import UserError
from yosinski_tf.failures import Failure
from yosinski_tf.finished_run import read_run_weights
from yosinski_tf.jobs import Job
from yosinski_tf.networks import Network
from yosinski_tf.plan import (
    Cohort,
    Run,
    apart,
    make_cohorts,
    make_runs,
    multiply_accumulates,
    without,
)
from yosinski_tf.progress import Display, duration, say
from yosinski_tf.recipes import Recipe
from yosinski_tf.records import RECORD_NAME, find_record
from yosinski_tf.splits import make_split

FLAGS = flags.FLAGS


@dataclasses.dataclass(frozen=True)
class Plan:
    """Everything that a command asks for, checked before anything is trained.

    Attributes:
      runs: The study folder.
      network: The network.
      recipe: The recipe.
      settings: What the folder is for, see `study.settings`.
      data: Classes and size of the data set.
      note: A sentence if the data set was not found and is known all the same.
      wanted: All runs, bases included where they are asked for.
      done: Ids of the runs that have a record, and are not tried again.
      failed: Failures of earlier starts that are not tried again, by run id.
      diverged: Ids of the runs among those done that diverged.
      cohorts: What is left to train.
      distribution: How a batch is shared out.
      decisions: What was decided here and not by a flag, in sentences.
    """

    runs: pathlib.Path
    network: Network
    recipe: Recipe
    settings: dict[str, Any]
    data: Description
    note: str
    wanted: tuple[Run, ...]
    done: frozenset[str]
    failed: dict[str, Failure]
    diverged: frozenset[str]
    cohorts: tuple[Cohort, ...]
    distribution: Distribution
    decisions: tuple[str, ...]

    @property
    def processes(self) -> int:
        """How many cohorts are trained at a time."""
        if self.distribution.kind != "none":
            return 1
        return FLAGS.processes or max(
            1, min(scheduler.default_processes(), len(self.cohorts))
        )

    def cost(self, runs: Sequence[Run]) -> int:
        """Multiply-accumulates of training some runs of one cohort together."""
        classes = len(runs[0].split.classes(runs[0].treatment.target))
        size, recipe = self.recipe.crop_size, self.recipe
        one = multiply_accumulates(runs, self.network, size, classes)
        return one * recipe.batch_size * recipe.steps


def make_plan(parts: Sequence[Part], with_bases: bool) -> Plan:
    """Reads flags and folder and looks at the data set; trains nothing.

    Args:
      parts: Splits and what to train on each.
      with_bases: Whether to add the base networks that treatments copy from.

    Raises:
      UserError: If anything is out of order.
    """
    if not any(part.treatments for part in parts):
        flag = "--treatments" if parts else "--split"
        example = "A3B,A3B+" if parts else "random:0"
        raise UserError(
            f"{flag} wants at least one, got none: give some, such as {example}"
        )
    runs = pathlib.Path(FLAGS.runs)
    precision = deciding.number_format(runs)
    recipe, network = job_flags.recipe(precision.precision), job_flags.network()
    distribution = job_flags.distribution()
    network.kernel_shapes(recipe.crop_size, num_classes=2)
    seeds = job_flags.whole_numbers("seeds", FLAGS.seeds)
    settings = study.settings(job_flags.dataset(), network, recipe, FLAGS.threads)
    made_with = study.check_folder(runs, settings)
    found = study.finished(runs)
    data, note = study.describe_images(runs, settings)
    splits = [
        (make_split(part.split, data.class_names, data.families), part.treatments)
        for part in parts
    ]
    splits = [(study.as_recorded(s, found.values()), ts) for s, ts in splits]
    whole = make_split("whole", data.class_names)
    wanted = make_runs(splits, whole, seeds, with_bases=with_bases)
    if made_with is not None:
        study.check_records(found.values(), made_with, [whole, *dict(splits)])
    diverged = {i for i, record in found.items() if record.status != "finished"}
    failed = {i: f for i, f in failures.read(runs).items() if i not in found}
    if FLAGS.retry_failed:
        again = {run.run_id for run in wanted}
        diverged -= again
        failed = {i: failure for i, failure in failed.items() if i not in again}
        found = {
            i: r for i, r in found.items() if r.status == "finished" or i in diverged
        }
    done = frozenset(found)
    size, limited = deciding.cohort_size(wanted, network, recipe, data)
    cohorts = without(make_cohorts(wanted, size), done | failed.keys())
    cohorts = apart(cohorts, checkpoints.held(runs))
    return Plan(
        runs,
        network,
        recipe,
        settings,
        data,
        note,
        wanted,
        done,
        failed,
        frozenset(diverged),
        cohorts,
        distribution,
        tuple(filter(None, (str(precision), limited))),
    )


def _reading(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\rreading images {done}/{total}", end=end, file=sys.stderr)


def missing_bases(plan: Plan) -> list[Run]:
    """Base runs that must be there and neither are nor will be trained."""
    known = (
        plan.done
        | plan.failed.keys()
        | {run.run_id for c in plan.cohorts for run in c.runs}
    )
    needed = {base for cohort in plan.cohorts for base in cohort.bases}
    return sorted(
        (base for base in needed if base.run_id not in known),
        key=lambda run: run.run_id,
    )


def _check_bases(plan: Plan) -> None:
    """Refuses weights of bases that are not what their records say."""
    records = study.finished(plan.runs)
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
    closing.tell_not_tried(wanted, plan.diverged, plan.failed)
    if not left:
        if plan.failed.keys().isdisjoint(wanted):
            print(f"All {total} networks are trained already in {plan.runs}.")
            return 0
        print(f"Nothing is left to try in {plan.runs}.")
        return 1
    try:
        if plan.distribution.follows:
            with closing.writing_to(plan.runs):
                return _follow(plan)
        _check_bases(plan)
        with closing.writing_to(plan.runs), _leading(plan):
            settings = _prepare(plan)
            _forget_failures(plan)
            return _train(plan, settings)
    except KeyboardInterrupt as stop:
        say("Stopped; the same command goes on from here.\n")
        return command_line.stop_code(stop)


def _prepare(plan: Plan) -> dict[str, Any]:
    """Reads the images, only now that nothing else can be wrong; the settings."""
    signed = study.sign(plan.settings)
    images = study.load_images(plan.runs, plan.settings, signed, _reading)
    study.check_images(images, study.finished(plan.runs).values())
    halves = [cohort.split.classes(cohort.target) for cohort in plan.cohorts]
    check_halves(images, halves, plan.processes)
    threads = scheduler.default_threads(plan.processes)
    settings = study.prepare_folder(
        plan.runs, plan.settings, images, signed, threads, closing.tell_waiting
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
        f"{closing.summary(len(wanted), left, failed)}, {processes} at a time.",
        flush=True,
    )

    display = _display(plan)
    lost = scheduler.train_all(
        plan.cohorts,
        lambda cohort: _job(plan, cohort, settings["threads"]),
        runs=plan.runs,
        processes=processes,
        report=display.show,
    )
    now = study.finished(plan.runs)
    new = [i for i in wanted if i in now and i not in plan.diverged]
    closing.tell_lost(lost, [now[i] for i in new])
    print(f"Trained {display.finished} networks in {duration(display.seconds)}.")
    return 1 if lost or failed else 0


def _job(plan: Plan, cohort: Cohort, threads: int | None) -> Job:
    return Job(
        cohort,
        plan.network,
        plan.recipe,
        plan.runs,
        plan.runs / study.IMAGES_FOLDER,
        command_line.command(),
        threads,
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
        return rendezvous.leading(plan.runs)
    return contextlib.nullcontext()


def _follow(plan: Plan) -> int:
    """What a worker does that is not the chief; it writes no result."""
    rank = plan.distribution.rank
    known = {run.run_id: run for run in plan.wanted}
    print(f"Worker {rank}: takes part in what worker 0, the chief, trains.", flush=True)

    def make_job(call: rendezvous.Call) -> Job:
        unknown = [name for name in call.runs if name not in known]
        made_with = study.check_folder(plan.runs, plan.settings)
        if unknown or made_with is None:
            raise UserError(
                "multi_worker wants the same command, with the same --runs, on every"
                f" worker, got {', '.join(unknown[:1]) or 'a folder without settings'}"
                " from the chief: start the same command"
            )
        cohort = Cohort(call.cohort, tuple(known[name] for name in call.runs))
        return _job(plan, cohort, made_with["threads"])

    display = _display(plan)
    end = team.follow(
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
