"""Why an export is not written."""

import pathlib

from yosinski_tf.system.errors import UserError


def something_else(found: pathlib.Path, run_id: str) -> UserError:
    """The error for a place that holds what the user may need."""
    return UserError(
        f"{found} holds something else than an export of {run_id}: move it away, or"
        " export to another place"
    )


def cannot_write(out: pathlib.Path, error: Exception) -> UserError:
    """The error for a place that cannot be written to."""
    reason = getattr(error, "strerror", None) or getattr(error, "message", "")
    return UserError(
        f"cannot write the export to {out} ({reason or type(error).__name__}): name a"
        " writable folder on a disk with room"
    )
