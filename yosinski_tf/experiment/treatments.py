"""The cells of the experiment: `baseB`, `B3B`, `A3B+`, `A3B~1`, `R3B`, `P3W`.

A treatment says where the first n layers of a network come from, whether they
are frozen, and which half of the classes the network is trained on (paper,
section 2). A and B may swap roles: `B3A` is `A3B` with the halves exchanged.
`A3B~1` is from the authors' notebook, not the paper: besides the 3 frozen
layers, 1 layer above them is copied from the base network too, and is trained.
The source P, not in the paper either, is a trained network that is given; it may be
copied to a half or to the whole set of classes (W).

In a network that is cut into stages, n counts these instead of layers. How many there
are is not known here, see `check_stages`.
"""

import dataclasses
import re
from collections.abc import Iterable, Sequence

from yosinski_tf.system.errors import UserError

PAPER_STAGES = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
# The n of the paper.
LAYERS = range(1, len(PAPER_STAGES))

_KINDS = {"P": "given", "R": "random"}
_CURVES = {"selffer": "BnB", "transfer": "AnB", "given": "PnB", "random": "RnB"}
_BASE = re.compile(r"base([ABW])")
_CURVE = re.compile(r"[ABPR]n[ABW]\+?")
_NUMBER = "(0|[1-9][0-9]{0,2})"
_COPY = re.compile(rf"([ABPR]){_NUMBER}([ABW])(?:(\+)|~{_NUMBER})?")


