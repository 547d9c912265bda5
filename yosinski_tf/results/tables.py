"""The results of a study as tables: for the terminal, Markdown and CSV.

Accuracies are shown in per cent, differences in percentage points.
"""

import csv
import io
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from yosinski_tf.results.analysis import (
    BOOST_RANGES,
    COMPARISONS,
    COMPONENTS,
    METHODS,
    MIN_PAIRS,
    Estimate,
    boost_table,
    by_family_and_n,
    decomposition,
    estimate,
    relative_to_base,
)
from yosinski_tf.results.network_result import (
    DISTANT,
    FROM_FILE,
    LAYERS,
    MEASURE_NAMES,
    RANDOM,
    WHOLE,
    NetworkResult,
    check_measure,
    families_of,
    of_kind,
)
from yosinski_tf.results.published import PRINTED_TABLE_1
from yosinski_tf.system.files import write_atomically

KIND_NAMES = {
    RANDOM: "random splits",
    DISTANT: "natural and man-made split",
    WHOLE: "all classes",
    FROM_FILE: "splits read from files",
}
TOO_SMALL = "n too small for an interval"
Cells = dict[tuple[str, int], Estimate]


def kinds(points: Iterable[NetworkResult]) -> list[str]:
    """The kinds of split that have a network, random ones first."""
    found = {point.kind for point in points}
    known = [kind for kind in KIND_NAMES if kind in found]
    return known + sorted(found - set(known))


def kind_name(kind: str) -> str:
    """What a kind of split is called in a heading."""
    return KIND_NAMES.get(kind, f"{kind} splits")


def absolute_cells(points: Sequence[NetworkResult], measure: str) -> Cells:
    """Accuracy in per cent, by family and n."""
    groups: dict[tuple[str, int], list[float]] = {}
    for point in points:
        key = (point.family, point.n)
        groups.setdefault(key, []).append(100 * point.value(measure))
    return {key: estimate(values) for key, values in groups.items()}


def relative_cells(points: Sequence[NetworkResult], measure: str) -> Cells:
    """Difference to the own base in percentage points, by family and n."""
    groups = by_family_and_n(relative_to_base(points, measure))
    return {key: estimate(values) for key, values in groups.items()}


def results_table(points: Sequence[NetworkResult], measure: str) -> str:
    """The table that a terminal shows: differences to the own base.

    One block per kind of split, a row per family, a column per n. The base has
    its mean accuracy in per cent; every other cell is the mean difference to
    the own base in percentage points. In brackets, the number of networks.
    """
    check_measure(measure)
    blocks = []
    for kind in kinds(points):
        chosen = of_kind(points, kind)
        rows = [["", "base", *(f"n={n}" for n in LAYERS)]]
        absolute = absolute_cells(chosen, measure)
        relative = relative_cells(chosen, measure)
        for family in families_of(chosen):
            if family == "base":
                base = absolute["base", 0]
                rows.append([family, f"{base.mean:.1f}% ({base.n})"] + [""] * 7)
                continue
            cells = [relative.get((family, n)) for n in LAYERS]
            rows.append([family, "", *map(_short, cells)])
        splits = len({point.split for point in chosen})
        heading = f"{kind_name(kind)} ({splits}), {MEASURE_NAMES[measure]}"
        blocks.append("\n".join([heading, *_aligned(rows)]))
    if not blocks:
        return "no finished network yet"
    note = "differences to the own base in percentage points (number of networks)"
    return "\n\n".join([*blocks, note])


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([name.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]).rstrip()
        for name, *cells in rows
    ]


