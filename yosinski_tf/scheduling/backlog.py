"""What is left to train of a study that other processes may be training too."""

import dataclasses
import pathlib
import time
from collections.abc import Iterable, Sequence

from yosinski_tf.experiment.cohorts import Cohort, apart, ready
from yosinski_tf.experiment.runs import Run
from yosinski_tf.scheduling.events import Event
from yosinski_tf.study import failures
from yosinski_tf.study.records import find_record
from yosinski_tf.system import locks
from yosinski_tf.training import checkpoints

_LATER_SECONDS = 3.0


class Backlog:
    """Cohorts that nobody has trained yet, in order of preference."""

    def __init__(self, cohorts: Sequence[Cohort], runs: pathlib.Path):
        """Starts with all of them.

        Args:
          cohorts: What to train.
          runs: The study folder, in which others leave records and failures.
        """
        self._runs = runs
        self._order = {cohort.cohort_id: i for i, cohort in enumerate(cohorts)}
        self._pending = list(cohorts)
        self._taken: dict[str, Cohort] = {}
        self._broken: dict[str, str] = {}
        self._finished: set[str] = set()
        self._later: dict[str, float] = {}

    def __bool__(self) -> bool:
        """Whether something is left that has not been taken."""
        return bool(self._pending)

    def take(self) -> Cohort | None:
        """The next cohort whose bases are there and that nobody else holds.

        It is taken out until it is put back. None if there is no such cohort.
        If checkpoints hold only parts of it, it is one of these parts.
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
        # Of another process, which may have been killed since this one began.
        part, *others = apart([cohort], checkpoints.held(self._runs))
        for other in others:
            self._order[other.cohort_id] = self._order[cohort.cohort_id]
            self._insert(other)
        self._taken[part.cohort_id] = part
        return part

    def close(self, cohort: Cohort, why: str = "") -> None:
        """A cohort that was taken has been trained, or failed.

        Args:
          cohort: The cohort.
          why: In a few words why its networks cannot be copied from, such as
            `failed`; empty if they can, or if their records tell.
        """
        del self._taken[cohort.cohort_id]
        if why:
            self._broken |= dict.fromkeys(_ids(cohort.runs), why)

    def put_back(self, cohort: Cohort) -> None:
        """A cohort that was taken turned out to be held by another process.

        It is not offered for some seconds, in which the other may be done.
        """
        self._later[cohort.cohort_id] = time.monotonic() + _LATER_SECONDS
        self._insert(self._taken.pop(cohort.cohort_id))

    def refresh(self) -> list[Event]:
        """Leaves out what others have done by now, and what lost its base.

        Returns:
          An event for every part of a cohort that is left out: `elsewhere`,
          `failed` by another process, or `dropped`.

        Raises:
          UserError: If a record is broken.
        """
        events = []
        for cohort in self._pending:
            done = [r for r in cohort.runs if self._is_done(r)]
            failed = [r for r in cohort.runs if failures.failed(self._runs, r.run_id)]
            failed = [run for run in failed if run not in done]
            self._broken |= dict.fromkeys(_ids(failed), "failed")
            if done:
                events.append(Event("elsewhere", _only(cohort, done)))
            if failed:
                message = "it failed in another process"
                events.append(Event("failed", _only(cohort, failed), message=message))
        self._remove(events)
        return events + self._drop_dependents()

    def holder(self) -> Event | None:
        """Which cohort another process trains, and who; None if there is none."""
        for cohort in self._pending:
            for process in locks.holders(self._runs, _ids(cohort.runs)).values():
                return Event("waiting", cohort, message=f"{process} trains it")
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
                    message = f"the base {base.run_id} {why}"
                    part = _only(cohort, lost)
                    events.append(Event("dropped", part, message=message))
        self._remove(events)
        return events

    def _remove(self, events: Iterable[Event]) -> None:
        gone = {run for event in events for run in event.cohort.runs}
        left = []
        for cohort in self._pending:
            runs = [run for run in cohort.runs if run not in gone]
            if runs:
                left.append(_only(cohort, runs) if gone else cohort)
        self._pending = left

    def _why_broken(self, base: Run) -> str:
        """Why a base cannot be copied from; empty if it can, or may yet."""
        if not self._is_done(base) and failures.failed(self._runs, base.run_id):
            return "failed"
        return self._broken.get(base.run_id, "")

    def _is_done(self, run: Run) -> bool:
        """Whether a run has a record; notes those that diverged."""
        run_id = run.run_id
        if run_id in self._finished:
            return True
        record = find_record(self._runs, run_id)
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