@dataclasses.dataclass(frozen=True)
class Treatment:
    """One cell of the experiment.

    Attributes:
      source: Half that the copied layers were trained on: `A` or `B`; `P` for those
        of the given network; `R` for layers at their random initial values; None for
        a base network.
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
        """`base`, `selffer` (BnB), `transfer` (AnB), `given` (PnB), `random` (RnB)."""
        if self.source is None:
            return "base"
        if self.source in _KINDS:
            return _KINDS[self.source]
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
        """The half whose base network this one starts from; None for others."""
        return self.source if self.source in ("A", "B") else None

    @property
    def family(self) -> str:
        """The paper's name for the curve that this network belongs to.

        One of `base`, `BnB`, `BnB+`, `AnB`, `AnB+`, `PnB`, `PnB+`, `RnB`, or `BnB~k`,
        `AnB~k` and `PnB~k` for k preserved layers, for any target: B3A belongs to AnB
        and P3W to PnB.
        """
        return "base" if self.kind == "base" else _CURVES[self.kind] + self._ending


def base_network(target: str) -> Treatment:
    """The base network of a half."""
    return Treatment(source=None, n=0, target=target)


def parse_treatment(text: str) -> Treatment:
    """Reads one treatment, such as `R3W`; `str` of the result is the text again.

    Raises:
      UserError: If the text is not in the grammar, or n is 0.
    """
    if match := _BASE.fullmatch(text):
        return base_network(match[1])
    match = _COPY.fullmatch(text)
    if match is None or not _is_in_grammar(*match.groups()):
        raise UserError(
            f"unknown treatment {text!r}: give baseA, baseB or baseW; a source half,"
            " n and a target half such as A3B or B3B, with + for fine-tuned or ~1 to"
            " preserve one layer above the frozen ones; P3B (or P3W) in the same way"
            " for the layers of a given network; or R3B (or R3W) for random frozen"
            " layers"
        )
    source, n, target, plus, preserved = match.groups()
    if preserved == "0":
        raise UserError(
            f"treatment {text!r} preserves 0 layers: leave out ~0, or preserve at least"
            " one"
        )
    if n == "0":
        raise UserError(f"treatment {text!r} copies 0 layers: give n from 1 on")
    return Treatment(
        source=source,
        n=int(n),
        target=target,
        fine_tuned=plus is not None,
        preserved=int(preserved or 0),
    )


def _is_in_grammar(
    source: str, _: str, target: str, plus: str | None, preserved: str | None
) -> bool:
    if source == "R":
        return plus is None and preserved is None
    # A base network knows its half only: nothing is copied from it to all classes.
    return source == "P" or target != "W"


def check_stages(
    treatments: Iterable[Treatment], network_name: str, stage_count: int
) -> None:
    """Checks that a network has the stages that treatments copy.

    At least the last stage, with the classifier, is new in every copy.

    Raises:
      UserError: If a treatment copies as many stages as the network has, or more.
    """
    for treatment in treatments:
        if treatment.copied_layers >= stage_count:
            what, found = "n", str(treatment)
            if treatment.preserved:
                what = "n and the preserved layers together"
                found += f", which copies {treatment.copied_layers}"
            raise UserError(
                f"{network_name} has {stage_count} stages: {what} from 1 to"
                f" {stage_count - 1}, found {found}"
            )


def parse_treatments(
    texts: Iterable[str], stage_count: int = len(PAPER_STAGES)
) -> tuple[Treatment, ...]:
    """Reads several treatments, ranges such as `A1B+..A3B+`, and curves such as `AnB+`.

    A curve stands for every n of a network with `stage_count` stages.

    Raises:
      UserError: If one of them is not in the grammar or is named twice, or the ends of
        a range differ in more than n, or do not rise.
    """
    names: list[str] = []
    for text in texts:
        curve = _CURVE.fullmatch(text)
        names += numbered([text], stage_count) if curve else [text]
    treatments = tuple(each for name in names for each in _parse_range(name))
    check_named_once("treatment", list(map(str, treatments)))
    return treatments


def _parse_range(text: str) -> list[Treatment]:
    ends = [parse_treatment(end) for end in text.split("..", 1)]
    first, last = ends[0], ends[-1]
    if len(ends) == 1:
        return ends
    if dataclasses.replace(first, n=last.n) != last or first.n >= last.n:
        raise UserError(
            "a range of treatments needs two that differ in a rising n, such as"
            f" A1B+..A7B+, found {text!r}: name them one by one"
        )
    return [dataclasses.replace(first, n=n) for n in range(first.n, last.n + 1)]


def check_halves(
    treatments: Iterable[Treatment], split_name: str, *, has_source: bool
) -> None:
    """Checks that treatments are of all classes, for a split without halves.

    Args:
      treatments: What is to be trained.
      split_name: Name of the split.
      has_source: Whether a network P is given.

    Raises:
      UserError: If one of them needs a half.
    """
    for treatment in treatments:
        if treatment.target == "W":
            continue
        whole = dataclasses.replace(treatment, target="W")
        if treatment.copied_from_base:
            whole = dataclasses.replace(whole, source="P")
        advice = f"give {whole} for all classes"
        if whole.source == "P" and not has_source:
            advice = "give baseW for all classes, or P3W with a network as --source"
        raise UserError(
            f"split {split_name} has no half {treatment.target}, found {treatment}:"
            f" {advice}, or choose another split, such as random:0"
        )


def check_named_once(what: str, names: Sequence[str | int]) -> None:
    """Raises a UserError if a name is in a list twice."""
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{what} {name!r} is named twice: name it once")


def all_treatments(
    targets: Iterable[str] = ("A", "B"), stage_count: int = len(PAPER_STAGES)
) -> tuple[Treatment, ...]:
    """Every treatment of the paper for the given target halves and every n.

    For each target half its base, and random, selffer and transfer networks, the last
    two frozen and fine-tuned: 36 in a network of eight stages. Preserved layers and
    the source P, which are not in the paper, are not included.
    """
    names = []
    for own in targets:
        other = {"A": "B", "B": "A"}[own]
        curves = (f"Rn{own}", f"{own}n{own}", f"{own}n{own}+")
        curves += (f"{other}n{own}", f"{other}n{own}+")
        names += [f"base{own}", *numbered(curves, stage_count)]
    return parse_treatments(names)


def given_treatments(target: str, stage_count: int) -> tuple[Treatment, ...]:
    """What answers how many stages of P to keep: the base, and RnX, PnX, PnX+.

    (Not in the paper.)
    """
    curves = [f"Rn{target}", f"Pn{target}", f"Pn{target}+"]
    return parse_treatments([f"base{target}", *curves], stage_count)


def numbered(curves: Iterable[str], stage_count: int = len(PAPER_STAGES)) -> list[str]:
    """The networks of curves such as `AnB+`, for every n of a network."""
    numbers = range(1, stage_count)
    return [curve.replace("n", str(n)) for curve in curves for n in numbers]


def brief(treatments: Iterable[Treatment]) -> str:
    """Treatments on one short line: `baseB R1B..R7B A1B+ A4B+..A7B+`.

    `parse_treatments` reads the words of this line.

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
