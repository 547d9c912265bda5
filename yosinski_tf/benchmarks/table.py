"""How results are printed: as Markdown tables."""

from collections.abc import Iterable, Mapping
from typing import Any

# Rows of results by title. A row holds values by column, the same columns in each row
# of a table: text, a number, or a `measuring.summary`.
Tables = Mapping[str, list[dict[str, Any]]]


def markdown(tables: Tables) -> str:
    """Tables to read."""
    lines = []
    for title, rows in tables.items():
        cells = [[_cell(value) for value in row.values()] for row in rows]
        lines += [title, "", _line(rows[0]), _line(["---"] * len(rows[0]))]
        lines += [*map(_line, cells), ""]
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: str | float | Mapping[str, float]) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.{_digits(value)}f}"
    median, least, greatest = (
        f"{value[key]:,.{_digits(value['max'])}f}" for key in ("median", "min", "max")
    )
    return f"{median} ({least} to {greatest})"


def _digits(size: float) -> int:
    """Digits after the point; large numbers need none."""
    return 0 if size >= 100 else 1 if size >= 10 else 2
