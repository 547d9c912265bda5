"""The results of a study as tables: for the terminal, Markdown and CSV.

Accuracies are shown in per cent, differences in percentage points.
"""

import csv
import io
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from yosinski_tf.results import analysis, network_result
from yosinski_tf.results.network_result import (
    MEASURE_NAMES,
    NetworkResult,
    families_of,
    layers_of,
    shown_name,
)
from yosinski_tf.results.published import PRINTED_TABLE_1
from yosinski_tf.system.files import write_atomically

KIND_NAMES = {
    network_result.RANDOM: "random splits",
    network_result.DISTANT: "natural and man-made split",
    network_result.WHOLE: "all classes",
    network_result.FROM_FILE: "splits read from files",
}
TOO_FEW = "too few for an interval"
Cells = dict[network_result.Cell, analysis.Estimate]


def kinds(networks: Iterable[NetworkResult]) -> list[str]:
    """The kinds of split of some networks, in the order of the tables."""
    return in_order(network.kind for network in networks)


def in_order(kinds: Iterable[str]) -> list[str]:
    """Each of some kinds of split once, random splits first."""
    found = set(kinds)
    known = [kind for kind in KIND_NAMES if kind in found]
    return known + sorted(found - set(known))


def kind_name(kind: str) -> str:
    """The name of a kind of split in a heading."""
    return KIND_NAMES.get(kind, f"{kind} splits")


def cells_of(
    networks: Sequence[NetworkResult], measure: str, *, relative: bool
) -> Cells:
    """Accuracy in per cent, or points to the own base, by family and n."""
    if relative:
        groups = analysis.differences_by_cell(networks, measure)
    else:
        values = analysis.per_cent(networks, measure)
        groups = network_result.by_cell(networks, values)
    return {cell: analysis.estimate(values) for cell, values in groups.items()}


def results_table(networks: Sequence[NetworkResult], measure: str) -> str:
    """The table for the terminal: differences to the own base.

    One block per kind of split, one row per family, one column per n. For the
    base it has the mean accuracy in per cent, for other families the mean
    difference to the own base in percentage points, with the number of networks
    in brackets.
    """
    blocks = []
    layers = layers_of(networks)
    for kind in kinds(networks):
        chosen = network_result.of_kind(networks, kind)
        rows = [["", "base", *(f"n={n}" for n in layers)]]
        absolute = cells_of(chosen, measure, relative=False)
        relative = cells_of(chosen, measure, relative=True)
        for family in families_of(chosen):
            if family == "base":
                base = absolute["base", 0]
                cells = [f"{base.mean:.1f}% ({base.n})", *("" for _ in layers)]
            else:
                cells = ["", *(_short(relative.get((family, n))) for n in layers)]
            rows.append([shown_name(family, chosen), *cells])
        splits = len({network.split for network in chosen})
        heading = f"{kind_name(kind)} ({splits}), {MEASURE_NAMES[measure]}"
        blocks.append("\n".join([heading, *aligned(rows)]))
    note = "differences to the own base in percentage points (number of networks)"
    return "\n\n".join([*blocks, note])


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table for a terminal: the first column to the left, others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([name.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]).rstrip()
        for name, *cells in rows
    ]


