"""The cells of the experiment: `baseB`, `B3B`, `A3B+`, `A3B~1`, `R3B`.

A treatment says where the first n layers of a network come from, whether they
are frozen, and which half of the classes the network is trained on (paper,
section 2). A and B may swap roles: `B3A` is `A3B` with the halves exchanged.
`A3B~1` is from the authors' notebook, not the paper: besides the 3 frozen
layers, 1 layer above them is copied from the base network too, and is trained.
"""

import dataclasses
import re
from collections.abc import Iterable, Sequence

from yosinski_tf.system.errors import UserError

MAX_COPIED_LAYERS = 7
LAYERS = range(1, MAX_COPIED_LAYERS + 1)

_BASE = re.compile(r"base([ABW])")
_COPY = re.compile(r"([AB])([0-9])([AB])(\+|~([0-9]))?")
_RANDOM = re.compile(r"R([0-9])([ABW])")


@dataclasses.dataclass(frozen=True)
class Treatment:
    """One cell of the experiment.

    Attributes:
      source: Half that the copied layers were trained on: `A` or `B`; `R` for
        layers at their random initial values; None for a base network.
      n: Number of layers copied, counted from the input; 0 for a base.
      target: Half the network is trained on: `A`, `B`, or `W` for the whole
        set of classes.
      fine_tuned: Whether the copied layers are trained too (`+`); for frozen
        copies and for bases it is False.
      preserved: How many layers above the n frozen ones are copied too, and trained
        (`~1`, `~2`, ...); 0 for none.
    """

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
    def kind(self) -> str:
        """`base`, `selffer` (BnB), `transfer` (AnB) or `random` (RnB)."""
        if self.source is None:
            return "base"
        if self.source == "R":
            return "random"
        return "selffer" if self.source == self.target else "transfer"

    @property
    def _ending(self) -> str:
        if self.preserved:
            return f"~{self.preserved}"
        return "+" if self.fine_tuned else ""

    @property
    def frozen_layers(self) -> int:
        """Number of layers, counted from the input, that are never trained."""
        return 0 if self.fine_tuned else self.n

    @property
    def copied_layers(self) -> int:
        """Number of layers, counted from the input, that start as copies."""
        return self.n + self.preserved

    @property
    def copied_from_base(self) -> str | None:
        """The half whose base network this one starts from, or None."""
        return self.source if self.source in ("A", "B") else None

    @property
    def family(self) -> str:
        """The paper's name for the curve that this network belongs to.

        One of `base`, `BnB`, `BnB+`, `AnB`, `AnB+`, `RnB`, or `BnB~k` and `AnB~k`
        for k preserved layers, for either target half: B3A belongs to AnB.
        """
        if self.kind == "base":
            return "base"
        curve = {"selffer": "BnB", "transfer": "AnB", "random": "RnB"}[self.kind]
        return curve + self._ending


def base_network(target: str) -> Treatment:
    """The base network of a half."""
    return Treatment(source=None, n=0, target=target)


def parse_treatment(text: str) -> Treatment:
    """Reads one treatment, such as `R3W`; `str` of the result is the text again.

    Raises:
      UserError: If the text is not in the grammar, n is not in 1..7, or layers
        above the seventh are preserved.
    """
    if match := _BASE.fullmatch(text):
        return base_network(match[1])
    if match := _RANDOM.fullmatch(text):
        treatment = Treatment(source="R", n=int(match[1]), target=match[2])
    elif match := _COPY.fullmatch(text):
        source, n, target, ending, preserved = match.groups()
        treatment = Treatment(
            source=source,
            n=int(n),
            target=target,
            fine_tuned=ending == "+",
            preserved=int(preserved or 0),
        )
        if preserved == "0":
            raise UserError(
                f"treatment {text!r} preserves 0 layers: leave out ~0, or preserve"
                " at least one"
            )
    else:
        raise UserError(
            f"unknown treatment {text!r}: give baseA, baseB or baseW; a source half,"
            " n and a target half such as A3B or B3B, with + for fine-tuned or ~1 to"
            " preserve one layer above the frozen ones; or R3B (or R3W) for random"
            f" frozen layers, n from 1 to {MAX_COPIED_LAYERS}"
        )
    if treatment.n not in LAYERS:
        raise UserError(
            f"treatment {text!r} copies {treatment.n} layers: give n from 1"
            f" to {MAX_COPIED_LAYERS}"
        )
    if treatment.copied_layers > MAX_COPIED_LAYERS:
        raise UserError(
            f"treatment {text!r} copies {treatment.copied_layers} layers: n and the"
            f" preserved layers may be {MAX_COPIED_LAYERS} together at most"
        )
    return treatment


def parse_treatments(texts: Iterable[str]) -> tuple[Treatment, ...]:
    """Reads several treatments.

    Raises:
      UserError: If one of them is not in the grammar or is named twice.
    """
    treatments = tuple(parse_treatment(text) for text in texts)
    check_named_once("treatment", list(map(str, treatments)))
    return treatments


def check_named_once(what: str, names: Sequence[str | int]) -> None:
    """Raises a UserError if a name is in a list twice."""
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{what} {name!r} is named twice: name it once")


def all_treatments(targets: Iterable[str] = ("A", "B")) -> tuple[Treatment, ...]:
    """Every treatment of the paper for the given target halves, n = 1..7.

    For each target half 36: its base, and random, selffer and transfer networks,
    the last two frozen and fine-tuned. Preserved layers, which are not in the
    paper, are not included.
    """
    names = []
    for own in targets:
        other = {"A": "B", "B": "A"}[own]
        curves = (f"Rn{own}", f"{own}n{own}", f"{own}n{own}+")
        curves += (f"{other}n{own}", f"{other}n{own}+")
        names += [f"base{own}", *numbered(curves)]
    return parse_treatments(names)


def numbered(curves: Iterable[str]) -> list[str]:
    """The networks of curves such as `AnB+`, n = 1..7."""
    return [curve.replace("n", str(n)) for curve in curves for n in LAYERS]


def brief(treatments: Iterable[Treatment]) -> str:
    """Treatments on one short line: `baseB R1B..R7B A1B+ A4B+..A7B+`.

    Treatments that differ only in n are put together, in the order of n, at
    the place of the first of them.
    """
    curves: dict[Treatment, list[Treatment]] = {}
    for treatment in treatments:
        curves.setdefault(dataclasses.replace(treatment, n=0), []).append(treatment)
    words = []
    for curve in curves.values():
        stretches: list[list[Treatment]] = []
        for treatment in sorted(curve, key=lambda each: each.n):
            if not stretches or treatment.n > stretches[-1][-1].n + 1:
                stretches.append([])
            stretches[-1].append(treatment)
        for stretch in stretches:
            long = len(stretch) > 2
            words += [f"{stretch[0]}..{stretch[-1]}"] if long else map(str, stretch)
    return " ".join(words)
