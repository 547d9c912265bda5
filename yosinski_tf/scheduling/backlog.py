"""The cohorts that are left to train, in a study that other processes may share."""

import dataclasses
import pathlib
import time
from collections.abc import Iterable, Sequence

from yosinski_tf.experiment.cohorts import Cohort, apart, ready, without
from yosinski_tf.experiment.runs import Run
from yosinski_tf.scheduling.events import Event, EventKind
from yosinski_tf.study import failures, records
from yosinski_tf.system import locks
from yosinski_tf.training import checkpoints

_LATER_SECONDS = 3.0


class Backlog:
    """Cohorts that are not trained yet, in order of preference."""

    def __init__(self, cohorts: Sequence[Cohort], runs: pathlib.Path):
        """Starts with all cohorts of a study folder, `runs`."""
        self._runs = runs
        self._order = {cohort.cohort_id: i for i, cohort in enumerate(cohorts)}
        self._pending = list(cohorts)
        self._taken: dict[str, Cohort] = {}
        # Why networks cannot copy from a run, by run id.
        self._broken: dict[str, str] = {}
        self._finished: set[str] = set()
        # When a cohort may be taken again, by cohort id.
        self._later: dict[str, float] = {}

    def __bool__(self) -> bool:
        """Whether a cohort is left that is not taken."""
        return bool(self._pending)

    def take(self) -> Cohort | None:
        """Takes the next cohort whose bases are trained and that nobody else holds.

        If checkpoints hold only parts of the cohort, the first such part is taken.

        Returns:
          The cohort, to be given to `put_back` or `close`; None if there is none.
        """
        waiting = {r.run_id for c in self._pending for r in c.runs}
        waiting |= {r.run_id for c in self._taken.values() for r in c.runs}
        for cohort in ready(self._pending, waiting):
            if time.monotonic() < self._later.get(cohort.cohort_id, 0.0):
                continue
            if not locks.holders(self._runs, _ids(cohort.runs)):
                return self._take(cohort)
        return None

    def _take(self, cohort: Cohort) -> Cohort:
        self._pending.remove(cohort)
        # A process that was killed meanwhile may have left a checkpoint.
        part, *others = apart([cohort], checkpoints.held(self._runs))
        for other in others:
            self._order[other.cohort_id] = self._order[cohort.cohort_id]
            self._insert(other)
        self._taken[part.cohort_id] = part
        return part

    def close(self, cohort: Cohort, *, failed: bool = False) -> None:
        """Ends a cohort that was taken: it is trained or it failed."""
        del self._taken[cohort.cohort_id]
        if failed:
            self._broken |= dict.fromkeys(_ids(cohort.runs), "failed")

    def put_back(self, cohort: Cohort) -> None:
        """Puts back a cohort that was taken; `take` skips it for some seconds."""
        self._later[cohort.cohort_id] = time.monotonic() + _LATER_SECONDS
        self._insert(self._taken.pop(cohort.cohort_id))

    def refresh(self) -> list[Event]:
        """Removes runs that are done, failed elsewhere, or lost their base.

        Returns:
          An event for every part of a cohort that was removed:
          `TRAINED_ELSEWHERE`, `FAILED` or `LEFT_OUT`.

        Raises:
          UserError: If a record is broken.
        """
        events = []
        for cohort in self._pending:
            done = [r for r in cohort.runs if self._is_done(r)]
            left = [r for r in cohort.runs if r not in done]
            failed = [r for r in left if failures.failed(self._runs, r.run_id)]
            self._broken |= dict.fromkeys(_ids(failed), "failed")
            if done:
                events.append(Event(EventKind.TRAINED_ELSEWHERE, _only(cohort, done)))
            if failed:
                message = "it failed in another process"
                part = _only(cohort, failed)
                events.append(Event(EventKind.FAILED, part, message=message))
        self._remove(events)
        return events + self._drop_dependents()

    def held(self) -> Event | None:
        """The event for a cohort that another process trains; None without one."""
        for cohort in self._pending:
            for process in locks.holders(self._runs, _ids(cohort.runs)).values():
                message = f"{process or 'another process'} trains it"
                return Event(EventKind.WAITING, cohort, message=message)
        return None

    def _insert(self, cohort: Cohort) -> None:
        self._pending.append(cohort)
        self._pending.sort(key=lambda each: self._order[each.cohort_id])

    def _drop_dependents(self) -> list[Event]:
        events = []
        for cohort in self._pending:
            for base in cohort.bases:
                if why := self._why_broken(base):
                    lost = [run for run in cohort.runs if run.base == base]
                    message = f"its base network {base.run_id} {why}"
                    part = _only(cohort, lost)
                    events.append(Event(EventKind.LEFT_OUT, part, message=message))
        self._remove(events)
        return events

    def _remove(self, events: Iterable[Event]) -> None:
        gone = {name for event in events for name in _ids(event.cohort.runs)}
        self._pending = list(without(self._pending, gone))

    def _why_broken(self, base: Run) -> str:
        """Why networks cannot copy from a base; empty if they can, or may later."""
        if not self._is_done(base) and failures.failed(self._runs, base.run_id):
            return "failed"
        return self._broken.get(base.run_id, "")

    def _is_done(self, run: Run) -> bool:
        """Whether a run has a record; a run that diverged is noted as broken."""
        run_id = run.run_id
        if run_id in self._finished:
            return True
        record = records.find_record(self._runs, run_id)
        if record is None:
            return False
        if record.status != "finished":
            self._broken[run_id] = record.status
        self._finished.add(run_id)
        return True


def _ids(runs: Iterable[Run]) -> list[str]:
    return [run.run_id for run in runs]


def _only(cohort: Cohort, runs: Sequence[Run]) -> Cohort:
    return dataclasses.replace(cohort, runs=tuple(runs))