def _short(cell: analysis.Estimate | None) -> str:
    return f"{signed(cell.mean, 1)} ({cell.n})" if cell else "."


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first row is its heading."""
    rule = ["---"] * len(rows[0])
    return "\n".join(f"| {' | '.join(row)} |" for row in [rows[0], rule, *rows[1:]])


def family_markdown(
    networks: Sequence[NetworkResult], measure: str, *, relative: bool
) -> str:
    """A table of means ± standard deviation (networks), one row per family.

    They are differences to the own base, or top-1 in per cent.
    """
    cells = cells_of(networks, measure, relative=relative)
    layers = layers_of(networks)
    numbers = layers if relative else (0, *layers)
    show = signed if relative else "{:.2f}".format
    rows = [["", *(f"n = {n}" if n else "base" for n in numbers)]]
    for family in families_of(networks):
        own = [cells.get((family, n)) for n in numbers]
        if any(own):
            name = shown_name(family, networks)
            rows.append([name, *(_with_spread(cell, show) for cell in own)])
    return markdown(rows)


def _with_spread(cell: analysis.Estimate | None, show: Callable[[float], str]) -> str:
    if cell is None:
        return ""
    spread = "" if cell.std is None else f" ± {cell.std:.2f}"
    return f"{show(cell.mean)}{spread} ({cell.n})"


def signed(value: float, digits: int = 2) -> str:
    """A difference with its sign; zero is +0, never -0."""
    return f"{round(value, digits) + 0.0:+.{digits}f}"


def _with_interval(cell: analysis.Estimate, count: str) -> str:
    """A mean with its 95% interval and number, or the reason why it has none."""
    if cell.mean is None:
        return "no pair"
    if cell.n < analysis.MIN_PAIRS:
        return f"{signed(cell.mean)}, {count}: {TOO_FEW}"
    return f"{signed(cell.mean)} [{signed(cell.low)}, {signed(cell.high)}], {count}"


def decomposition_markdown(
    networks: Sequence[NetworkResult],
    measure: str,
    kind: str,
    components: Mapping[str, tuple[str, str]] = analysis.COMPONENTS,
) -> str:
    """The decomposition of one kind of split, one row per n; empty without a pair."""
    rows = [["n", *components], *([str(n)] for n in layers_of(networks))]
    parts = _with_pairs(networks, measure, kind, components)
    for (n, _), part in parts.items():
        rows[n].append(_with_interval(part, _counted(part.n, "pair", "pairs")))
    return markdown(rows) if parts else ""


def decomposition_rows(networks: Sequence[NetworkResult]) -> list[dict[str, Any]]:
    """CSV fields of all components of the kinds of split that have a pair."""
    return [
        {
            "measure": measure,
            "splits": kind,
            "n": n,
            "component": name,
            **_columns(part, "pairs"),
        }
        for measure in MEASURE_NAMES
        for kind in kinds(networks)
        for components in (analysis.COMPONENTS, analysis.GIVEN_COMPONENTS)
        for (n, name), part in _with_pairs(networks, measure, kind, components).items()
    ]


def _with_pairs(
    networks: Sequence[NetworkResult],
    measure: str,
    kind: str,
    components: Mapping[str, tuple[str, str]],
) -> dict[tuple[int, str], analysis.Estimate]:
    """The components of a kind of split; none if none has a pair."""
    parts = analysis.decomposition(networks, measure, kind, components)
    return parts if any(part.n for part in parts.values()) else {}


def table1_markdown(networks: Sequence[NetworkResult], measure: str) -> str:
    """Table 1, averaged in three ways, and as printed in the paper.

    Of ranges with the same n, as in a study that lacks some, it has the narrowest.
    """
    found = analysis.boost_table(networks, measure)
    seeds = len({network.seed for network in networks})
    headings = ("mean of layer means", "mean of networks", "own base (paired)")
    rows = [["boost", "layers", *headings, "printed in the paper"]]
    for comparison in analysis.COMPARISONS:
        by_layers = {
            layers: [found[layers, comparison, method] for method in analysis.METHODS]
            for layers in analysis.BOOST_RANGES
        }
        for place, (layers, cells) in enumerate(by_layers.items(), start=1):
            if cells[0].n and cells in [*by_layers.values()][place:]:
                continue  # It has no other n than that narrower range.
            texts = [_boost(cell) for cell in cells[:2]] + [_own_base(cells[2], seeds)]
            printed = PRINTED_TABLE_1.get((layers, comparison))
            texts.append("" if printed is None else f"{printed:+.1f}")
            rows.append([comparison, f"{layers[0]}-{layers[1]}", *texts])
    return markdown(rows)


def _boost(cell: analysis.Estimate) -> str:
    if cell.mean is None:
        return "not run"
    return f"{signed(cell.mean)} ({cell.n} networks)"


def _own_base(cell: analysis.Estimate, seeds: int) -> str:
    """The paired boost, with its number of halves instead of networks."""
    count = _counted(cell.n, "half", "halves")
    if seeds > 1:
        count += " and seeds"
    return _with_interval(cell, count)


def _counted(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"


def table1_rows(networks: Sequence[NetworkResult]) -> list[dict[str, Any]]:
    """CSV fields of Table 1, for every measure and way of averaging."""
    return [
        {
            "measure": measure,
            "first_layer": layers[0],
            "last_layer": layers[1],
            "comparison": comparison,
            "method": method,
            **_columns(boost, "count"),
            "printed_in_paper": PRINTED_TABLE_1.get((layers, comparison)),
        }
        for measure in MEASURE_NAMES
        for (layers, comparison, method), boost in analysis.boost_table(
            networks, measure
        ).items()
    ]


def _columns(cell: analysis.Estimate, count: str) -> dict[str, Any]:
    return {
        "mean_points": cell.mean,
        count: cell.n,
        "std": cell.std,
        "low": cell.low,
        "high": cell.high,
        "note": TOO_FEW if 0 < cell.n < analysis.MIN_PAIRS else "",
    }


def write_csv(path: pathlib.Path, rows: Sequence[Mapping[str, Any]]) -> pathlib.Path:
    """Writes rows as CSV, numbers with six decimals, None as an empty field."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {k: round(v, 6) if isinstance(v, float) else v for k, v in row.items()}
        )
    write_atomically(path, text.getvalue().encode())
    return path
