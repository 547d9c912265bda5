"""One measured value for each row, and the tidy table of all rows."""

import csv
import dataclasses
import io
import pathlib
from collections.abc import Iterable

from yosinski_tf.system import files

TABLE = "layers.csv"


@dataclasses.dataclass(frozen=True)
class Row:
    """A value of one layer of one network.

    Attributes:
      split: Name of the split.
      direction: Half of the source and half of the target, for example `AB`; both
        are `W` without halves.
      seed: Seed of the networks.
      n: Number of the layer or stage, from 1.
      layer: Its name.
      network: The network, by its treatment: `baseA`, `A3B+`; `R` for the random one,
        `P` for the given one. For a comparison both: `baseA baseB`.
      measure: What was measured, one of `measures.NAMES`.
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
