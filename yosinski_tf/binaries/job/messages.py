"""Messages about failures and locks, and the lock for writing results."""

import contextlib
import pathlib
import sys
from collections.abc import Iterable, Iterator, Mapping

from yosinski_tf.scheduling.events import Event
from yosinski_tf.study import divergence
from yosinski_tf.study.failures import Failure
from yosinski_tf.study.records import Record
from yosinski_tf.system import errors, files, locks


def tell_not_tried(
    wanted: Iterable[str],
    diverged: Mapping[str, Record],
    failed: Mapping[str, Failure],
) -> None:
    """Lists the wanted runs that failed or diverged earlier and are left alone."""
    wanted = list(wanted)
    _tell_diverged(diverged[run_id] for run_id in wanted if run_id in diverged)
    lines = [
        f"Failed earlier ({failed[run_id].failed_at}), not tried again: {run_id}:"
        f" {failed[run_id].message}"
        for run_id in wanted
        if run_id in failed
    ]
    if lines:
        lines.append("--retry_failed tries them again.")
        print("\n".join(map(errors.one_line, lines)), file=sys.stderr)


def tell_lost(lost: Iterable[Event], records: Iterable[Record]) -> None:
    """Lists what `scheduler.train_all` lost, and the records of diverged runs."""
    for event in lost:
        names = ", ".join(run.run_id for run in event.cohort.runs)
        words = event.kind.words.capitalize()
        line = f"{words}: {event.message} (not trained: {names})"
        print(errors.one_line(line), file=sys.stderr)
    _tell_diverged(record for record in records if record.status != "finished")


def _tell_diverged(records: Iterable[Record]) -> None:
    """Lists networks that diverged, and says what to try."""
    record = None
    for record in records:
        print(f"Diverged at step {record.steps}: {record.run_id}", file=sys.stderr)
    if record is not None:
        # All have one recipe, that of the study folder.
        advice = divergence.advice(record.recipe)
        print(f"A loss or a weight was not finite: {advice}.", file=sys.stderr)


@contextlib.contextmanager
def writing_to(folder: pathlib.Path) -> Iterator[None]:
    """Turns an error of the system into a sentence about the study folder.

    Raises:
      UserError: If the `with` block cannot write to the folder.
    """
    try:
        with files.room_for(folder / "a file"):
            yield
    except OSError as error:
        raise errors.UserError(
            f"cannot write to {error.filename or folder} ({error.strerror}): make"
            f" {folder} writable, then start the same command again"
        ) from None


@contextlib.contextmanager
def reporting(runs: pathlib.Path) -> Iterator[None]:
    """Holds the lock under which one process at a time writes the report.

    Raises:
      UserError: If the folder cannot be written to.
    """

    with writing_to(runs), _alone(runs, locks.REPORT, "writes the report"):
        files.remove_leftovers(runs)
        yield


@contextlib.contextmanager
def explaining(runs: pathlib.Path) -> Iterator[None]:
    """Holds the lock under which one process at a time measures layers.

    Raises:
      UserError: If the folder cannot be written to.
    """
    with writing_to(runs), _alone(runs, locks.LAYERS, "measures the layers"):
        yield


def _alone(
    runs: pathlib.Path, name: str, does: str
) -> contextlib.AbstractContextManager[bool]:
    def waiting() -> None:
        told = f"Waiting: another process {does} of {runs}."
        print(told, file=sys.stderr, flush=True)

    return locks.held(runs, name, waiting)