def _short(cell: Estimate | None) -> str:
    return f"{signed(cell.mean, 1)} ({cell.n})" if cell and cell.n else "."


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first row is its heading."""
    rule = ["---"] * len(rows[0])
    return "\n".join(f"| {' | '.join(row)} |" for row in [rows[0], rule, *rows[1:]])


def _family_markdown(
    points: Sequence[NetworkResult],
    cells: Cells,
    first: int,
    show: Callable[[Estimate], str],
) -> str:
    layers = range(first, LAYERS.stop)
    rows = [["", *("base" if n == 0 else f"n = {n}" for n in layers)]]
    for family in families_of(points):
        own = {n: cells[family, n] for n in layers if (family, n) in cells}
        if own:
            texts = [show(own[n]) if n in own else "" for n in layers]
            rows.append([family, *texts])
    return markdown(rows)


def relative_markdown(points: Sequence[NetworkResult], measure: str) -> str:
    """Mean difference to the own base ± standard deviation (networks)."""

    def show(cell: Estimate) -> str:
        return f"{signed(cell.mean)}{_spread(cell)} ({cell.n})"

    return _family_markdown(points, relative_cells(points, measure), 1, show)


def absolute_markdown(points: Sequence[NetworkResult], measure: str) -> str:
    """Mean top-1 in per cent ± standard deviation (networks)."""

    def show(cell: Estimate) -> str:
        return f"{cell.mean:.2f}{_spread(cell)} ({cell.n})"

    return _family_markdown(points, absolute_cells(points, measure), 0, show)


def _spread(cell: Estimate) -> str:
    return "" if cell.std is None else f" ± {cell.std:.2f}"


def signed(value: float, digits: int = 2) -> str:
    """A difference with its sign; what rounds to zero is never -0."""
    return f"{round(value, digits) + 0.0:+.{digits}f}"


def with_interval(cell: Estimate) -> str:
    """A mean with its 95% interval and n, or the reason why it has none."""
    return _with_interval(cell, f"n = {cell.n}", TOO_SMALL)


def _with_interval(cell: Estimate, count: str, too_small: str) -> str:
    if cell.mean is None:
        return "no pair"
    if cell.n < MIN_PAIRS:
        return f"{signed(cell.mean)}, {count}: {too_small}"
    return f"{signed(cell.mean)} [{signed(cell.low)}, {signed(cell.high)}], {count}"


def decomposition_markdown(
    points: Sequence[NetworkResult], measure: str, kind: str
) -> str:
    """The decomposition of one kind of split, a row per n."""
    found = {(c.name, c.n): c.estimate for c in decomposition(points, measure, kind)}
    rows = [["n", *COMPONENTS]]
    for n in LAYERS:
        rows.append([str(n), *(with_interval(found[name, n]) for name in COMPONENTS)])
    return markdown(rows)


def decomposition_rows(points: Sequence[NetworkResult]) -> list[dict[str, Any]]:
    """Every component for every measure and kind of split that has a pair."""
    rows = []
    for measure in MEASURE_NAMES:
        for kind in kinds(points):
            parts = decomposition(points, measure, kind)
            for part in parts if any(p.estimate.n for p in parts) else ():
                rows.append(
                    {
                        "measure": measure,
                        "splits": kind,
                        "n": part.n,
                        "component": part.name,
                        **_columns(part.estimate, "pairs"),
                    }
                )
    return rows


def table1_markdown(points: Sequence[NetworkResult], measure: str) -> str:
    """Table 1 in its three ways of averaging, next to the printed one."""
    found = {
        (boost.layers, boost.comparison, boost.method): boost.estimate
        for boost in boost_table(points, measure)
    }
    seeds = len({point.seed for point in points})
    headings = ("mean of layer means", "mean of networks", "own base (paired)")
    rows = [["boost", "layers", *headings, "printed in the paper"]]
    for comparison in COMPARISONS:
        for layers in BOOST_RANGES:
            cells = [found[layers, comparison, method] for method in METHODS]
            texts = [_boost(cell) for cell in cells[:2]] + [_own_base(cells[2], seeds)]
            printed = PRINTED_TABLE_1.get((layers, comparison))
            rows.append(
                [
                    comparison,
                    f"{layers[0]}-{layers[1]}",
                    *texts,
                    "" if printed is None else f"{printed:+.1f}",
                ]
            )
    return markdown(rows)


def _boost(cell: Estimate) -> str:
    if cell.mean is None:
        return "not run"
    return f"{signed(cell.mean)} ({cell.n} networks)"


def _own_base(cell: Estimate, seeds: int) -> str:
    """The paired boost; beside counts of networks, it counts halves."""
    count = f"{cell.n} {'half' if cell.n == 1 else 'halves'}"
    if seeds > 1:
        count += " and seeds"
    return _with_interval(cell, count, "too few for an interval")


def table1_rows(points: Sequence[NetworkResult]) -> list[dict[str, Any]]:
    """Table 1 for every measure and way of averaging."""
    return [
        {
            "measure": measure,
            "first_layer": boost.layers[0],
            "last_layer": boost.layers[1],
            "comparison": boost.comparison,
            "method": boost.method,
            **_columns(boost.estimate, "count"),
            "printed_in_paper": PRINTED_TABLE_1.get((boost.layers, boost.comparison)),
        }
        for measure in MEASURE_NAMES
        for boost in boost_table(points, measure)
    ]


def _columns(cell: Estimate, count: str) -> dict[str, Any]:
    return {
        "mean_points": cell.mean,
        count: cell.n,
        "std": cell.std,
        "low": cell.low,
        "high": cell.high,
        "note": TOO_SMALL if 0 < cell.n < MIN_PAIRS else "",
    }


def write_csv(path: pathlib.Path, rows: Sequence[Mapping[str, Any]]) -> pathlib.Path:
    """Writes rows as CSV, numbers to six decimals; None is an empty field."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {k: round(v, 6) if isinstance(v, float) else v for k, v in row.items()}
        )
    write_atomically(path, text.getvalue().encode())
    return path
