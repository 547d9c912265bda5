"""A terminal as tests see it: what its user would read in it."""

import contextlib
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios

from commands import ENVIRONMENT, listen

# Colours and the cursor's look are no text either, but nothing may use them.
_PARTS = re.compile(r"\x1b\[(?P<count>\d*)(?P<code>[AK])|(?P<char>[^\x1b])", re.DOTALL)


class Terminal(io.StringIO):
    """A stream that is a terminal of some size and keeps what is written to it."""

    def __init__(self, columns: int = 80, rows: int = 24):
        super().__init__()
        self._master, self._slave = pty.openpty()
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int = 24) -> None:
        set_size(self._slave, columns, rows)

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._slave

    def close(self) -> None:
        os.close(self._master)
        os.close(self._slave)
        super().close()

    @property
    def shown(self) -> list[str]:
        """The rows that a user reads, in a terminal that was never narrower."""
        return shown(self.getvalue(), os.get_terminal_size(self._slave).columns)


def run(
    binary: str, *arguments: str, columns: int, ctrl_c: str = ""
) -> tuple[int, list[str]]:
    """Runs a command in a terminal; returns its exit code and the rows that it leaves.

    Args:
      binary: Its name without `yosinski-`.
      *arguments: Its arguments.
      columns: The terminal's width.
      ctrl_c: The text after which the user presses Ctrl-C, if any.
    """
    master, slave = pty.openpty()
    set_size(slave, columns)
    process = subprocess.Popen(
        [sys.executable, "-m", f"yosinski_tf.binaries.{binary}", *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**ENVIRONMENT, "TERM": "xterm", "CI": ""},
        start_new_session=True,
        preexec_fn=_own_the_terminal,
    )
    os.close(slave)
    written = b""
    # Reading fails once all processes have closed the terminal.
    with contextlib.suppress(OSError):
        while part := os.read(master, 65536):
            written += part
            if ctrl_c and ctrl_c in written.decode():
                os.write(master, b"\x03")
                ctrl_c = ""
    os.close(master)
    return process.wait(timeout=60), shown(written.decode(), columns)


def _own_the_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    listen()


def set_size(terminal: int, columns: int, rows: int = 24) -> None:
    """Sets the size of a terminal by its file descriptor."""
    size = struct.pack("HHHH", rows, columns, 0, 0)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)


def shown(text: str, columns: int) -> list[str]:
    """The rows of a terminal after some text, without empty ones at the end.

    Longer rows continue in the next one. Other codes than those to go up and to erase a
    row fail.
    """
    rows, row, column = [""], 0, 0
    position = 0
    for part in _PARTS.finditer(text):
        assert part.start() == position, ascii(text[position : part.start()])
        position = part.end()
        char = part["char"]
        if part["code"] == "A":
            row = max(0, row - int(part["count"] or 1))
        elif part["code"] == "K":
            rows[row] = "" if part["count"] == "2" else rows[row][:column]
        elif char == "\r":
            column = 0
        else:
            if char == "\n" or column == columns:
                row, column = row + 1, 0
                rows += [""] * (row == len(rows))
            if char != "\n":
                before, after = rows[row][:column], rows[row][column + 1 :]
                rows[row] = before.ljust(column) + char + after
                column += 1
    assert position == len(text), ascii(text[position:])
    while rows and not rows[-1]:
        rows.pop()
    return rows
