"""How a command ends: what is written last, and what is said of what went wrong."""

import contextlib
import pathlib
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from yosinski_tf.scheduling.events import Event
from yosinski_tf.study.failures import Failure
from yosinski_tf.study.records import Record
from yosinski_tf.system import files, locks
from yosinski_tf.system.errors import UserError, one_line


def tell_not_tried(
    wanted: Iterable[str],
    diverged: Collection[str],
    failed: Mapping[str, Failure],
) -> None:
    """Lists what earlier starts failed at and this one leaves alone.

    Args:
      wanted: Run ids of the whole plan.
      diverged: Ids of runs that diverged.
      failed: What failed, by run id.
    """
    lines = []
    for run_id in wanted:
        if run_id in diverged:
            lines.append(f"Diverged earlier, not tried again: {run_id}")
        elif run_id in failed:
            failure = failed[run_id]
            lines.append(
                f"Failed earlier ({failure.failed_at}), not tried again: {run_id}:"
                f" {failure.message}"
            )
    if lines:
        lines.append("--retry_failed tries them again.")
        print("\n".join(map(one_line, lines)), file=sys.stderr)


def tell_lost(lost: Iterable[Event], records: Iterable[Record]) -> None:
    """Lists what failed, what that kept from being trained, and what diverged.

    Args:
      lost: What the scheduler returned.
      records: Of what is new.
    """
    for event in lost:
        names = ", ".join(run.run_id for run in event.cohort.runs)
        words = event.kind.words.capitalize()
        line = f"{words}: {event.message} (not trained: {names})"
        print(one_line(line), file=sys.stderr)
    for record in records:
        if record.status != "finished":
            print(f"Diverged: {record.run_id}, see its record", file=sys.stderr)


def tell_waiting(busy: locks.Busy) -> None:
    """Says which process is waited for, and for how long at most."""
    minutes = locks.STALE_SECONDS / 60
    print(
        f"Waiting: {busy}; if its machine has ended, for up to {minutes:.0f} minutes.",
        file=sys.stderr,
        flush=True,
    )


@contextlib.contextmanager
def writing_to(folder: pathlib.Path) -> Iterator[None]:
    """Says in one sentence that a folder cannot be written to.

    Raises:
      UserError: In place of an error of the system.
    """
    try:
        with files.room_for(folder / "a file"):
            yield
    except OSError as error:
        raise UserError(
            f"cannot write to {error.filename or folder} ({error.strerror}): make"
            f" {folder} a folder that may be written to, then start the same command"
            " again"
        ) from None


@contextlib.contextmanager
def reporting(runs: pathlib.Path) -> Iterator[None]:
    """One process at a time reads the records and writes what they say.

    Raises:
      UserError: If the folder cannot be written to.
    """
    with writing_to(runs), locks.held(runs, "report", tell_waiting):
        files.remove_leftovers(runs)
        yield


def summary(total: int, left: Sequence[int], failed: int) -> str:
    """`72 networks, 8 done, 64 to train in 2 cohorts`, and what failed earlier.

    Args:
      total: Networks of the plan.
      left: Networks of each cohort that is left.
      failed: Networks that failed earlier.
    """
    done = total - sum(left) - failed
    earlier = f" {failed} failed earlier," if failed else ""
    return (
        f"{total} networks, {done} done,{earlier} {sum(left)} to train in {len(left)}"
        " cohorts"
    )
