"""Runs: the networks to train, and the base that each of them needs."""

import dataclasses
from collections.abc import Sequence

from yosinski_tf.experiment.splits import Split
from yosinski_tf.experiment.treatments import Treatment, base_network, check_named_once


@dataclasses.dataclass(frozen=True)
class Run:
    """One network to train: split x treatment x seed.

    The network's description, the recipe and the data set are the same for
    all runs of a study folder.

    Attributes:
      split: How the classes fall into halves; `whole` or `first:N` for the
        target W.
      treatment: Where its layers come from and what it is trained on.
      seed: Seed of its initial weights, dropout and batches.
    """

    split: Split
    treatment: Treatment
    seed: int

    @property
    def run_id(self) -> str:
        """Its identity, and the name of its folder."""
        return f"{self.split.slug}_{self.treatment}_seed{self.seed}"

    @property
    def base(self) -> "Run | None":
        """The base network that its first layers are copied from, if any.

        None for copies of a given network: these wait for nothing.
        """
        half = self.treatment.copied_from_base
        return Run(self.split, base_network(half), self.seed) if half else None


def make_runs(
    parts: Sequence[tuple[Split, Sequence[Treatment]]],
    whole: Split,
    seeds: Sequence[int],
    *,
    with_bases: bool,
) -> tuple[Run, ...]:
    """All runs of a study, bases before the runs that copy from them.

    Args:
      parts: Splits, and the treatments of each of them.
      whole: The split `whole`, which replaces a split with halves for
        treatments of the whole set (W).
      seeds: Each repeats all runs.
      with_bases: Whether to add the base networks that treatments copy from.

    Raises:
      UserError: If a split or seed is named twice, or a treatment needs a half
        and its split has none.
    """
    check_named_once("split", [split.slug for split, _ in parts])
    check_named_once("seed", seeds)
    runs: dict[Run, None] = {}
    for seed in seeds:
        for split, treatments in parts:
            for treatment in treatments:
                on_all = treatment.target == "W" and not split.undivided
                home = whole if on_all else split
                # Raises for a half that the split does not have.
                home.classes(treatment.target)
                run = Run(home, treatment, seed)
                if with_bases and run.base:
                    runs[run.base] = None
                runs[run] = None
    return tuple(sorted(runs, key=lambda run: run.base is not None))
