"""The state of a training: when it is saved, and how a training continues from it."""

import dataclasses

from yosinski_tf.training import checkpoints, cohort_setup, distribution, train_state
from yosinski_tf.training.job import Job
from yosinski_tf.training.save_clock import SaveClock
from yosinski_tf.training.stopwatch import Stopwatch
from yosinski_tf.training.train_state import TrainingState


class Checkpointer:
    """Saves a cohort in training, and restores it.

    The cohort of `setup` is compiled, with the weights it starts from.

    Attributes:
      state: How far the training is.
      frozen: Digest of each network's frozen layers before training, None without.
    """

    def __init__(
        self,
        job: Job,
        setup: cohort_setup.CohortSetup,
        devices: distribution.Devices,
        stopwatch: Stopwatch,
    ):
        self._job, self._devices, self._stopwatch = job, devices, stopwatch
        self._model, self._folder = setup.model, job.runs / checkpoints.FOLDER
        self._runs = tuple(run.run_id for run in job.cohort.runs)
        self.state = TrainingState(
            histories=[[] for _ in self._runs], cohort_runs=self._runs
        )
        self.frozen = cohort_setup.frozen_digests(job, setup.model)
        # What a training must have in common with one that it continues.
        self._settings = cohort_setup.settings_digest(job, setup.images)
        self._bases = cohort_setup.base_digests(job)

    def restore(self) -> str:
        """Continues from the newest checkpoint that can be used, if there is one.

        Returns:
          What the user should know of devices and of checkpoints that cannot be
          used; mostly empty.
        """
        found, note = self._newest()
        state = self.state = found or self.state
        self._stopwatch.resume(state.step, state.train_seconds, state.total_seconds)
        every, saved = self._job.checkpoint_every, found is not None
        self._clock = SaveClock(every, state.step, saved)
        return "; ".join(filter(None, (self._devices.note, note)))

    def timed_state(self) -> TrainingState:
        """The state with the seconds up to now."""
        return dataclasses.replace(
            self.state,
            train_seconds=self._stopwatch.train_seconds,
            total_seconds=self._stopwatch.total_seconds,
        )

    def save_if_due(self) -> None:
        """Saves if the last save was long enough ago."""
        if self._clock.due(self.state.step):
            self.save()

    def save_unless_saved(self) -> None:
        """Saves unless there is a checkpoint of this step."""
        if not self._clock.holds(self.state.step):
            self.save()

    def save(self) -> None:
        """Writes a checkpoint.

        Raises:
          OSError: If it cannot be written.
        """
        with self._clock.saving(self.state.step):
            self._model.settle()
            meta = dataclasses.asdict(self.timed_state())
            meta |= {"frozen": self.frozen, "bases": self._bases}
            for name in ("histories", "frozen", "bases"):
                meta[name] = dict(zip(self._runs, meta[name], strict=True))
            checkpoint = checkpoints.Checkpoint(
                runs=self._runs,
                settings=self._settings,
                step=meta.pop("step"),
                meta=meta,
                arrays=train_state.capture(self._model, self._runs),
            )
            cohort = self._job.cohort.cohort_id
            checkpoints.write(self._folder, cohort, checkpoint)

    def _newest(self) -> tuple[TrainingState | None, str]:
        """Restores the newest checkpoint; its state, and a sentence on others."""
        cohort = self._job.cohort.cohort_id
        found = checkpoints.newest(self._folder, cohort, self._runs, self._settings)
        problems, state = list(found.problems), None
        if found.checkpoint is not None:
            try:
                state = self._put(found.checkpoint)
            except (ValueError, KeyError, TypeError) as error:
                step = found.checkpoint.step
                problems.append(f"the checkpoint of step {step} does not fit: {error}")
        if not problems:
            return state, ""
        how = f"goes on from step {state.step}" if state else "starts again"
        return state, f"{'; '.join(problems)}: training {how}"

    def _put(self, stored: checkpoints.Checkpoint) -> TrainingState:
        meta = stored.meta
        for run, frozen, base in zip(self._runs, self.frozen, self._bases, strict=True):
            if meta["frozen"][run] != frozen:
                raise ValueError(f"the frozen layers of {run} were others")
            if meta["bases"][run] != base:
                raise ValueError(f"the base of {run} was trained again since")
        state = TrainingState(
            step=stored.step,
            validated=meta["validated"],
            histories=[meta["histories"][run] for run in self._runs],
            cohort_runs=tuple(meta["cohort_runs"]),
            train_seconds=meta["train_seconds"],
            total_seconds=meta["total_seconds"],
        )
        train_state.restore(self._model, self._runs, stored.arrays)
        return state
