"""The cells of the paper's experiment: `baseB`, `B3B`, `A3B+`, `R3B`.

A treatment says where the first n layers of a network come from, whether they
are frozen, and which half of the classes the network is trained on (paper,
section 2). A and B swap roles freely: `B3A` is `A3B` of the mirrored split.
"""

import dataclasses
import re
from collections.abc import Iterable

from yosinski_tf.errors import UserError

MAX_COPIED_LAYERS = 7

_BASE = re.compile(r"base([ABW])")
_COPY = re.compile(r"([AB])([0-9])([AB])(\+?)")
_RANDOM = re.compile(r"R([0-9])([ABW])")
_WANTED = (
    "wanted baseA, baseB or baseW; a source half, n and a target half such as"
    " A3B or B3B, with + for fine-tuned; or R3B (or R3W) for random frozen"
    f" layers, n from 1 to {MAX_COPIED_LAYERS}"
)


@dataclasses.dataclass(frozen=True, order=True)
class Treatment:
    """One cell of the experiment.

    Attributes:
      kind: `base`, `selffer` (BnB), `transfer` (AnB) or `random` (RnB).
      source: Half that the copied layers were trained on: `A` or `B`; `R` for
        layers at their random initial values; None for a base network.
      n: Number of layers copied, counted from the input; 0 for a base.
      target: Half the network is trained on: `A`, `B`, or `W` for the whole
        set of classes.
      fine_tuned: Whether the copied layers are trained too (`+`); for frozen
        copies and for bases it is False.
    """

    kind: str
    source: str | None
    n: int
    target: str
    fine_tuned: bool = False

    def __str__(self) -> str:
        if self.kind == "base":
            return f"base{self.target}"
        plus = "+" if self.fine_tuned else ""
        return f"{self.source}{self.n}{self.target}{plus}"

    @property
    def frozen_layers(self) -> int:
        """How many layers, counted from the input, are never trained."""
        return 0 if self.fine_tuned else self.n

    @property
    def copied_from_base(self) -> str | None:
        """The half whose base network this one starts from, or None."""
        return self.source if self.source in ("A", "B") else None

    @property
    def family(self) -> str:
        """The paper's name for the curve this network is a point of.

        One of `base`, `BnB`, `BnB+`, `AnB`, `AnB+`, `RnB`, whichever way round
        the halves are: B3A belongs to the curve AnB.
        """
        if self.kind == "base":
            return "base"
        curve = {"selffer": "BnB", "transfer": "AnB", "random": "RnB"}[self.kind]
        return curve + ("+" if self.fine_tuned else "")


def parse_treatment(text: str) -> Treatment:
    """Reads one treatment; `str` of the result gives the same text back.

    Args:
      text: For example `baseA`, `B3B`, `A3B+`, `R3B`, `R3W`.

    Raises:
      UserError: If the text is not in the grammar or n is not in 1..7.
    """
    if match := _BASE.fullmatch(text):
        return Treatment("base", None, 0, match[1])
    if match := _RANDOM.fullmatch(text):
        treatment = Treatment("random", "R", int(match[1]), match[2])
    elif match := _COPY.fullmatch(text):
        source, n, target, plus = match.groups()
        kind = "selffer" if source == target else "transfer"
        treatment = Treatment(kind, source, int(n), target, plus == "+")
    else:
        raise UserError(f"unknown treatment {text!r}: {_WANTED}")
    if not 1 <= treatment.n <= MAX_COPIED_LAYERS:
        raise UserError(
            f"treatment {text!r} copies {treatment.n} layers: n must be from 1"
            f" to {MAX_COPIED_LAYERS}"
        )
    return treatment


def parse_treatments(texts: Iterable[str]) -> tuple[Treatment, ...]:
    """Reads several treatments, refusing one that is named twice.

    Raises:
      UserError: If one of them is not in the grammar or is repeated.
    """
    treatments = tuple(parse_treatment(text) for text in texts)
    for treatment in treatments:
        if treatments.count(treatment) > 1:
            raise UserError(
                f"treatment {str(treatment)!r} is named twice: name it once"
            )
    return treatments


def all_treatments(targets: Iterable[str] = ("A", "B")) -> tuple[Treatment, ...]:
    """Every treatment of the paper for the given target halves, n = 1..7.

    For each target half: its base, random features, selffer and transfer
    networks, frozen and fine-tuned: 36 networks.
    """
    found = []
    for target in targets:
        other = {"A": "B", "B": "A"}[target]
        found.append(Treatment("base", None, 0, target))
        layers = range(1, MAX_COPIED_LAYERS + 1)
        found += [Treatment("random", "R", n, target) for n in layers]
        for kind, source in (("selffer", target), ("transfer", other)):
            for fine_tuned in (False, True):
                found += [
                    Treatment(kind, source, n, target, fine_tuned) for n in layers
                ]
    return tuple(found)
