"""The state of a cohort in training as plain arrays, by the name of the run.

Weights, optimizer and sums: Keras' own backup repeats steps. Everything is kept
for each run by itself, so that any of them can go on without the others. Frozen
weights are left out: they are those of the source. Nothing random has a state.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from yosinski_tf.models.cohort import CohortModel
from yosinski_tf.training.history import History, diverged

_ITERATIONS = "optimizer/iterations"
_IMAGES = "totals/images"


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
