"""Failed runs, noted in their folders until the user asks to train them again."""

import dataclasses
import datetime
import json
import pathlib
from collections.abc import Iterable

from yosinski_tf.study.json_fields import read_fields
from yosinski_tf.system import errors, files

FAILURE_NAME = "failure.json"


@dataclasses.dataclass(frozen=True)
class Failure:
    """What went wrong with a run, as stored in `<run id>/failure.json`.

    Attributes:
      message: What happened, in one line.
      log: The file with the output of the failed process.
      failed_at: Date and time, ISO 8601, UTC.
    """

    run_id: str
    message: str
    log: str
    failed_at: str


def note(
    runs: pathlib.Path, run_ids: Iterable[str], message: str, log: pathlib.Path
) -> None:
    """Notes that some runs of a study folder have just failed.

    Raises:
      DiskFull: If there is no room.
    """
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    for run_id in run_ids:
        failure = Failure(run_id, message, str(log), now)
        path = runs / run_id / FAILURE_NAME
        files.make_folder(path.parent)
        text = json.dumps(dataclasses.asdict(failure), indent=1)
        files.write_atomically(path, text.encode())


def read(runs: pathlib.Path) -> dict[str, Failure]:
    """Reads the failures of a study folder, by run id.

    Raises:
      UserError: If a note is broken.
    """
    found = {}
    for path in sorted(runs.glob(f"*/{FAILURE_NAME}")):
        try:
            fields = read_fields(path, Failure, "delete it to train its run again")
        except errors.UserError:
            if files.is_listed(path):
                raise
            continue  # Another process has just begun to train the run again.
        found[path.parent.name] = Failure(**fields)
    return found


def failed(runs: pathlib.Path, run_id: str) -> bool:
    """Whether a run is noted as failed."""
    return files.is_listed(runs / run_id / FAILURE_NAME)


def forget(runs: pathlib.Path, run_ids: Iterable[str]) -> None:
    """Removes the notes of some runs, which need not have one."""
    for run_id in run_ids:
        (runs / run_id / FAILURE_NAME).unlink(missing_ok=True)
