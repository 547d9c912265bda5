"""Everything about the training of a network, as one value."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from yosinski_tf.system.errors import UserError

PRECISIONS = ("float32", "bfloat16", "float16")
MEANS = ("pixel", "image")
# When the rate drops unless the user says otherwise, in shares of all steps.
RATE_DROPS = ("60%", "85%")


def parse_rate_drops(texts: Sequence[str], steps: int) -> tuple[int, ...]:
    """Reads steps at which the rate drops, `1200` or `60%` of all steps.

    Raises:
      UserError: If a text is neither a whole number nor a percentage, or is
        later than the last step.
    """
    drops: list[int] = []
    for text in texts:
        try:
            share = text.endswith("%")
            drop = round(float(text[:-1]) / 100 * steps) if share else int(text)
        except (ValueError, OverflowError):
            raise UserError(
                "--rate_drops needs steps such as 1200 or shares such as 60%,"
                f" found {text!r}"
            ) from None
        if drop > max(steps, 0):
            raise UserError(
                f"--rate_drops needs steps up to the last, --steps={steps}, found"
                f" {text!r}: give an earlier one, or a share such as 60%"
            )
        # With few steps, two shares may round to the same step, or one to 0.
        if not share or (drop and drop not in drops):
            drops.append(drop)
    return tuple(drops)


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
      momentum: Share of the velocity that is kept, in Caffe's form.
      weight_decay: L2 term in the gradient of kernels; biases have none.
      bias_rate: Factor of the rate for biases.
      image_size: Side of the square images held in memory, pixels.
      crop_size: Side of the square crop that the network sees, pixels.
      mirror: Whether half of the training images are mirrored at random.
      mean: What is subtracted from images: `pixel`, the mean of each channel
        over the half's training images, or `image`, the part of their mean
        image under the crop (the paper's).
      validate_every: Steps between validations.
      precision: `float32`, or `bfloat16` or `float16` for the layers, with
        variables, normalisation, logits and losses in float32. For `float16`
        losses are scaled (see `loss_scaling`).
    """

    steps: int = 1500
    batch_size: int = 32
    learning_rate: float = 0.015
    rate_drops: tuple[int, ...] = parse_rate_drops(RATE_DROPS, 1500)
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
        size, crop, drops = self.image_size, self.crop_size, self.rate_drops
        comma = ", ".join
        for name, holds, needed in (
            ("steps", self.steps >= 1, "at least 1"),
            ("batch_size", self.batch_size >= 1, "at least 1"),
            ("learning_rate", 0 < self.learning_rate < math.inf, "a number above 0"),
            ("drop_factor", 0 < self.drop_factor <= 1, "above 0 and at most 1"),
            ("momentum", 0 <= self.momentum < 1, "at least 0 and under 1"),
            ("weight_decay", 0 <= self.weight_decay < math.inf, "a number from 0 on"),
            ("bias_rate", 0 < self.bias_rate < math.inf, "a number above 0"),
            ("image_size", size >= 8, "at least 8"),
            ("crop_size", 8 <= crop <= size, f"from 8 to the image size, {size}"),
            ("validate_every", self.validate_every >= 1, "at least 1"),
            (
                "rate_drops",
                list(drops) == sorted(set(drops)) and min(drops, default=1) > 0,
                "rising steps above 0",
            ),
            ("mean", self.mean in MEANS, f"one of {comma(MEANS)}"),
            ("precision", self.precision in PRECISIONS, f"one of {comma(PRECISIONS)}"),
        ):
            if not holds:
                raise UserError(f"--{name} needs {needed}, found {getattr(self, name)}")

    @property
    def rates(self) -> tuple[float, ...]:
        """The rate before the first drop and after each of them."""
        return tuple(
            self.learning_rate * self.drop_factor**drops
            for drops in range(len(self.rate_drops) + 1)
        )

    def learning_rate_at(self, step: int) -> float:
        """The rate of a step, counted from 0."""
        return self.rates[sum(step >= drop for drop in self.rate_drops)]

    @property
    def validation_batch_size(self) -> int:
        """Images per step of validation; fewer where their activations are large."""
        return 50 if self.crop_size > 64 else 250

    def validation_steps(self) -> tuple[int, ...]:
        """Numbers of steps after which the network is validated, up to `steps`."""
        regular = range(self.validate_every, self.steps, self.validate_every)
        return (*regular, self.steps)

    def settings(self) -> dict[str, Any]:
        """The recipe as plain values, for records."""
        return dataclasses.asdict(self)
