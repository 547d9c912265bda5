"""The files beside an exported network, read without TensorFlow."""

import json
import pathlib

from yosinski_tf.study.records import Record

LABELS_NAME = "labels.txt"
DESCRIPTION_NAME = "export.json"


def beside(model: pathlib.Path) -> pathlib.Path:
    """The description of an exported `.keras` file."""
    return model.with_suffix(f".{DESCRIPTION_NAME}")


def identity(record: Record) -> dict[str, object]:
    """The fields of an export's description that identify it."""
    return {
        "run_id": record.run_id,
        "weights_sha256": record.weights_sha256,
        "class_names": record.class_names,
    }


def describe(record: Record, **more: object) -> str:
    """The text of an export's description, with `more` fields."""
    fields = {
        **identity(record),
        "treatment": record.treatment,
        "split": record.split,
        "dataset": record.dataset,
        "network": record.network,
        "top1": record.top1,
        "precision_in_training": record.recipe.get("precision", "float32"),
        "image_size": record.recipe["image_size"],
        "crop_size": record.recipe["crop_size"],
        **more,
    }
    return json.dumps(fields, indent=1)


def is_export_of(folder: pathlib.Path, record: Record) -> bool:
    """Whether a complete export of the same weights is in a folder."""
    return describes(folder / DESCRIPTION_NAME, record)


def describes(description: pathlib.Path, record: Record) -> bool:
    """Whether a file is the description of an export of the same weights."""
    try:
        found = json.loads(description.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and identity(record).items() <= found.items()
