"""Everything about the training of a network, as one value."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from yosinski_tf.system.errors import UserError

PRECISIONS = ("float32", "bfloat16", "float16")
MEANS = ("pixel", "image")
OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("steps", "cosine")
# When the rate drops unless the user says otherwise, in shares of all steps.
RATE_DROPS = ("60%", "85%")
# Fields that came later, with their default values. These are not recorded, so that
# records and checkpoints of earlier versions stay valid.
_LATER = {
    "optimizer": "sgd",
    "schedule": "steps",
    "warmup": 0,
    "calibrate_random": False,
}


def parse_steps(flag: str, text: str, steps: int) -> int:
    """Reads a number of steps, `1200` or `60%` of all steps.

    Raises:
      UserError: If the text is neither a whole number nor a percentage, or is more
        than all steps; the message names the flag.
    """
    try:
        share = text.endswith("%")
        found = round(float(text[:-1]) / 100 * steps) if share else int(text)
    except (ValueError, OverflowError):
        raise UserError(
            f"--{flag} needs steps such as 1200 or a share such as 10%, found {text!r}"
        ) from None
    if found > max(steps, 0):
        raise UserError(
            f"--{flag} needs steps up to the last, --steps={steps}, found {text!r}:"
            " give an earlier one, or a share such as 10%"
        )
    return found


def parse_rate_drops(texts: Sequence[str], steps: int) -> tuple[int, ...]:
    """Reads the steps at which the rate drops, see `parse_steps`.

    Raises:
      UserError: As `parse_steps`.
    """
    drops: list[int] = []
    for text in texts:
        drop = parse_steps("rate_drops", text, steps)
        # With few steps, two shares may round to the same step, or one to 0.
        if not text.endswith("%") or (drop and drop not in drops):
            drops.append(drop)
    return tuple(drops)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How every network of a study is trained.

    The default form is the paper's (its released solver): stochastic gradient
    descent with momentum, weight decay on weights only, a step schedule. The
    default values are this project's, for small images. `adamw` (Loshchilov and
    Hutter 2019), `cosine` (the same, 2017) and a warm-up (Goyal et al. 2017) are
    what newer networks are trained with.

    Attributes:
      steps: Optimizer steps.
      batch_size: Images per step.
      optimizer: `sgd`, as Caffe computes it, or `adamw`.
      learning_rate: The highest rate; without warm-up, that of the first step.
      schedule: `steps`, or `cosine` for a rate that falls to 0 on half a cosine.
      warmup: Steps in which the rate rises: the first has 1 / (warmup + 1) of the
        schedule's rate, the second 2 / (warmup + 1), and so on.
      rate_drops: Steps at which the rate is multiplied by `drop_factor`; for the
        schedule `steps`.
      drop_factor: Factor of each drop.
      momentum: Share of the velocity that is kept, in Caffe's form; for `adamw`
        that of the mean gradient, beta 1.
      weight_decay: Of kernels alone: an L2 term in the gradient; for `adamw` the
        share of a weight that a step takes off at rate 1.
      bias_rate: Factor of the rate for biases, for `sgd`.
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
      calibrate_random: Whether batch normalisation in random frozen stages gets the
        statistics of training images (see `calibration`); else those of a new network.
    """

    steps: int = 1500
    batch_size: int = 32
    optimizer: str = "sgd"
    learning_rate: float = 0.005
    schedule: str = "steps"
    warmup: int = 0
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
    calibrate_random: bool = False

    def __post_init__(self):
        size, crop, drops = self.image_size, self.crop_size, self.rate_drops
        steps = self.steps
        comma = ", ".join
        for name, holds, needed in (
            ("steps", self.steps >= 1, "at least 1"),
            ("batch_size", self.batch_size >= 1, "at least 1"),
            ("optimizer", self.optimizer in OPTIMIZERS, f"one of {comma(OPTIMIZERS)}"),
            ("learning_rate", 0 < self.learning_rate < math.inf, "a number above 0"),
            ("schedule", self.schedule in SCHEDULES, f"one of {comma(SCHEDULES)}"),
            ("warmup", 0 <= self.warmup < steps, f"from 0 to under {steps} steps"),
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
        if self.optimizer == "adamw" and self.precision == "float16":
            raise UserError(
                "--optimizer=adamw needs --precision=bfloat16 or float32, found"
                " float16: give one of them"
            )

    @property
    def rates(self) -> tuple[float, ...]:
        """The rate before the first drop and after each of them."""
        return tuple(
            self.learning_rate * self.drop_factor**drops
            for drops in range(len(self.rate_drops) + 1)
        )

    def learning_rate_at(self, step: int) -> float:
        """The rate of a step, counted from 0."""
        if self.schedule == "cosine":
            fall = self.steps - self.warmup
            left = min(self.steps - step, fall) / fall
            # (1 + cos x) / 2 would subtract nearly equal numbers at the end.
            rate = self.learning_rate * math.sin(math.pi / 2 * left) ** 2
        else:
            rate = self.rates[sum(step >= drop for drop in self.rate_drops)]
        # No step has the rate 0.
        return rate * min((step + 1) / (self.warmup + 1), 1)

    @property
    def moments(self) -> int:
        """Numbers that the optimizer keeps for each trained weight."""
        return 2 if self.optimizer == "adamw" else 1

    @property
    def validation_batch_size(self) -> int:
        """Images per step of validation; fewer where their activations are large."""
        return 50 if self.crop_size > 64 else 250

    def validation_steps(self) -> tuple[int, ...]:
        """Numbers of steps after which the network is validated, up to `steps`."""
        regular = range(self.validate_every, self.steps, self.validate_every)
        return (*regular, self.steps)

    def settings(self) -> dict[str, Any]:
        """The recipe as plain values, for records: what training depends on."""
        values = dataclasses.asdict(self)
        unused = {name for name, usual in _LATER.items() if values[name] == usual}
        if self.optimizer == "adamw":
            unused.add("bias_rate")
        if self.schedule == "cosine":
            unused |= {"rate_drops", "drop_factor"}
        return {name: value for name, value in values.items() if name not in unused}
