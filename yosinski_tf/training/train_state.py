"""The state of a cohort in training as plain arrays, by the name of the run.

Weights, optimizer and sums: Keras' own backup repeats steps. Everything is kept
for each run by itself, so that any of them can go on without the others. Frozen
weights are left out: they are those of the source. Nothing random has a state.
"""

import dataclasses
import json
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from yosinski_tf.models.cohort import CohortModel
from yosinski_tf.system.errors import UserError
from yosinski_tf.training import checkpoints
from yosinski_tf.training.checkpoints import Checkpoint
from yosinski_tf.training.history import History

_ITERATIONS = "optimizer/iterations"
_IMAGES = "totals/images"


@dataclasses.dataclass
class TrainingState:
    """How far a training is; what the arrays do not tell.

    Attributes:
      step: Steps taken.
      validated: Step of the last validation.
      histories: Validations of each network.
      cohort_runs: Ids of all runs that the training began with.
      train_seconds: Time spent in training steps.
      total_seconds: Time spent on the cohort.
    """

    step: int
    validated: int
    histories: list[History]
    cohort_runs: tuple[str, ...]
    train_seconds: float
    total_seconds: float


@dataclasses.dataclass(frozen=True)
class Keeper:
    """Stores the state of one compiled cohort and brings it back.

    Attributes:
      folder: Where checkpoints are.
      cohort_id: Id of the cohort.
      runs: Ids of its runs, in the order of its members.
      cohort: The cohort.
      settings: Digest of all that a training which goes on must share.
      frozen: Digest of each network's frozen layers, which are not stored.
      bases: Digest of the weights of each network's base, None without one.
    """

    folder: pathlib.Path
    cohort_id: str
    runs: tuple[str, ...]
    cohort: CohortModel
    settings: str
    frozen: Sequence[str | None]
    bases: Sequence[str | None]

    def save(self, progress: TrainingState) -> None:
        """Writes a checkpoint.

        Raises:
          OSError: If it cannot be written.
        """
        self.cohort.settle()
        fields = dataclasses.asdict(progress)
        for name in ("step", "histories"):
            del fields[name]
        fields["histories"] = dict(zip(self.runs, progress.histories, strict=True))
        fields["frozen"] = dict(zip(self.runs, self.frozen, strict=True))
        fields["bases"] = dict(zip(self.runs, self.bases, strict=True))
        arrays = capture(self.cohort, self.runs)
        checkpoints.write(
            self.folder,
            self.cohort_id,
            Checkpoint(self.runs, self.settings, progress.step, fields, arrays),
        )

    def restore(self) -> tuple[TrainingState | None, str]:
        """Puts the newest checkpoint that can be used into the cohort.

        Returns:
          How far it was, None if there is none; and a sentence on checkpoints
          that could not be used, empty if there are none.
        """
        found = checkpoints.newest(
            self.folder, self.cohort_id, self.runs, self.settings
        )
        problems, progress = list(found.problems), None
        if found.checkpoint is not None:
            try:
                progress = self._put(found.checkpoint)
            except (ValueError, KeyError, TypeError) as error:
                step = found.checkpoint.step
                problems.append(f"the checkpoint of step {step} does not fit: {error}")
        if not problems:
            return progress, ""
        where = f"goes on from step {progress.step}" if progress else "starts again"
        return progress, f"{'; '.join(problems)}: training {where}"

    def agree(
        self,
        progress: TrainingState | None,
        from_chief: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]],
    ) -> TrainingState | None:
        """Puts the state of one process, the chief, into the cohorts of all.

        Args:
          progress: What `restore` said to the chief.
          from_chief: Gives everyone the chief's arrays of some names, shapes and
            types; see `distribution.Devices`.

        Returns:
          What it said to the chief.

        Raises:
          UserError: If this process is about to train something else.
        """
        own = {"settings": self.settings, "frozen": self.frozen, "bases": self.bases}
        stored = dataclasses.asdict(progress) if progress else None
        text = json.dumps({**own, "progress": stored}).encode()
        size = from_chief({"size": np.array(len(text), np.int64)})["size"]
        mine = np.frombuffer(text.ljust(int(size))[: int(size)], np.uint8)
        values = json.loads(from_chief({"text": mine})["text"].tobytes())
        if any(values[name] != own[name] for name in own):
            raise UserError(
                "multi_worker wants the same on every worker, got another network,"
                " recipe, data set or base than worker 0: start the same command, with"
                " the same --runs, on all workers"
            )
        if values["progress"] is None:
            return None
        restore(self.cohort, self.runs, from_chief(capture(self.cohort, self.runs)))
        agreed = TrainingState(**values["progress"])
        return dataclasses.replace(agreed, cohort_runs=tuple(agreed.cohort_runs))

    def _put(self, stored: Checkpoint) -> TrainingState:
        meta = stored.meta
        for run, digest in zip(self.runs, self.frozen, strict=True):
            if meta["frozen"][run] != digest:
                raise ValueError(f"the frozen layers of {run} were others")
        for run, digest in zip(self.runs, self.bases, strict=True):
            if meta["bases"][run] != digest:
                raise ValueError(f"the base of {run} was trained again since")
        progress = TrainingState(
            step=stored.step,
            validated=meta["validated"],
            histories=[meta["histories"][run] for run in self.runs],
            cohort_runs=tuple(meta["cohort_runs"]),
            train_seconds=meta["train_seconds"],
            total_seconds=meta["total_seconds"],
        )
        restore(self.cohort, self.runs, stored.arrays)
        return progress


