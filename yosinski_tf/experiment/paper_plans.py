"""Which networks make up the paper's experiment, as named plans.

`released` and `reduced` are the 170 networks of the authors: 10 bases on a
half, 140 networks with copied layers, the base on the whole set, 7 with random
layers and 12 on reduced data. The authors released the logs of 148. The other
22, all fine-tuned, are named in their plotting notebook
(github.com/yosinski/convnet_transfer, plots/transfer_plots.ipynb), whose stored
output lists every run it read. On splits 0 and 1 these are AnB+ in both
directions and BnB+ trained on half A. No network was fine-tuned on splits 2 and
3 or on the natural and man-made split, and no BnB was trained on half B.

`complete` has BnB, BnB+, AnB and AnB+ both ways on every split (not in the paper).
"""

import dataclasses

from yosinski_tf.experiment.treatments import Treatment, numbered, parse_treatments
from yosinski_tf.system.errors import UserError

REDUCED_COUNTS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 750, 1000, 1300)
PLANS = ("released", "complete", "reduced")

# The curves of a plan on each split, n = 1..7, besides the base of either half. Half A
# of the last split is natural, B man-made, as in the released files.
_FROZEN = ("AnA", "AnB", "BnA")
_FINE_TUNED = ("AnA+", "AnB+", "BnA+")
_CURVES = {
    "released": {
        "random:0": _FROZEN + _FINE_TUNED,
        "random:1": _FROZEN + _FINE_TUNED,
        "random:2": _FROZEN,
        "random:3": _FROZEN,
        "natural_manmade": ("AnB", "BnA"),
    },
    "complete": dict.fromkeys(
        ("random:0", "random:1", "random:2", "random:3", "natural_manmade"),
        ("AnA", "AnA+", "BnB", "BnB+", "AnB", "AnB+", "BnA", "BnA+"),
    ),
}


@dataclasses.dataclass(frozen=True)
class PlanPart:
    """The treatments that a plan trains on one split, named as in `make_split`."""

    split: str
    treatments: tuple[Treatment, ...]


def named_plan(name: str) -> list[PlanPart]:
    """The networks of a plan, on ImageNet's classes.

    `released` are 158, trained with the authors' main recipe, and `complete` are 298.
    The authors trained the 12 of `reduced`, on all classes with few images, with a
    shorter recipe, so they need a study folder of their own.

    Raises:
      UserError: If no plan has this name.
    """
    if name == "reduced":
        base = parse_treatments(["baseW"])
        return [PlanPart(f"first:{count}", base) for count in REDUCED_COUNTS]
    if name not in PLANS:
        raise UserError(f"--plan needs one of {', '.join(PLANS)}, found {name!r}")
    names = {
        split: ["baseA", "baseB", *numbered(curves)]
        for split, curves in _CURVES[name].items()
    }
    names["whole"] = [*numbered(["RnW"]), "baseW"]
    return [PlanPart(split, parse_treatments(each)) for split, each in names.items()]
