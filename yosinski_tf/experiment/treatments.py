"""The cells of the experiment: `baseB`, `B3B`, `A3B+`, `A3B~1`, `R3B`.

A treatment says where the first n layers of a network come from, whether they
are frozen, and which half of the classes the network is trained on (paper,
section 2). A and B swap roles freely: `B3A` is `A3B` of the mirrored split.
`A3B~1` is of the authors' notebook, not of the paper: the 1 layer above the
frozen ones starts from the base network too, and is trained.
"""

import dataclasses
import re
from collections.abc import Iterable

from yosinski_tf.system.errors import UserError

MAX_COPIED_LAYERS = 7

_BASE = re.compile(r"base([ABW])")
_COPY = re.compile(r"([AB])([0-9])([AB])(\+|~([0-9]))?")
_RANDOM = re.compile(r"R([0-9])([ABW])")
_WANTED = (
    "wanted baseA, baseB or baseW; a source half, n and a target half such as"
    " A3B or B3B, with + for fine-tuned or ~1 to preserve one layer above the"
    " frozen ones; or R3B (or R3W) for random frozen layers, n from 1 to"
    f" {MAX_COPIED_LAYERS}"
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
      preserved: How many layers above the n frozen ones start from the base
        network as well, and are trained (`~1`, `~2`, ...; authors' notebook, not
        in the paper); 0 for none.
    """

    kind: str
    source: str | None
    n: int
    target: str
    fine_tuned: bool = False
    preserved: int = 0

    def __str__(self) -> str:
        if self.kind == "base":
            return f"base{self.target}"
        return f"{self.source}{self.n}{self.target}{self._ending}"

    @property
    def _ending(self) -> str:
        if self.preserved:
            return f"~{self.preserved}"
        return "+" if self.fine_tuned else ""

    @property
    def frozen_layers(self) -> int:
        """How many layers, counted from the input, are never trained."""
        return 0 if self.fine_tuned else self.n

    @property
    def copied_layers(self) -> int:
        """How many layers, counted from the input, start as copies."""
        return self.n + self.preserved

    @property
    def copied_from_base(self) -> str | None:
        """The half whose base network this one starts from, or None."""
        return self.source if self.source in ("A", "B") else None

    @property
    def family(self) -> str:
        """The paper's name for the curve this network is a point of.

        One of `base`, `BnB`, `BnB+`, `AnB`, `AnB+`, `RnB`, or `BnB~k` and `AnB~k`
        for k preserved layers, whichever way round the halves are: B3A belongs
        to the curve AnB.
        """
        if self.kind == "base":
            return "base"
        curve = {"selffer": "BnB", "transfer": "AnB", "random": "RnB"}[self.kind]
        return curve + self._ending


def parse_treatment(text: str) -> Treatment:
    """Reads one treatment; `str` of the result gives the same text back.

    Args:
      text: For example `baseA`, `B3B`, `A3B+`, `A3B~1`, `R3B`, `R3W`.

    Raises:
      UserError: If the text is not in the grammar, n is not in 1..7, or layers
        are preserved beyond the seventh.
    """
    if match := _BASE.fullmatch(text):
        return Treatment("base", None, 0, match[1])
    if match := _RANDOM.fullmatch(text):
        treatment = Treatment("random", "R", int(match[1]), match[2])
    elif match := _COPY.fullmatch(text):
        source, n, target, ending, preserved = match.groups()
        kind = "selffer" if source == target else "transfer"
        treatment = Treatment(
            kind, source, int(n), target, ending == "+", int(preserved or 0)
        )
        if preserved == "0":
            raise UserError(
                f"treatment {text!r} preserves 0 layers: leave out ~0, or preserve"
                " at least one"
            )
    else:
        raise UserError(f"unknown treatment {text!r}: {_WANTED}")
    if not 1 <= treatment.n <= MAX_COPIED_LAYERS:
        raise UserError(
            f"treatment {text!r} copies {treatment.n} layers: n must be from 1"
            f" to {MAX_COPIED_LAYERS}"
        )
    if treatment.copied_layers > MAX_COPIED_LAYERS:
        raise UserError(
            f"treatment {text!r} takes {treatment.copied_layers} layers from the base"
            f" network: n and the preserved layers must be {MAX_COPIED_LAYERS}"
            " together at most"
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
    networks, frozen and fine-tuned: 36 networks. Preserved layers, which are
    not in the paper, are not among them.
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


def brief(treatments: Iterable[Treatment]) -> str:
    """Treatments in few words: `baseB R1B..R7B A1B+ A4B+..A7B+`.

    Those that differ in n alone stand together, in the order of n, where the
    first of them stood.
    """
    curves: dict[Treatment, list[Treatment]] = {}
    for treatment in treatments:
        curves.setdefault(dataclasses.replace(treatment, n=0), []).append(treatment)
    words = []
    for curve in curves.values():
        stretch: list[Treatment] = []
        for treatment in sorted(curve, key=lambda each: each.n):
            if stretch and treatment.n > stretch[-1].n + 1:
                words.append(_stretch(stretch))
                stretch = []
            stretch.append(treatment)
        words.append(_stretch(stretch))
    return " ".join(words)


def _stretch(treatments: list[Treatment]) -> str:
    if len(treatments) < 3:
        return " ".join(map(str, treatments))
    return f"{treatments[0]}..{treatments[-1]}"
