"""What the binaries that train have in common: from flags to finished runs."""

import dataclasses
import pathlib
import shlex
import sys
from collections.abc import Sequence
from typing import Any

from absl import flags

from yosinski_tf import checkpoints, scheduler, study
from yosinski_tf.binaries import job_flags
from yosinski_tf.data.sources import Description
from yosinski_tf.designs import Part
from yosinski_tf.errors import UserError
from yosinski_tf.jobs import Job
from yosinski_tf.networks import Network
from yosinski_tf.plan import (
    Cohort,
    Run,
    make_cohorts,
    make_runs,
    multiply_accumulates,
    without,
)
from yosinski_tf.progress import Display, duration
from yosinski_tf.recipes import Recipe
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
      done: Ids of the runs that have a record.
      cohorts: What is left to train.
    """

    runs: pathlib.Path
    network: Network
    recipe: Recipe
    settings: dict[str, Any]
    data: Description
    note: str
    wanted: tuple[Run, ...]
    done: frozenset[str]
    cohorts: tuple[Cohort, ...]

    @property
    def processes(self) -> int:
        """How many cohorts are trained at a time."""
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
    recipe, network = job_flags.recipe(), job_flags.network()
    network.kernel_shapes(recipe.crop_size, num_classes=2)
    seeds = job_flags.whole_numbers("seeds", FLAGS.seeds)
    runs = pathlib.Path(FLAGS.runs)
    settings = study.settings(job_flags.dataset(), network, recipe)
    study.check_folder(runs, settings)
    done = frozenset(study.finished(runs))
    data, note = study.describe_images(runs, settings)
    splits = [
        (make_split(part.split, data.class_names, data.families), part.treatments)
        for part in parts
    ]
    whole = make_split("whole", data.class_names)
    wanted = make_runs(splits, whole, seeds, with_bases=with_bases)
    cohorts = without(make_cohorts(wanted, FLAGS.cohort_size), done)
    return Plan(runs, network, recipe, settings, data, note, wanted, done, cohorts)


def _reading(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\rreading images {done}/{total}", end=end, file=sys.stderr)


def missing_bases(plan: Plan) -> list[Run]:
    """Base runs that must be there and neither are nor will be trained."""
    known = plan.done | {run.run_id for c in plan.cohorts for run in c.runs}
    needed = {base for cohort in plan.cohorts for base in cohort.bases}
    return sorted(
        (base for base in needed if base.run_id not in known),
        key=lambda run: run.run_id,
    )


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
      0 if all is done, 1 if a cohort failed, 130 if stopped by Ctrl-C, 143 if by
      SIGTERM.
    """
    # One that a kill left behind just when its last record was written.
    checkpoints.discard(plan.runs)
    total = len(plan.wanted)
    left = sum(len(cohort.runs) for cohort in plan.cohorts)
    if not left:
        print(f"All {total} networks are trained already in {plan.runs}.")
        return 0
    # Only now is every image read, once nothing else can be wrong.
    images = study.load_images(plan.runs, plan.settings, _reading)
    study.check_images(images, study.finished(plan.runs).values())
    study.prepare_folder(plan.runs, plan.settings, images)
    del images
    processes = plan.processes
    print(
        f"{total} networks, {total - left} done, {left} to train in"
        f" {len(plan.cohorts)} cohorts, {processes} at a time."
    )

    def make_job(cohort: Cohort) -> Job:
        return Job(
            cohort,
            plan.network,
            plan.recipe,
            plan.runs,
            plan.runs / study.IMAGES_FOLDER,
            job_flags.command(),
            scheduler.default_threads(processes),
            FLAGS.checkpoint_every,
            FLAGS.deterministic,
        )

    display = Display(
        {cohort.cohort_id: plan.cost(cohort.runs) for cohort in plan.cohorts},
        plan.recipe.steps,
    )
    try:
        failures = scheduler.train_all(
            plan.cohorts, make_job, processes=processes, report=display.show
        )
    except KeyboardInterrupt as stop:
        print("Stopped; the same command goes on from here.")
        return job_flags.stop_code(stop)
    except OSError as error:
        raise UserError(
            f"cannot write to {plan.runs} ({error.strerror}): make room, then start"
            " the same command again"
        ) from None
    for failure in failures:
        names = ", ".join(run.run_id for run in failure.cohort.runs)
        print(f"Failed: {failure.message} (not trained: {names})", file=sys.stderr)
    print(f"Trained {display.finished} networks in {duration(display.seconds)}.")
    return 1 if failures else 0
