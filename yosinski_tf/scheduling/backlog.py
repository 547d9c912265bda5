"""The cohorts that are left to train."""

import dataclasses
import pathlib
from collections.abc import Sequence

from yosinski_tf.experiment.cohorts import Cohort, apart, ready, without
from yosinski_tf.experiment.runs import Run
from yosinski_tf.scheduling.events import Event, EventKind
from yosinski_tf.study import failures, records
from yosinski_tf.training import checkpoints


class Backlog:
    """Cohorts that are not trained yet, in order of preference."""

    def __init__(self, cohorts: Sequence[Cohort], runs: pathlib.Path):
        """Starts with all cohorts of a study folder, `runs`."""
        self._runs = runs
        self._order = {cohort.cohort_id: i for i, cohort in enumerate(cohorts)}
        self._pending = list(cohorts)
        self._taken: dict[str, Cohort] = {}
        self._failed: set[str] = set()

    def __bool__(self) -> bool:
        """Whether a cohort is left that is not taken."""
        return bool(self._pending)

    def take(self) -> Cohort | None:
        """Takes the next cohort whose bases are trained.

        If checkpoints hold only parts of the cohort, the first such part is taken.

        Returns:
          The cohort, to be given to `put_back` or `close`; None if there is none.
        """
        waiting = self._waiting_for()
        for cohort in ready(self._pending, waiting):
            self._pending.remove(cohort)
            # A process that was killed meanwhile may have left a checkpoint.
            part, *others = apart([cohort], checkpoints.held(self._runs))
            for other in others:
                self._order[other.cohort_id] = self._order[cohort.cohort_id]
                self._insert(other)
            self._taken[part.cohort_id] = part
            return part
        return None

    def close(self, cohort: Cohort, *, failed: bool = False) -> None:
        """Ends a cohort that was taken: it is trained or it failed."""
        del self._taken[cohort.cohort_id]
        if failed:
            self._failed.update(run.run_id for run in cohort.runs)

    def put_back(self, cohort: Cohort) -> None:
        """Puts back a cohort that was taken."""
        self._insert(self._taken.pop(cohort.cohort_id))

    def leave_out(self) -> list[Event]:
        """Removes runs whose base has failed or diverged.

        Returns:
          An event `LEFT_OUT` for every part of a cohort that was removed.

        Raises:
          UserError: If a record is broken.
        """
        waiting = self._waiting_for()
        bases = dict.fromkeys(base for c in self._pending for base in c.bases)
        broken = {
            base: why
            for base in bases
            if base.run_id not in waiting and (why := self._why_broken(base))
        }
        events = []
        for cohort in self._pending:
            for base in broken:
                lost = tuple(run for run in cohort.runs if run.base == base)
                if lost:
                    message = f"its base network {base.run_id} {broken[base]}"
                    part = dataclasses.replace(cohort, runs=lost)
                    events.append(Event(EventKind.LEFT_OUT, part, message=message))
        gone = {run.run_id for event in events for run in event.cohort.runs}
        self._pending = list(without(self._pending, gone))
        return events

    def _waiting_for(self) -> set[str]:
        cohorts = (*self._pending, *self._taken.values())
        return {run.run_id for cohort in cohorts for run in cohort.runs}

    def _insert(self, cohort: Cohort) -> None:
        self._pending.append(cohort)
        self._pending.sort(key=lambda each: self._order[each.cohort_id])

    def _why_broken(self, base: Run) -> str:
        """Why networks cannot copy from a base; empty if they can."""
        record = records.find_record(self._runs, base.run_id)
        if record is not None:
            return "" if record.status == "finished" else record.status
        failed = base.run_id in self._failed or failures.failed(self._runs, base.run_id)
        return "failed" if failed else ""