def capture(cohort: CohortModel, runs: Sequence[str]) -> dict[str, np.ndarray]:
    """The state of a compiled cohort.

    Args:
      cohort: The cohort.
      runs: Ids of its runs, in the order of its members.

    Returns:
      Arrays by name: `<run>/<layer>/kernel`, `.../kernel/velocity`,
      `<run>/totals/loss`, ...
    """
    arrays = {
        name: keras.ops.convert_to_numpy(variable)
        for name, variable in _variables(cohort, runs)
    }
    for name, totals in _totals(cohort).items():
        values = keras.ops.convert_to_numpy(totals)
        arrays |= {
            f"{run}/totals/{name}": value
            for run, value in zip(runs, values, strict=True)
        }
    return arrays


def restore(
    cohort: CohortModel, runs: Sequence[str], arrays: Mapping[str, np.ndarray]
) -> None:
    """Puts a state into a compiled cohort, of these runs or of more.

    Args:
      cohort: The cohort.
      runs: Ids of its runs, in the order of its members.
      arrays: Result of `capture`.

    Raises:
      ValueError: If anything is missing or of another shape; the cohort is
        unchanged.
    """
    variables = list(_variables(cohort, runs))
    sums = {name: [f"{run}/totals/{name}" for run in runs] for name in _totals(cohort)}
    wanted = {name: tuple(variable.shape) for name, variable in variables}
    wanted |= {name: () for names in sums.values() for name in names}
    for name, shape in wanted.items():
        if name not in arrays:
            raise ValueError(f"it holds no {name}")
        if arrays[name].shape != shape:
            raise ValueError(
                f"{name} wants shape {shape}, it holds {arrays[name].shape}"
            )
    for name, variable in variables:
        variable.assign(arrays[name])
    for name, totals in _totals(cohort).items():
        totals.assign(np.stack([arrays[one] for one in sums[name]]))


def _variables(cohort: CohortModel, runs: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """What changes while training, by name; a shared trunk's once for each run."""
    model, optimizer = cohort.training, cohort.training.optimizer
    yield _ITERATIONS, optimizer.iterations
    yield _IMAGES, model.totals.images
    for run, member in zip(runs, cohort.members, strict=True):
        for layer, block in cohort.blocks(member.name).items():
            for keras_layer in block:
                for variable in keras_layer.trainable_variables:
                    name = f"{run}/{layer}/{variable.name}"
                    yield name, variable
                    yield f"{name}/velocity", optimizer.velocity(variable)


def _totals(cohort: CohortModel) -> dict[str, Any]:
    """Sums, and how losses are scaled: one number of each kind for each network."""
    scaling = getattr(cohort.training.optimizer, "per_network", {})
    return {**cohort.training.totals.per_network, **scaling}
