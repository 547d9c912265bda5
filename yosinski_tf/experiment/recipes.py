"""Everything about the training of a network, as one value."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from yosinski_tf.system.errors import UserError

PRECISIONS = ("float32", "bfloat16", "float16")
MEANS = ("pixel", "image")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How every network of a study is trained.

    The form is the paper's (its released solver): stochastic gradient descent
    with momentum, weight decay on weights only, a step schedule. The default
    values are this project's, for small images.

    Attributes:
      steps: Optimizer steps.
      batch_size: Images per step.
      learning_rate: Rate at the first step.
      rate_drops: Steps at which the rate is multiplied by `drop_factor`.
      drop_factor: Factor of each drop.
      momentum: Of the velocity, in Caffe's form.
      weight_decay: L2 term in the gradient of kernels; biases have none.
      bias_rate: Factor of the rate for biases.
      image_size: Side of the square images held in memory, pixels.
      crop_size: Side of the square crop that the network sees, pixels.
      mirror: Whether half of the training images are mirrored at random.
      mean: What is subtracted from images: `pixel`, the mean of each channel
        over the half's training images, or `image`, their mean image, at the
        place of the crop (the paper's).
      validate_every: Steps between validations.
      precision: `float32`, or `bfloat16` or `float16` for layers computed in
        it, with variables, normalisation, logits and losses in float32; for
        `float16` losses are scaled (see `loss_scaling`).
    """

    steps: int = 1500
    batch_size: int = 32
    learning_rate: float = 0.015
    rate_drops: tuple[int, ...] = (900, 1275)
    drop_factor: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-3
    bias_rate: float = 2.0
    image_size: int = 32
    crop_size: int = 32
    mirror: bool = False
    mean: str = "pixel"
    validate_every: int = 150
    precision: str = "float32"

    def __post_init__(self):
        checks = (
            ("steps", self.steps >= 1, "at least 1"),
            ("batch_size", self.batch_size >= 1, "at least 1"),
            ("learning_rate", 0 < self.learning_rate < math.inf, "a number above 0"),
            ("drop_factor", 0 < self.drop_factor <= 1, "above 0 and at most 1"),
            ("momentum", 0 <= self.momentum < 1, "at least 0 and under 1"),
            (
                "weight_decay",
                0 <= self.weight_decay < math.inf,
                "a number of at least 0",
            ),
            ("bias_rate", 0 < self.bias_rate < math.inf, "a number above 0"),
            ("image_size", self.image_size >= 8, "at least 8"),
            (
                "crop_size",
                8 <= self.crop_size <= self.image_size,
                f"from 8 to the image size, {self.image_size}",
            ),
            ("validate_every", self.validate_every >= 1, "at least 1"),
            (
                "rate_drops",
                list(self.rate_drops) == sorted(set(self.rate_drops))
                and all(0 < drop for drop in self.rate_drops),
                "rising steps above 0",
            ),
            ("mean", self.mean in MEANS, f"one of {', '.join(MEANS)}"),
            (
                "precision",
                self.precision in PRECISIONS,
                f"one of {', '.join(PRECISIONS)}",
            ),
        )
        for name, holds, wanted in checks:
            if not holds:
                raise UserError(f"--{name} wants {wanted}, got {getattr(self, name)}")

    def learning_rate_at(self, step: int) -> float:
        """The rate of the step with this number, the first being 0."""
        drops = sum(step >= drop for drop in self.rate_drops)
        return self.learning_rate * self.drop_factor**drops

    @property
    def validation_batch_size(self) -> int:
        """Images per step of validation, fewer where their activations are large."""
        return 50 if self.crop_size > 64 else 250

    def validation_steps(self) -> tuple[int, ...]:
        """After how many steps the network is validated; the last is `steps`."""
        regular = range(self.validate_every, self.steps, self.validate_every)
        return (*regular, self.steps)

    def settings(self) -> dict[str, Any]:
        """The recipe as plain values, for records."""
        return dataclasses.asdict(self)


def parse_rate_drops(texts: Sequence[str], steps: int) -> tuple[int, ...]:
    """Reads steps at which the rate drops, `1200` or `60%` of all steps.

    Raises:
      UserError: If a text is neither a whole number nor a percentage, or lies
        beyond the last step.
    """
    drops: list[int] = []
    for text in texts:
        try:
            share = text.endswith("%")
            drop = round(float(text[:-1]) / 100 * steps) if share else int(text)
        except (ValueError, OverflowError):
            raise UserError(
                "--rate_drops wants steps such as 1200 or shares such as 60%,"
                f" got {text!r}"
            ) from None
        if drop > max(steps, 0):
            raise UserError(
                f"--rate_drops wants steps up to the last, --steps={steps}, got"
                f" {text!r}: give an earlier one, or a share such as 60%"
            )
        # Of few steps, two shares may come to the same one, or to none.
        if not share or (drop and drop not in drops):
            drops.append(drop)
    return tuple(drops)
