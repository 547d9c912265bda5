"""The values that a study folder keeps as JSON, checked as they are read."""

import dataclasses
import json
import pathlib
from typing import Any

from yosinski_tf.system import errors, typecheck


def read_fields(path: pathlib.Path, kind: type, remedy: str) -> dict[str, Any]:
    """Reads the fields of a dataclass from a JSON file.

    Args:
      kind: The dataclass; fields that have a default may be missing.
      remedy: What the user should do with a file that is refused.

    Raises:
      UserError: If the file cannot be read, is not a JSON object, or has other
        fields than the dataclass, or values of other types.
    """
    try:
        fields = json.loads(path.read_text("utf-8"))
        why = _mistakes(fields, kind)
        if not why:
            return fields
    except OSError as error:
        why = error.strerror
    except (ValueError, RecursionError) as error:
        why = f"it is not valid JSON: {error}"
    raise errors.UserError(f"cannot read {path} ({why}): {remedy}")


def _mistakes(fields: Any, kind: type) -> str:
    if not isinstance(fields, dict):
        return "it holds no JSON object"
    known = {field.name: field.default for field in dataclasses.fields(kind)}
    required = {k for k, default in known.items() if default is dataclasses.MISSING}
    missing = sorted(required - fields.keys())
    unknown = sorted(fields.keys() - known.keys())
    if missing or unknown:
        return f"missing fields {missing}, unknown fields {unknown}"
    return "; ".join(typecheck.wrong_fields(kind, fields))
