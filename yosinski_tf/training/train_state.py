"""The state of a cohort in training, with its arrays by the name of the run.

The arrays are weights, what the optimizer keeps for each of them, statistics of
trained layers, and sums of losses. (Keras' own backup repeats steps.) Each run has its
own, so that it can continue without the others. Frozen layers are left out: they are
those of the source. Nothing random has a state.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from yosinski_tf.models.cohort import CohortModel
from yosinski_tf.training.history import History, diverged


@dataclasses.dataclass
class TrainingState:
    """How far a training is, without the arrays of the cohort.

    Attributes:
      histories: Validations of each network.
      cohort_runs: Ids of all runs that the training began with.
      step: Steps taken.
      validated: Step of the last validation.
      train_seconds: Time spent in training steps, when it was last saved.
      total_seconds: Time spent on the cohort, when it was last saved.
    """

    histories: list[History]
    cohort_runs: tuple[str, ...]
    step: int = 0
    validated: int = 0
    train_seconds: float = 0.0
    total_seconds: float = 0.0

    @property
    def all_diverged(self) -> bool:
        """Whether all networks of the cohort have diverged."""
        return all(diverged(history) for history in self.histories)


def capture(cohort: CohortModel, runs: Sequence[str]) -> dict[str, np.ndarray]:
    """The arrays of a compiled cohort, whose members have these ids of runs.

    Their names are `<run>/<layer>/kernel`, `<run>/<layer>/kernel/velocity`,
    `<run>/<layer>/moving_mean`, `<run>/totals/loss`, ...
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
    """Puts the arrays of `capture`, for these runs or more, into a compiled cohort.

    Raises:
      ValueError: If an array is missing or has another shape; the cohort is
        unchanged then.
    """
    variables = list(_variables(cohort, runs))
    sums = {name: [f"{run}/totals/{name}" for run in runs] for name in _totals(cohort)}
    shapes = {name: tuple(variable.shape) for name, variable in variables}
    shapes |= {name: () for names in sums.values() for name in names}
    for name, shape in shapes.items():
        found = arrays[name].shape if name in arrays else None
        if found != shape:
            raise ValueError(f"{name} needs shape {shape}, found {found}")
    for name, variable in variables:
        variable.assign(arrays[name])
    for name, totals in _totals(cohort).items():
        totals.assign(np.stack([arrays[one] for one in sums[name]]))


def _variables(cohort: CohortModel, runs: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Variables that training changes, by name."""
    model, optimizer = cohort.training, cohort.training.optimizer
    yield "optimizer/iterations", optimizer.iterations
    yield "totals/images", model.totals.images
    for run, member in zip(runs, cohort.graph.members, strict=True):
        for block in cohort.graph.heads[member.name].values():
            for key, variable in block.variables.items():
                name = f"{run}/{key}"
                yield name, variable
                if variable.trainable:
                    for moment, kept in optimizer.moments(variable).items():
                        yield f"{name}/{moment}", kept


def _totals(cohort: CohortModel) -> dict[str, Any]:
    """Variables with one number per network: sums, and scales of losses."""
    scaling = getattr(cohort.training.optimizer, "per_network", {})
    return {**cohort.training.totals.per_network, **scaling}
