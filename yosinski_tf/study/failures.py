"""Runs whose training failed, noted in their folders until they are tried again."""

import dataclasses
import datetime
import json
import pathlib
from collections.abc import Iterable

from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import is_gone, is_listed, make_folder, write_atomically
from yosinski_tf.system.typecheck import wrong_fields

FAILURE_NAME = "failure.json"


@dataclasses.dataclass(frozen=True)
class Failure:
    """What went wrong with a run, as stored in `<run id>/failure.json`.

    Attributes:
      run_id: Identity of the run.
      message: What happened, in one line.
      log: The file with all that was printed.
      failed_at: Date and time, ISO 8601, UTC.
    """

    run_id: str
    message: str
    log: str
    failed_at: str


def note(
    runs: pathlib.Path, run_ids: Iterable[str], message: str, log: pathlib.Path
) -> None:
    """Notes that some runs of a study folder failed now.

    Raises:
      DiskFull: If there is no room.
    """
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    for run_id in run_ids:
        failure = Failure(run_id, message, str(log), now)
        path = runs / run_id / FAILURE_NAME
        make_folder(path.parent)
        text = json.dumps(dataclasses.asdict(failure), indent=1)
        write_atomically(path, text.encode())


def read(runs: pathlib.Path) -> dict[str, Failure]:
    """The failures of a study folder by run id; empty if there is no folder.

    Raises:
      UserError: If a note is broken.
    """
    found = {}
    for path in sorted(runs.glob(f"*/{FAILURE_NAME}")):
        try:
            found[path.parent.name] = _parsed(path.read_text("utf-8"))
        except (OSError, ValueError, TypeError, RecursionError) as error:
            # Tried again by another process just now.
            if isinstance(error, OSError) and is_gone(error):
                continue
            raise UserError(
                f"cannot read {path} ({error}): delete it to train its run again"
            ) from None
    return found


def _parsed(text: str) -> Failure:
    fields = json.loads(text)
    if not isinstance(fields, dict):
        raise ValueError("it holds no JSON object")
    failure = Failure(**fields)
    if wrong := wrong_fields(Failure, fields):
        raise ValueError("; ".join(wrong))
    return failure


def failed(runs: pathlib.Path, run_id: str) -> bool:
    """Whether a run is noted as failed."""
    return is_listed(runs / run_id / FAILURE_NAME)


def forget(runs: pathlib.Path, run_ids: Iterable[str]) -> None:
    """Removes the notes of some runs, where there are any."""
    for run_id in run_ids:
        (runs / run_id / FAILURE_NAME).unlink(missing_ok=True)
