"""A study compared with the paper's networks, treatment by treatment, n by n."""

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

_SIDES = ("ours", "theirs")
_NONE = analysis.Estimate(mean=None, n=0)


Row = dict[str, Any]
"""The means of one treatment at one n, as the CSV file has them; see `compare`."""


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
    """Compares the means of every treatment that at least one study has.

    Returns:
      The fields of each row. `splits` is the kind of split in this study. `target` is
      `natural` or `man-made`, the classes that networks of the natural and man-made
      split were trained on, and empty for other kinds. `n` is 0 for a base. `ours` and
      `theirs` are mean top-1 of this study and of the released networks, per cent,
      and `_networks` their numbers; `_relative` are mean differences to the own base,
      percentage points. Of a study that lacks the treatment they are None.
      `difference` and `relative_difference` are ours minus theirs, in points.
    """
    rows = []
    for kind, target, families, *sides in _blocks(ours, theirs):
        cells = [
            tables.cells_of(side, measure, relative=relative)
            for side in sides
            for relative in (False, True)
        ]
        for family in families:
            for n in (0,) if family == "base" else LAYERS:
                own, own_relative, published, published_relative = (
                    table.get((family, n), _NONE) for table in cells
                )
                if own.n or published.n:
                    relative = own_relative.mean, published_relative.mean
                    row = {
                        "measure": measure,
                        "splits": kind,
                        "target": target,
                        "family": family,
                        "n": n,
                        "ours": own.mean,
                        "ours_networks": own.n,
                        "theirs": published.mean,
                        "theirs_networks": published.n,
                        "ours_relative": relative[0],
                        "theirs_relative": relative[1],
                        "difference": _minus(own.mean, published.mean),
                        "relative_difference": _minus(*relative),
                    }
                    rows.append(row)
    return rows


def comparison_markdown(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    heading = ["splits", "treatment", "n", "ours, %", "theirs, %", "difference"]
    heading += ["ours to own base", "theirs to own base", "difference"]
    lines = [
        [
            tables.kind_name(row["splits"])
            + (f", trained on {row['target']}" if row["target"] else ""),
            row["family"],
            str(row["n"] or ""),
            *(_counted(row[side], row[f"{side}_networks"]) for side in _SIDES),
            _signed(row["difference"]),
            *(_signed(row[f"{side}_relative"]) for side in _SIDES),
            _signed(row["relative_difference"]),
        ]
        for row in rows
    ]
    return tables.markdown([heading, *lines])


def _counted(value: float | None, count: int) -> str:
    return "" if value is None else f"{value:.1f} ({count})"


def _signed(value: float | None) -> str:
    return "" if value is None else tables.signed(value, 1)
