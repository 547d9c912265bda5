"""Runs that are trained together, and in which order."""

import dataclasses
import math
from collections.abc import Collection, Iterable

from yosinski_tf.experiment import splits
from yosinski_tf.experiment.runs import Run
from yosinski_tf.experiment.stages import Network
from yosinski_tf.experiment.treatments import Treatment


@dataclasses.dataclass(frozen=True)
class Cohort:
    """Runs trained together: same split, target half and seed.

    Attributes:
      cohort_id: Its identity.
      runs: At least one; either all or none of them copy from a base.
    """

    cohort_id: str
    runs: tuple[Run, ...]

    @property
    def split(self) -> splits.Split:
        """The split that all runs share."""
        return self.runs[0].split

    @property
    def target(self) -> str:
        """The half that all runs are trained on."""
        return self.runs[0].treatment.target

    @property
    def treatments(self) -> tuple[Treatment, ...]:
        """The treatment of each run."""
        return tuple(run.treatment for run in self.runs)

    @property
    def seed(self) -> int:
        """The seed that all runs share."""
        return self.runs[0].seed

    @property
    def bases(self) -> tuple[Run, ...]:
        """The base runs that must be finished before this cohort starts."""
        return tuple(dict.fromkeys(run.base for run in self.runs if run.base))


def make_cohorts(
    runs: Iterable[Run], cohort_size: int | None = None
) -> tuple[Cohort, ...]:
    """Packs runs into cohorts, in the order in which they should be trained.

    Split after split, so that a first one is complete early; within a split, cohorts
    without copies, such as bases, come first.

    Args:
      runs: The runs. Those that copy from a base have cohorts of their own,
        since they must wait for it.
      cohort_size: The largest number of runs in a cohort; None for no limit.
    """
    groups: dict[tuple, list[Run]] = {}
    places: dict[tuple, int] = {}
    for run in runs:
        seed, slug = run.seed, run.split.slug
        place = places.setdefault((seed, slug), len(places))
        key = (place, run.base is not None, seed, slug, run.treatment.target)
        groups.setdefault(key, []).append(run)
    cohorts = []
    for (_, copies, seed, slug, target), members in sorted(
        groups.items(), key=lambda group: group[0][:2]
    ):
        parts = math.ceil(len(members) / (cohort_size or len(members)))
        stage = "copies" if copies else "first"
        for part in range(parts):
            name = f"{slug}_{target}_seed{seed}_{stage}"
            if parts > 1:
                name += f"_{part}"
            # Parts of even size: a small last one would waste its start-up.
            start, end = (-(-len(members) * i // parts) for i in (part, part + 1))
            cohorts.append(Cohort(name, tuple(members[start:end])))
    return tuple(cohorts)


def without(cohorts: Iterable[Cohort], done: Collection[str]) -> tuple[Cohort, ...]:
    """The cohorts without the runs whose ids are in `done`."""
    left = []
    for cohort in cohorts:
        runs = tuple(run for run in cohort.runs if run.run_id not in done)
        if runs:
            left.append(dataclasses.replace(cohort, runs=runs))
    return tuple(left)


def apart(
    cohorts: Iterable[Cohort], held: Iterable[Collection[str]]
) -> tuple[Cohort, ...]:
    """Cuts cohorts so that runs of one checkpoint are trained on together.

    After networks are added to a study, or the size of cohorts changes, no
    checkpoint may hold all runs of a cohort, and a cohort is resumed only from
    one that does. Results do not depend on how runs are packed.

    Args:
      cohorts: The cohorts.
      held: Ids of the runs in each checkpoint, the preferred checkpoint first.

    Returns:
      The cohorts in the same order. The first part of a cohort keeps its id;
      the ids of the others end with their first treatment.
    """
    held, parts = [frozenset(each) for each in held], []
    for cohort in cohorts:
        begun: dict[int, list[Run]] = {}
        for run in cohort.runs:
            places = (i for i, each in enumerate(held) if run.run_id in each)
            begun.setdefault(next(places, len(held)), []).append(run)
        for runs in begun.values():
            first = runs[0] == cohort.runs[0]
            name = cohort.cohort_id + ("" if first else f"_{runs[0].treatment}")
            parts.append(Cohort(name, tuple(runs)))
    return tuple(parts)


def ready(
    cohorts: Iterable[Cohort], waiting_for: Collection[str]
) -> tuple[Cohort, ...]:
    """The cohorts none of whose bases is among the runs `waiting_for`."""
    return tuple(
        cohort
        for cohort in cohorts
        if not any(base.run_id in waiting_for for base in cohort.bases)
    )


def multiply_accumulates(
    treatments: Iterable[Treatment],
    network: Network,
    input_size: int,
    num_classes: int,
) -> int:
    """Multiply-accumulates of one training step on one image, for a cohort.

    A trained layer counts three times: forward, for the gradient of its weights
    and for the gradient of its input (not needed by the lowest trained layer).
    The networks share the frozen layers of a source: each of these
    counts once, forward.
    """
    work = [
        stage.multiply_accumulates for stage in network.stages(input_size, num_classes)
    ]
    total = 0
    trunks: dict[str | None, int] = {}
    for treatment in treatments:
        frozen, source = treatment.frozen_layers, treatment.source
        if frozen:
            trunks[source] = max(trunks.get(source, 0), frozen)
        total += 3 * sum(work[frozen:]) - work[frozen]
    return total + sum(sum(work[:depth]) for depth in trunks.values())
