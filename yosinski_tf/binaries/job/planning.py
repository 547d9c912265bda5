"""What a command asks for, checked as a whole before anything is trained."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

from absl import flags

from yosinski_tf.binaries.job import auto_settings, machine_flags, shared_flags
from yosinski_tf.data.sources.by_name import Description
from yosinski_tf.experiment.cohorts import (
    Cohort,
    apart,
    make_cohorts,
    multiply_accumulates,
    without,
)
from yosinski_tf.experiment.networks import Network
from yosinski_tf.experiment.paper_plans import PlanPart
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.experiment.runs import Run, make_runs
from yosinski_tf.experiment.splits import make_split
from yosinski_tf.machine.threads import default_processes
from yosinski_tf.study import failures, folder
from yosinski_tf.study.failures import Failure
from yosinski_tf.system.errors import UserError
from yosinski_tf.training import checkpoints
from yosinski_tf.training.clusters import Distribution

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
        return FLAGS.processes or max(1, min(default_processes(), len(self.cohorts)))

    def cost(self, runs: Sequence[Run]) -> int:
        """Multiply-accumulates of training some runs of one cohort together."""
        classes = len(runs[0].split.classes(runs[0].treatment.target))
        size, recipe = self.recipe.crop_size, self.recipe
        one = multiply_accumulates(runs, self.network, size, classes)
        return one * recipe.batch_size * recipe.steps


def make_plan(parts: Sequence[PlanPart], with_bases: bool) -> Plan:
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
    precision = auto_settings.number_format(runs)
    recipe, network = shared_flags.recipe(precision.precision), shared_flags.network()
    distribution = machine_flags.distribution()
    network.kernel_shapes(recipe.crop_size, num_classes=2)
    seeds = shared_flags.whole_numbers("seeds", FLAGS.seeds)
    settings = folder.settings(shared_flags.dataset(), network, recipe, FLAGS.threads)
    made_with = folder.check_folder(runs, settings)
    found = folder.finished(runs)
    data, note = folder.describe_images(runs, settings)
    splits = [
        (make_split(part.split, data.class_names, data.families), part.treatments)
        for part in parts
    ]
    splits = [(folder.as_recorded(s, found.values()), ts) for s, ts in splits]
    whole = make_split("whole", data.class_names)
    wanted = make_runs(splits, whole, seeds, with_bases=with_bases)
    if made_with is not None:
        folder.check_records(found.values(), made_with, [whole, *dict(splits)])
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
    size, limited = auto_settings.cohort_size(
        wanted,
        network,
        recipe,
        data,
        at_once=1 if distribution.kind != "none" else None,
    )
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
