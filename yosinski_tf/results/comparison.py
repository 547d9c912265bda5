"""A study next to the paper's networks, treatment by treatment, n by n."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from yosinski_tf.results.network_result import (
    DIRECTIONS,
    DISTANT,
    LAYERS,
    RANDOM,
    WHOLE,
    NetworkResult,
    direction,
    families_of,
    of_kind,
    random_layers_kind,
)
from yosinski_tf.results.tables import (
    absolute_cells,
    kind_name,
    markdown,
    relative_cells,
    signed,
)


@dataclasses.dataclass(frozen=True)
class Row:
    """One treatment at one n, in both studies; None where one has none.

    Attributes:
      splits: Kind of split, of this study.
      target: What the networks of the natural and man-made split were trained
        on, `natural` or `man-made`; empty for other kinds.
      family: `base`, `BnB`, `BnB+`, `AnB`, `AnB+`, `RnB`, `BnB~k` or `AnB~k`.
      n: Number of copied layers; 0 for a base.
      ours: Mean top-1 of this study, per cent.
      ours_networks: Networks of this study.
      theirs: Mean top-1 of the released networks, per cent.
      theirs_networks: Released networks.
      ours_relative: Mean difference to the own base, percentage points.
      theirs_relative: The same for the released networks.
    """

    splits: str
    target: str
    family: str
    n: int
    ours: float | None
    ours_networks: int
    theirs: float | None
    theirs_networks: int
    ours_relative: float | None
    theirs_relative: float | None

    @property
    def difference(self) -> float | None:
        """Ours minus theirs, percentage points of accuracy."""
        return _minus(self.ours, self.theirs)

    @property
    def relative_difference(self) -> float | None:
        """Ours minus theirs, of the differences to the own base."""
        return _minus(self.ours_relative, self.theirs_relative)


def _minus(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second


def _both_kinds(
    ours: Sequence[NetworkResult], theirs: Sequence[NetworkResult]
) -> list[tuple[str, str, tuple[str, ...]]]:
    """Our kind of split, theirs, and the families to compare there.

    The paper's random layers were trained on all classes. A study that has
    them on random halves only is compared with those all the same.
    """
    halves = tuple(f for f in families_of([*ours, *theirs]) if f != "RnB")
    random_layers = random_layers_kind(ours)
    both = [(RANDOM, RANDOM, halves), (DISTANT, DISTANT, halves)]
    families = ("base", "RnB") if random_layers == WHOLE else ("RnB",)
    return [*both, (random_layers, WHOLE, families)]


def _blocks(
    ours: Sequence[NetworkResult], theirs: Sequence[NetworkResult]
) -> Iterator[
    tuple[str, str, tuple[str, ...], tuple[list[NetworkResult], list[NetworkResult]]]
]:
    """Kind of split, target, families, and the networks of both studies.

    Natural and man-made classes are not equally hard, and a study may have one
    direction only, so no mean is taken over both.
    """
    for our_kind, their_kind, families in _both_kinds(ours, theirs):
        sides = (of_kind(ours, our_kind), of_kind(theirs, their_kind))
        if their_kind != DISTANT:
            yield our_kind, "", families, sides
            continue
        for target in DIRECTIONS:
            own, published = (
                [p for p in side if direction(p) == target] for side in sides
            )
            yield our_kind, target, families, (own, published)


def compare(
    ours: Sequence[NetworkResult], theirs: Sequence[NetworkResult], measure: str
) -> list[Row]:
    """Compares the means of every treatment that at least one study has.

    The natural and man-made split has rows of its own for each direction.
    """
    rows = []
    for kind, target, families, sides in _blocks(ours, theirs):
        first, second = (absolute_cells(side, measure) for side in sides)
        near, far = (relative_cells(side, measure) for side in sides)
        for family in families:
            for n in (0,) if family == "base" else LAYERS:
                key = (family, n)
                cells = [c.get(key) for c in (first, second, near, far)]
                if not (cells[0] or cells[1]):
                    continue
                means = [cell.mean if cell else None for cell in cells]
                counts = [cell.n if cell else 0 for cell in cells]
                rows.append(
                    Row(
                        kind,
                        target,
                        family,
                        n,
                        means[0],
                        counts[0],
                        means[1],
                        counts[1],
                        means[2],
                        means[3],
                    )
                )
    return rows


def comparison_rows(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows as CSV fields, with both differences."""
    return [
        {
            **dataclasses.asdict(row),
            "difference": row.difference,
            "relative_difference": row.relative_difference,
        }
        for row in rows
    ]


def comparison_markdown(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    heading = ["splits", "treatment", "n", "ours, %", "theirs, %", "difference"]
    heading += ["ours to own base", "theirs to own base", "difference"]
    lines = [heading]
    for row in rows:
        lines.append(
            [
                _splits(row),
                row.family,
                str(row.n or ""),
                _counted(row.ours, row.ours_networks),
                _counted(row.theirs, row.theirs_networks),
                _signed(row.difference),
                _signed(row.ours_relative),
                _signed(row.theirs_relative),
                _signed(row.relative_difference),
            ]
        )
    return markdown(lines)


def _splits(row: Row) -> str:
    name = kind_name(row.splits)
    return f"{name}, trained on {row.target}" if row.target else name


def _counted(value: float | None, count: int) -> str:
    return "" if value is None else f"{value:.1f} ({count})"


def _signed(value: float | None) -> str:
    return "" if value is None else signed(value, 1)
