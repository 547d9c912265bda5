"""The networks of the paper whose logs its authors released.

`published_runs.csv` holds facts from the 148 logs at
github.com/yosinski/convnet_transfer (Yosinski, Clune, Bengio and Lipson,
"How transferable are features in deep neural networks?", NIPS 2014): one row
per network, with its last validation and the mean of its ten highest, which is
the number the paper reports. The logs of 22 fine-tuned networks were not
released (see `paper_plans`).

Its names and ours:

- split s of `random_split` is `random:s`;
- `natural_manmade` has half A natural and half B man-made, as in the released
  files (the paper's text calls man-made A);
- `random_filters`, on all 1000 classes, is split `whole`, target half `W`;
- `reduced_data`, on the first N images of all classes, is split `first:N`.

The logs name no seed. Every network was trained once, so all have seed 0.
"""

import csv
import pathlib

from yosinski_tf.results import network_result

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


def rows() -> list[dict[str, str]]:
    """The 148 rows of the file."""
    with open(_CSV, newline="") as file:
        return list(csv.DictReader(file))


def networks() -> list[network_result.NetworkResult]:
    """The 136 networks of the paper's treatments, bases included."""
    return network_result.without_reduced(map(_network, rows()))


def reduced_networks() -> list[network_result.NetworkResult]:
    """The 12 networks on reduced data, fewest examples first."""
    reduced = network_result.of_kind(map(_network, rows()), network_result.REDUCED)
    return sorted(reduced, key=lambda network: network.examples_per_class)


def _network(row: dict[str, str]) -> network_result.NetworkResult:
    splits = {
        "random_split": f"{network_result.RANDOM}:{row['split']}",
        "natural_manmade": network_result.DISTANT,
        "random_filters": network_result.WHOLE,
        "reduced_data": f"{network_result.REDUCED}:{row['examples_per_class']}",
    }
    family = _FAMILIES[row["treatment"]] + ("+" if row["fine_tuned"] == "1" else "")
    return network_result.NetworkResult(
        split=splits[row["experiment"]],
        family=family,
        n=int(row["n"] or 0),
        source_half="R" if family == "RnB" else _HALVES.get(row["source_half"]),
        target_half=_HALVES[row["target_half"]],
        seed=0,
        top1=float(row["top1_last"]),
        top1_mean_of_10_best=float(row["top1_mean_of_10_best"]),
        run_id=row["run"],
    )
