"""How results are printed: as Markdown tables."""

from collections.abc import Mapping
from typing import Any

# Rows of results by title. A row holds values by column, the same columns in each row
# of a table: text, a number, or one of `measuring.summaries`.
Tables = Mapping[str, list[dict[str, Any]]]


def markdown(tables: Tables) -> str:
    """Tables to read."""
    lines = []
    for title, rows in tables.items():
        cells = [map(_cell, row.values()) for row in rows]
        table = [rows[0], ["---"] * len(rows[0]), *cells]
        lines += [title, "", *(f"| {' | '.join(row)} |" for row in table), ""]
    return "\n".join(lines)


def _cell(value: str | float | Mapping[str, float]) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return _number(value, value)
    median, least, most = (
        _number(value[key], value["max"]) for key in ("median", "min", "max")
    )
    return f"{median} ({least} to {most})"


def _number(value: float, size: float) -> str:
    """With two digits after the point; of sizes from 10 one, from 100 none."""
    return f"{value:,.{0 if size >= 100 else 1 if size >= 10 else 2}f}"
