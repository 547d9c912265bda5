"""Which networks make up the paper's experiment, as named plans.

`released` is what the authors' released files hold. Its networks and those of
`reduced` are 170: 10 on a half, 140 transfers, the base on the whole set, 7 on
random layers and 12 on reduced data. 148 of them have a log among those files.
The other 22, all fine-tuned, are known by name from the authors' plotting
notebook (github.com/yosinski/convnet_transfer, plots/transfer_plots.ipynb),
whose stored output lists every run it read: of splits 0 and 1, AnB+ in both
directions and BnB+ trained on half A. No run was fine-tuned on splits 2 and 3
or on the natural and man-made split, and no BnB was trained on half B.

`complete` is the design without those gaps (not in the paper).
"""

import dataclasses
from collections.abc import Sequence

from yosinski_tf.experiment.treatments import (
    MAX_COPIED_LAYERS,
    Treatment,
    parse_treatments,
)
from yosinski_tf.system.errors import UserError

REDUCED_COUNTS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 750, 1000, 1300)
PLANS = ("released", "complete", "reduced")

_RANDOM_SPLITS = ("random:0", "random:1", "random:2", "random:3")
# A natural, B man-made, as in the released files.
_DISTANT = "natural_manmade"
_BASES = ("baseA", "baseB")


@dataclasses.dataclass(frozen=True)
class PlanPart:
    """What is trained on one split.

    Attributes:
      split: The split's name, see `splits.make_split`.
      treatments: What is trained on it.
    """

    split: str
    treatments: tuple[Treatment, ...]


def parts_of(splits: Sequence[str], treatments: Sequence[Treatment]) -> list[PlanPart]:
    """The same treatments on every split."""
    return [PlanPart(split, tuple(treatments)) for split in splits]


def named_plan(name: str) -> list[PlanPart]:
    """The networks of a plan, on ImageNet's classes.

    Args:
      name: `released`: 158 networks, what the authors ran with the main recipe.
        `complete`: 298 networks, with every treatment in both directions on
        every split. `reduced`: 12 networks on all classes with few images; the
        authors trained them with a shorter recipe, hence in a study folder of
        their own.

    Raises:
      UserError: If there is no such plan.
    """
    if name == "released":
        return _released()
    if name == "complete":
        curves = _curves("AnA", "AnA+", "BnB", "BnB+", "AnB", "AnB+", "BnA", "BnA+")
        return [
            *(_part(split, curves) for split in (*_RANDOM_SPLITS, _DISTANT)),
            _whole(),
        ]
    if name == "reduced":
        base = parse_treatments(["baseW"])
        return [PlanPart(f"first:{count}", base) for count in REDUCED_COUNTS]
    raise UserError(f"unknown plan {name!r}: wanted one of {', '.join(PLANS)}")


def _released() -> list[PlanPart]:
    frozen = _curves("AnA", "AnB", "BnA")
    fine_tuned = _curves("AnA+", "AnB+", "BnA+")
    return [
        *(_part(split, frozen + fine_tuned) for split in _RANDOM_SPLITS[:2]),
        *(_part(split, frozen) for split in _RANDOM_SPLITS[2:]),
        _part(_DISTANT, _curves("AnB", "BnA")),
        _whole(),
    ]


def _curves(*names: str) -> list[str]:
    layers = range(1, MAX_COPIED_LAYERS + 1)
    return [name.replace("n", str(n)) for name in names for n in layers]


def _part(split: str, names: list[str]) -> PlanPart:
    return PlanPart(split, parse_treatments([*_BASES, *names]))


def _whole() -> PlanPart:
    return PlanPart("whole", parse_treatments([*_curves("RnW"), "baseW"]))
