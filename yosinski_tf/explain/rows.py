"""One measured value for each row, and the tidy table of all rows."""

import csv
import dataclasses
import io
import math
import pathlib
from collections.abc import Iterable, Sequence

from yosinski_tf.results import tables
from yosinski_tf.results.network_result import kind_of
from yosinski_tf.system import errors, files

TABLE = "layers.csv"


@dataclasses.dataclass(frozen=True)
class Row:
    """A value of one layer of one network.

    Attributes:
      split: Name of the split; its kind for groups of networks, over all splits.
      direction: Half of the source and half of the target, for example `AB`; both
        are `W` without halves. Empty for groups of networks.
      seed: Seed of the networks; 0 for groups.
      n: Number of the layer or stage, from 1.
      layer: Its name.
      network: The network: `baseA`, `baseB`; `R` for the random one, `P` for the
        given one; copies by family, `AnB`, or one of them, `AnB+ n=3`; one
        that diverged by treatment, `A3B`. For a comparison both: `baseA baseB`. `all`
        for what all networks have in common.
      measure: What was measured, see the README.
      value: Its value; the unit is that of the measure.
    """

    split: str
    direction: str
    seed: int
    n: int
    layer: str
    network: str
    measure: str
    value: float

    @property
    def kind(self) -> str:
        """Of its split, see `kind_of`."""
        return kind_of(self.split)

    @property
    def pair(self) -> tuple[str, str, int]:
        """What values are compared within: split, direction and seed."""
        return self.split, self.direction, self.seed


COLUMNS = tuple(field.name for field in dataclasses.fields(Row))


def write_table(path: pathlib.Path, rows: Iterable[Row]) -> None:
    """Writes rows as CSV, in the order of their columns from left to right.

    Raises:
      OSError: If the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in sorted(rows, key=dataclasses.astuple):
        values = dataclasses.astuple(row)
        writer.writerow([*values[:-1], f"{row.value:.6g}"])
    files.write_atomically(path, text.getvalue().encode())


def read_table(path: pathlib.Path) -> list[Row]:
    """The rows that `write_table` wrote.

    Raises:
      UserError: If the file cannot be read or is not such a table.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            found = list(csv.reader(file))
        if tuple(found[0]) != COLUMNS:
            raise ValueError("other columns")
        return [
            Row(split, direction, int(seed), int(n), *names, float(value))
            for split, direction, seed, n, *names, value in found[1:]
        ]
    except (OSError, ValueError, TypeError, IndexError, csv.Error) as error:
        raise errors.UserError(
            f"needs the table of measures {path}, found that it cannot be read"
            f" ({error}): remove it, or write it again with yosinski-explain"
        ) from None


def by_kind(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows by the kind of their split, random splits first."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.kind, []).append(row)
    return {kind: groups[kind] for kind in tables.in_order(groups)}


def values_by_n(
    rows: Iterable[Row], measure: str, network: str
) -> dict[int, list[float]]:
    """The values of a measure of one network, one for each pair that has a number."""
    found: dict[int, list[float]] = {}
    for row in rows:
        if (row.measure, row.network) == (measure, network):
            if math.isfinite(row.value):
                found.setdefault(row.n, []).append(row.value)
    return dict(sorted(found.items()))


def counted_pairs(rows: Iterable[Row]) -> str:
    """How many pairs there are, in words: `12 pairs, 6 of them with copies`."""
    rows = list(rows)
    count = len({row.pair for row in rows if row.direction})
    copied = len({row.pair for row in rows if row.measure == "top1"})
    some = f", {copied} of them with copies" if 0 < copied < count else ""
    return f"{count} pair{'s' * (count != 1)}{some}"


def layer_names(rows: Sequence[Row]) -> dict[int, str]:
    """The names of the layers that were measured, by n from the first."""
    return dict(sorted({row.n: row.layer for row in rows if row.n}.items()))
