"""Standard output and standard error that outlast whoever takes what they are given."""

import contextlib
import io
import os
import pathlib
import select
import sys
from collections.abc import Callable, Iterator
from typing import TextIO

_NAMES = {"stdout": "standard output", "stderr": "standard error"}


@contextlib.contextmanager
def lasting(program: str) -> Iterator[None]:
    """Lets a `with` block do all of its work when nobody can take what it prints.

    What cannot be written is dropped. A reader that has gone is no error: Ctrl-C also
    ends the `tee` at the other end of a pipe, `head` stops early, and users close
    terminals. Any other error, such as a full disk, is said once on the other stream,
    in the name of the program.

    Raises:
      SystemExit: With code 1 after such an error, if the block exits with 0.
    """
    _occupy_descriptors()
    own = {name: getattr(sys, name) for name in _NAMES}
    failed: set[str] = set()

    def refusal(name: str) -> Callable[[OSError], None]:
        (other,) = _NAMES.keys() - {name}
        # Asked now: a terminal that was closed is none any more.
        terminal = own[name] is not None and own[name].isatty()

        def refused(error: OSError) -> None:
            if terminal or isinstance(error, ConnectionError) or name in failed:
                return
            failed.add(name)
            if other not in failed:
                print(
                    f"{program}: {_NAMES[name]} needs to take what is printed, found"
                    f" {error.strerror}: make room, or send it elsewhere",
                    file=getattr(sys, other),
                    flush=True,
                )

        return refused

    for name, stream in own.items():
        setattr(sys, name, _lasting(stream, refusal(name)))
    try:
        try:
            yield
        finally:
            for name, stream in own.items():
                getattr(sys, name).flush()
                setattr(sys, name, stream)
    except SystemExit as ended:
        if failed and not ended.code:
            raise SystemExit(1) from None
        raise


@contextlib.contextmanager
def native_errors_to(log: pathlib.Path) -> Iterator[None]:
    """Appends what libraries write to standard error to a file, in a `with` block.

    What Python writes there, by `sys.stderr`, still goes where it went.

    Raises:
      OSError: If the file cannot be written.
    """
    stream = sys.stderr
    stream.flush()
    kept = os.dup(2)
    try:
        with open(log, "a") as file:
            os.dup2(file.fileno(), 2)
        with os.fdopen(os.dup(kept), "w", buffering=1) as sys.stderr:
            yield
    finally:
        sys.stderr = stream
        os.dup2(kept, 2)
        os.close(kept)


def _occupy_descriptors() -> None:
    """Opens the standard streams that were closed (`2>&-`), on the null device.

    Otherwise the next file that is opened would get the number, and what libraries
    print.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # Takes the lowest free number.


def _lasting(stream: TextIO | None, refused: Callable[[OSError], None]) -> TextIO:
    """A stream to the same file, which never fails."""
    if stream is None:
        return open(os.devnull, "w")
    try:
        raw = _LastingFile(stream.fileno(), refused)
    except io.UnsupportedOperation:  # In memory.
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        # A name of a file may be no text in this encoding.
        errors="backslashreplace",
        # The second is PYTHONUNBUFFERED's.
        line_buffering=stream.line_buffering or stream.write_through,
    )


class _LastingFile(io.FileIO):
    """A file that drops what it cannot write, after a call that says why."""

    def __init__(self, number: int, refused: Callable[[OSError], None]):
        super().__init__(number, "w", closefd=False)
        self._refused = refused

    def write(self, data) -> int:
        try:
            while (count := super().write(data)) is None:
                # The reader of a pipe that does not block is slow.
                select.select([], [self], [])
            return count
        except OSError as error:
            self._refused(error)
            return len(data)
