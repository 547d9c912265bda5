"""The validations of a network, one entry each, and how a history ends early."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

History = list[dict]


def diverged(history: History) -> bool:
    """Whether a history ends with a loss that was not finite."""
    return bool(history) and None in (history[-1]["loss"], history[-1]["train_loss"])


def end_diverged(
    histories: Sequence[History],
    finite: np.ndarray,
    *,
    since: int,
    step: int,
    learning_rate_at: Callable[[int], float],
) -> None:
    """Ends the histories of the networks that had a loss that was not finite.

    Args:
      histories: One for each network.
      finite: For each network, the number of steps since the last validation before
        the first loss that was not finite.
      since: Step of the last validation.
      step: Steps taken.
      learning_rate_at: The rate as a function of the step.
    """
    for history, count in zip(histories, finite, strict=True):
        first = since + int(count) + 1
        if first <= step and not diverged(history):
            history.append(
                {
                    "step": first,
                    "train_loss": None,
                    "learning_rate": learning_rate_at(first - 1),
                    # Its logits are NaN, so it is right on no image.
                    "top1": 0.0,
                    "top5": 0.0,
                    "loss": None,
                    "images_per_second": 0.0,
                }
            )


def add_validation(
    histories: Sequence[History],
    *,
    step: int,
    train_loss: np.ndarray,
    learning_rate: float,
    sums: Mapping[str, np.ndarray],
    images: int,
    images_per_second: float,
) -> None:
    """Adds a validation to every history that has not ended.

    Args:
      histories: One for each network.
      step: Steps taken.
      train_loss: Mean loss of each network since the last validation.
      learning_rate: The rate of the last step.
      sums: `loss`, `top1` and `top5` of each network, summed over the images.
      images: Number of images.
      images_per_second: Speed of the training since the last validation.
    """
    for index, history in enumerate(histories):
        if diverged(history):
            continue
        history.append(
            {
                "step": step,
                "train_loss": _finite(train_loss[index]),
                "learning_rate": learning_rate,
                "top1": float(sums["top1"][index]) / images,
                "top5": float(sums["top5"][index]) / images,
                "loss": _finite(sums["loss"][index] / images),
                "images_per_second": images_per_second,
            }
        )


def _finite(value) -> float | None:
    return float(value) if math.isfinite(value) else None
