"""What a study must give bit for bit, however it was run."""

import csv
import json
import pathlib

# Fields of a record that depend on the time and the command line.
VOLATILE = {"train_seconds", "images_per_second", "finished_at", "command"}


def outcome(runs: pathlib.Path) -> dict[str, object]:
    """Everything that must be the same bit for bit."""
    found: dict[str, object] = {}
    for path in sorted(runs.glob("*/record.json")):
        record = json.loads(path.read_text())
        del record["cohort"]["total_seconds"]
        # After a kill between two records, they are those of fewer networks.
        del record["cohort"]["kept_layers"]
        for entry in record["history"]:
            del entry["images_per_second"]
        found[path.parent.name] = {
            key: value for key, value in record.items() if key not in VOLATILE
        }
        weights = path.with_name("weights.npz")
        found[f"{path.parent.name} weights"] = weights.read_bytes()
    with open(runs / "results.csv") as file:
        found["results.csv"] = [
            {key: value for key, value in row.items() if key not in VOLATILE}
            for row in csv.DictReader(file)
        ]
    for path in sorted(runs.glob("report/*.csv")):
        found[path.name] = path.read_bytes()
    return found
