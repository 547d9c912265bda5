"""A study compared with the paper's networks, treatment by treatment, n by n."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from yosinski_tf.experiment.treatments import LAYERS
from yosinski_tf.results import analysis, tables
from yosinski_tf.results.network_result import (
    DIRECTIONS,
    DISTANT,
    RANDOM,
    WHOLE,
    NetworkResult,
    direction,
    families_of,
    of_kind,
    random_layers_kind,
)

_TABLES = (tables.absolute_cells, tables.relative_cells)
_NONE = analysis.Estimate(mean=None, n=0)


@dataclasses.dataclass(frozen=True)
class Row:
    """The means of one treatment at one n; None for a study that lacks it.

    Attributes:
      splits: Kind of split in this study.
      target: `natural` or `man-made`: the classes that networks of the natural
        and man-made split were trained on; empty for other kinds.
      family: `base`, `BnB`, `BnB+`, `AnB`, `AnB+`, `RnB`, `BnB~k` or `AnB~k`.
      n: Number of copied layers; 0 for a base.
      ours: Mean top-1 of this study, per cent.
      ours_networks: Number of networks of this study.
      theirs: Mean top-1 of the released networks, per cent.
      theirs_networks: Number of released networks.
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
        """Ours minus theirs, for the differences to the own base."""
        return _minus(self.ours_relative, self.theirs_relative)


def _minus(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second


def _blocks(
    ours: Sequence[NetworkResult], theirs: Sequence[NetworkResult]
) -> Iterator[tuple[str, str, list[str], list[NetworkResult], list[NetworkResult]]]:
    """Kind of split, target, families, and the networks of both studies.

    Natural and man-made classes are not equally hard, and a study may have one
    direction only, so the two directions have blocks of their own.
    """
    halves = [family for family in families_of([*ours, *theirs]) if family != "RnB"]
    yield RANDOM, "", halves, of_kind(ours, RANDOM), of_kind(theirs, RANDOM)
    for target in DIRECTIONS:
        first, second = (
            [each for each in of_kind(side, DISTANT) if direction(each) == target]
            for side in (ours, theirs)
        )
        yield DISTANT, target, halves, first, second
    # The paper's random layers, on all classes, are compared with a study's own,
    # on whatever kind of split it has them.
    kind = random_layers_kind(ours)
    families = ["base", "RnB"] if kind == WHOLE else ["RnB"]
    yield kind, "", families, of_kind(ours, kind), of_kind(theirs, WHOLE)


def compare(
    ours: Sequence[NetworkResult], theirs: Sequence[NetworkResult], measure: str
) -> list[Row]:
    """Compares the means of every treatment that at least one study has."""
    rows = []
    for kind, target, families, *sides in _blocks(ours, theirs):
        cells = [table(side, measure) for side in sides for table in _TABLES]
        for family in families:
            for n in (0,) if family == "base" else LAYERS:
                own, own_relative, published, published_relative = (
                    table.get((family, n), _NONE) for table in cells
                )
                if own.n or published.n:
                    row = Row(
                        splits=kind,
                        target=target,
                        family=family,
                        n=n,
                        ours=own.mean,
                        ours_networks=own.n,
                        theirs=published.mean,
                        theirs_networks=published.n,
                        ours_relative=own_relative.mean,
                        theirs_relative=published_relative.mean,
                    )
                    rows.append(row)
    return rows


def comparison_rows(rows: Sequence[Row], measure: str) -> list[dict[str, Any]]:
    """The rows as CSV fields, with the measure and both differences."""
    return [
        {
            "measure": measure,
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
    lines = [
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
        for row in rows
    ]
    return tables.markdown([heading, *lines])


def _splits(row: Row) -> str:
    name = tables.kind_name(row.splits)
    return f"{name}, trained on {row.target}" if row.target else name


def _counted(value: float | None, count: int) -> str:
    return "" if value is None else f"{value:.1f} ({count})"


def _signed(value: float | None) -> str:
    return "" if value is None else tables.signed(value, 1)
