"""The plan of a command: the runs it wants trained, and those that are left."""

import dataclasses
import math
import pathlib
from collections.abc import Sequence

from yosinski_tf.binaries.job import auto_settings
from yosinski_tf.binaries.job.options import JobOptions
from yosinski_tf.data.sources.by_name import Description
from yosinski_tf.experiment.cohorts import (
    Cohort,
    apart,
    make_cohorts,
    multiply_accumulates,
    without,
)
from yosinski_tf.experiment.paper_plans import PlanPart
from yosinski_tf.experiment.runs import Run, make_runs
from yosinski_tf.experiment.splits import is_undivided, make_split
from yosinski_tf.experiment.treatments import check_halves, check_stages
from yosinski_tf.study import failures, folder
from yosinski_tf.study.records import Record, records_by_id
from yosinski_tf.study.settings import StudySettings, check_folder, check_records
from yosinski_tf.system.errors import UserError
from yosinski_tf.training import checkpoints


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a command wants trained, checked before anything is trained.

    Attributes:
      options: What the flags say.
      data: Classes and size of the data set.
      wanted: All runs; where the command adds missing bases, these too.
      done: Ids of the runs that have a record and are not trained again.
      diverged: Records of the runs in `done` that diverged, by run id.
      failed: Earlier failures of runs that are not trained again, by run id.
      cohorts: What is left to train.
      notes: What the program found or decided, in sentences for the user.
    """

    options: JobOptions
    data: Description
    wanted: tuple[Run, ...]
    done: frozenset[str]
    diverged: dict[str, Record]
    failed: dict[str, failures.Failure]
    cohorts: tuple[Cohort, ...]
    notes: tuple[str, ...]

    @property
    def runs(self) -> pathlib.Path:
        """The study folder."""
        return self.options.runs

    @property
    def settings(self) -> StudySettings:
        """What all runs have in common."""
        return self.options.settings

    @property
    def processes(self) -> int:
        """How many cohorts are trained at a time on each machine."""
        share = math.ceil(len(self.cohorts) / len(self.options.nodes))
        return self.options.processes or max(1, min(self.options.most_processes, share))

    @property
    def at_a_time(self) -> int:
        """How many cohorts are trained at a time on all machines."""
        return self.processes * len(self.options.nodes)

    @property
    def left(self) -> int:
        """How many networks are left to train."""
        return sum(len(cohort.runs) for cohort in self.cohorts)

    @property
    def failed_earlier(self) -> int:
        """How many networks of this plan failed earlier."""
        return sum(run.run_id in self.failed for run in self.wanted)

    def summary(self) -> str:
        """`72 networks, 8 done, 64 to train in 2 cohorts`, and how many failed."""
        done = len(self.wanted) - self.left - self.failed_earlier
        failed = (
            f" {self.failed_earlier} failed earlier," if self.failed_earlier else ""
        )
        return (
            f"{len(self.wanted)} networks, {done} done,{failed} {self.left} to train in"
            f" {len(self.cohorts)} cohorts"
        )

    def cost(self, runs: Sequence[Run]) -> int:
        """Multiply-accumulates of training some runs as one cohort."""
        recipe, network = self.settings.recipe, self.settings.network
        classes = len(runs[0].split.classes(runs[0].treatment.target))
        treatments = [run.treatment for run in runs]
        one = multiply_accumulates(treatments, network, recipe.crop_size, classes)
        return one * recipe.batch_size * recipe.steps


def make_plan(
    parts: Sequence[PlanPart], options: JobOptions, *, with_bases: bool
) -> Plan:
    """Compares what is wanted with the study folder; trains and writes nothing.

    `with_bases` adds the base networks that treatments copy from.

    Raises:
      UserError: If there is nothing to train, or the study folder or the data set
        does not fit.
    """
    if not any(part.treatments for part in parts):
        flag = "--treatments" if parts else "--split"
        example = "A3B,A3B+" if parts else "random:0"
        raise UserError(
            f"{flag} needs at least one, found none: give some, such as {example}"
        )
    runs, settings = options.runs, options.settings
    network = settings.network
    treatments = [treatment for part in parts for treatment in part.treatments]
    check_stages(treatments, network.name, len(network.stage_names))
    given = next((t for t in treatments if t.source == "P"), None)
    if given and settings.source is None:
        raise UserError(
            f"{given} copies from a network that is given, found no --source: name it,"
            " such as --source=file:MODEL.keras or --source=run:RUNS/RUN_ID"
        )
    for part in parts:
        if is_undivided(part.split):
            check_halves(part.treatments, part.split, has_source=bool(settings.source))
    made_with = check_folder(runs, settings)
    records = records_by_id(runs)
    data, note = folder.describe_images(runs, settings)
    images = settings.train_per_class
    divided = []
    for part in parts:
        split = make_split(part.split, data.class_names, data.families, images)
        split = folder.as_recorded(split, records.values())
        divided.append((split, part.treatments))
    whole = make_split("whole", data.class_names, train_per_class=images)
    wanted = make_runs(divided, whole, options.seeds, with_bases=with_bases)
    if made_with is not None:
        splits = [whole, *(split for split, _ in divided)]
        check_records(records.values(), made_with, splits)
    again = {run.run_id for run in wanted} if options.retry_failed else set()
    done = {
        run_id: record
        for run_id, record in records.items()
        if record.status == "finished" or run_id not in again
    }
    failed = {
        run_id: failure
        for run_id, failure in failures.read(runs).items()
        if run_id not in records and run_id not in again
    }
    size, limit = options.cohort_size, ""
    if size is None:
        size, limit = auto_settings.cohort_size(
            wanted, settings, data, options.most_processes, options.nodes
        )
    cohorts = without(make_cohorts(wanted, size), done.keys() | failed.keys())
    return Plan(
        options=options,
        data=data,
        wanted=wanted,
        done=frozenset(done),
        diverged={i: r for i, r in done.items() if r.status != "finished"},
        failed=failed,
        cohorts=apart(cohorts, checkpoints.held(runs)),
        notes=tuple(
            filter(None, (*options.notes, note, str(options.precision), limit))
        ),
    )


def missing_bases(plan: Plan) -> list[Run]:
    """Base runs that cohorts copy from, and that neither exist nor will be trained."""
    known = plan.done | plan.failed.keys()
    known |= {run.run_id for cohort in plan.cohorts for run in cohort.runs}
    needed = {base for cohort in plan.cohorts for base in cohort.bases}
    missing = (base for base in needed if base.run_id not in known)
    return sorted(missing, key=lambda run: run.run_id)
