"""The networks of the paper whose logs its authors released.

`published_runs.csv` holds facts read off the 148 logs at
github.com/yosinski/convnet_transfer (Yosinski, Clune, Bengio and Lipson,
"How transferable are features in deep neural networks?", NIPS 2014): one row
per network, with the last of its validations and the mean of the ten highest,
which is the number the paper reports. The logs of 22 fine-tuned networks were
not released.

How its names map to ours:

- split s of `random_split` is `random:s`;
- `natural_manmade` has half A natural and half B man-made, as in the released
  files (the paper's text calls man-made A);
- `random_filters` ran on all 1000 classes: split `whole`, target half `W`;
- `reduced_data`, also on all classes, are not treatments: see `reduced_runs`.

The logs name no seed. Every network was trained once, so all have seed 0.
"""

import csv
import dataclasses
import pathlib

from yosinski_tf.points import DISTANT, RANDOM, WHOLE, Point

_CSV = pathlib.Path(__file__).with_name("published_runs.csv")
_HALVES = {"natural": "A", "manmade": "B", "whole": "W", "A": "A", "B": "B"}
_FAMILIES = {"base": "base", "random": "RnB", "selffer": "BnB", "transfer": "AnB"}

# Table 1 of the paper, as printed, in percentage points.
PRINTED_TABLE_1 = {
    ((1, 7), "AnB+ over base"): 1.6,
    ((3, 7), "AnB+ over base"): 1.8,
    ((5, 7), "AnB+ over base"): 2.1,
    ((1, 7), "AnB+ over BnB+"): 1.4,
    ((3, 7), "AnB+ over BnB+"): 1.4,
    ((5, 7), "AnB+ over BnB+"): 1.7,
}


@dataclasses.dataclass(frozen=True)
class ReducedRun:
    """A base network trained on few examples of each of the 1000 classes.

    Attributes:
      run: The authors' name of the run.
      examples_per_class: Training images per class (at most; 1300 is all).
      iterations: Optimizer steps, at batch 256.
      top1: Top-1 accuracy at the last validation, 0..1.
      top1_mean_of_10_best: Mean of the ten highest validations, 0..1.
    """

    run: str
    examples_per_class: int
    iterations: int
    top1: float
    top1_mean_of_10_best: float


def rows() -> list[dict[str, str]]:
    """All 148 rows as they stand in the file."""
    with open(_CSV, newline="") as file:
        return list(csv.DictReader(file))


def points() -> list[Point]:
    """The 136 networks that are a base or a treatment."""
    return [_point(row) for row in rows() if row["experiment"] != "reduced_data"]


def reduced_runs() -> list[ReducedRun]:
    """The 12 networks on reduced data, fewest examples first."""
    runs = [
        ReducedRun(
            run=row["run"],
            examples_per_class=int(row["examples_per_class"]),
            iterations=int(row["iterations"]),
            top1=float(row["top1_last"]),
            top1_mean_of_10_best=float(row["top1_mean_of_10_best"]),
        )
        for row in rows()
        if row["experiment"] == "reduced_data"
    ]
    return sorted(runs, key=lambda run: run.examples_per_class)


def _point(row: dict[str, str]) -> Point:
    splits = {
        "random_split": f"{RANDOM}:{row['split']}",
        "natural_manmade": DISTANT,
        "random_filters": WHOLE,
    }
    family = _FAMILIES[row["treatment"]] + ("+" if row["fine_tuned"] == "1" else "")
    source = _HALVES.get(row["source_half"])
    return Point(
        split=splits[row["experiment"]],
        family=family,
        n=int(row["n"] or 0),
        source_half="R" if family == "RnB" else source,
        target_half=_HALVES[row["target_half"]],
        seed=0,
        top1=float(row["top1_last"]),
        top1_mean_of_10_best=float(row["top1_mean_of_10_best"]),
        run_id=row["run"],
    )
