"""Which networks make up the paper's experiment, as named plans.

`released` and `reduced` are the 170 networks of the authors: 10 bases on a
half, 140 networks with copied layers, the base on the whole set, 7 with random
layers and 12 on reduced data. The authors released the logs of 148. The other
22, all fine-tuned, are named in their plotting notebook
(github.com/yosinski/convnet_transfer, plots/transfer_plots.ipynb), whose stored
output lists every run it read. On splits 0 and 1 these are AnB+ in both
directions and BnB+ trained on half A. No network was fine-tuned on splits 2 and
3 or on the natural and man-made split, and no BnB was trained on half B.

`complete` has every treatment on every split (not in the paper).
"""

import dataclasses
from collections.abc import Sequence

from yosinski_tf.experiment.treatments import LAYERS, Treatment, parse_treatments
from yosinski_tf.system.errors import UserError

REDUCED_COUNTS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 750, 1000, 1300)
PLANS = ("released", "complete", "reduced")

_RANDOM_SPLITS = ("random:0", "random:1", "random:2", "random:3")
# Half A is natural, B man-made, as in the released files.
_DISTANT = "natural_manmade"
_BASES = ("baseA", "baseB")


@dataclasses.dataclass(frozen=True)
class PlanPart:
    """The treatments that a plan trains on one split.

    Attributes:
      split: The split's name, see `splits.make_split`.
      treatments: The treatments.
    """

    split: str
    treatments: tuple[Treatment, ...]


def parts_of(splits: Sequence[str], treatments: Sequence[Treatment]) -> list[PlanPart]:
    """The same treatments on every split."""
    return [PlanPart(split, tuple(treatments)) for split in splits]


def named_plan(name: str) -> list[PlanPart]:
    """The networks of a plan, on ImageNet's classes.

    Args:
      name: `released`: the 158 networks that the authors trained with their main
        recipe. `complete`: 298 networks, every treatment in both directions on
        every split. `reduced`: 12 networks on all classes with few images. The
        authors trained these with a shorter recipe, so they need a study folder
        of their own.

    Raises:
      UserError: If no plan has this name.
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
    raise UserError(f"--plan needs one of {', '.join(PLANS)}, found {name!r}")


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
    return [name.replace("n", str(n)) for name in names for n in LAYERS]


def _part(split: str, names: list[str]) -> PlanPart:
    return PlanPart(split, parse_treatments([*_BASES, *names]))


def _whole() -> PlanPart:
    return PlanPart("whole", parse_treatments([*_curves("RnW"), "baseW"]))
