"""A study: all its runs, what depends on what, and what is still missing."""

import dataclasses
from collections.abc import Sequence

from yosinski_tf.experiment.splits import Split
from yosinski_tf.experiment.treatments import Treatment
from yosinski_tf.system.errors import UserError


@dataclasses.dataclass(frozen=True)
class Run:
    """One network to train: split x treatment x seed.

    The network's description, the recipe and the data set are the same for
    all runs of a study folder.

    Attributes:
      split: How the classes fall into halves; the split `whole` or `first:N`
        for target W.
      treatment: Where its layers come from and what it is trained on.
      seed: Tells repetitions apart.
    """

    split: Split
    treatment: Treatment
    seed: int

    @property
    def run_id(self) -> str:
        """Its identity, which is also the name of its folder."""
        return f"{self.split.slug}_{self.treatment}_seed{self.seed}"

    @property
    def base(self) -> "Run | None":
        """The base network that its first layers come from, if any."""
        half = self.treatment.copied_from_base
        if half is None:
            return None
        return Run(self.split, Treatment("base", None, 0, half), self.seed)


def make_runs(
    parts: Sequence[tuple[Split, Sequence[Treatment]]],
    whole: Split,
    seeds: Sequence[int],
    *,
    with_bases: bool,
) -> tuple[Run, ...]:
    """All runs of a study, bases before what copies from them.

    Args:
      parts: Splits, and what to run on each of them.
      whole: The split that treatments on the whole set (W) belong to, unless
        their own has no halves (`whole` or `first:N`).
      seeds: Repetitions.
      with_bases: Whether to add the base networks that treatments copy from.

    Raises:
      UserError: If a split or seed is named twice, or a split without halves
        has a treatment on a half.
    """
    for name, values in (
        ("split", [split.slug for split, _ in parts]),
        ("seed", seeds),
    ):
        for value in values:
            if list(values).count(value) > 1:
                raise UserError(f"{name} {value} is named twice: name it once")
    runs: dict[Run, None] = {}
    for seed in seeds:
        for split, treatments in parts:
            for treatment in treatments:
                has_halves = not split.undivided
                home = whole if has_halves and treatment.target == "W" else split
                # Refuses a half that the split does not have.
                home.classes(treatment.target)
                run = Run(home, treatment, seed)
                if with_bases and run.base:
                    runs[run.base] = None
                runs[run] = None
    return tuple(sorted(runs, key=lambda run: run.base is not None))
