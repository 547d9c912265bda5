"""The files beside an exported network, read without TensorFlow."""

import json
import pathlib

from yosinski_tf.study.records import Record

LABELS_NAME = "labels.txt"
DESCRIPTION_NAME = "export.json"


def identity(record: Record) -> dict[str, object]:
    """The fields of an export's description that identify it."""
    return {
        "run_id": record.run_id,
        "weights_sha256": record.weights_sha256,
        "class_names": record.class_names,
    }


def is_export_of(folder: pathlib.Path, record: Record) -> bool:
    """Whether a complete export of the same weights is in a folder."""
    try:
        found = json.loads((folder / DESCRIPTION_NAME).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and identity(record).items() <= found.items()
