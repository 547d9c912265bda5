"""Lines below everything else in a terminal, drawn again and again."""

import contextlib
import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from yosinski_tf.system.errors import one_line
from yosinski_tf.system.signals import uninterrupted

if TYPE_CHECKING:
    from rich.live import Live

_PLAIN_EVERY = 30.0


class StatusLines(contextlib.AbstractContextManager):
    """Lines that say what goes on, and disappear at the end of a `with` block.

    Where lines cannot be drawn again, as in a file, they are written now and then.

    Attributes:
      redraws: Whether the stream is a terminal in which lines are drawn again.
    """

    def __init__(self, stream: TextIO | None = None):
        """Writes nothing yet; standard error if `stream` is None."""
        self._stream = stream or sys.stderr
        self.redraws = (
            self._stream.isatty()
            and os.environ.get("TERM") not in ("dumb", "unknown")
            # Machines that build and test give a terminal to commands, but keep a log.
            and not os.environ.get("CI")
        )
        self._live: Live | None = None
        self._written = time.monotonic()

    def __exit__(self, *unused) -> None:
        self.clear()

    def show(self, lines: Sequence[str], at_once: bool = False) -> None:
        """Replaces the lines; in a terminal each is cut to its width.

        Elsewhere they become one line, at most every 30 seconds or `at_once`.
        """
        if self.redraws:
            with uninterrupted():
                self._draw([one_line(line) for line in lines])
        elif at_once or time.monotonic() - self._written >= _PLAIN_EVERY:
            self._written = time.monotonic()
            self.tell(" | ".join(lines))

    def tell(self, text: str) -> None:
        """Writes a line that stays, above the others."""
        if self._live is None:
            print(one_line(text), file=self._stream, flush=True)
            return
        with uninterrupted():
            # Not wrapped by rich: a path in it can be copied.
            self._live.console.print(one_line(text), soft_wrap=True)

    def clear(self) -> None:
        """Removes the lines, until they are shown again; others may write now."""
        live, self._live = self._live, None
        if live is not None:
            with uninterrupted():
                live.stop()

    def _draw(self, lines: Sequence[str]) -> None:
        # Loaded late: most commands draw nothing.
        from rich.console import Group
        from rich.control import Control
        from rich.segment import ControlType
        from rich.text import Text

        if self._live is None:
            self._live = _live(self._stream)
            self._live.start()
        columns, rows = self._live.console.size = _size(self._stream)
        # The cursor stays in an empty row: there the terminal writes ^C.
        shown = "\n".join([*lines[-max(1, rows - 2) :], ""])
        self._live.update(
            Group(
                # Who reads the terminal's bytes finds each line after a line end.
                Control(ControlType.CARRIAGE_RETURN),
                Text(shown, no_wrap=True, overflow="crop"),
            ),
            refresh=True,
        )


def _live(stream: TextIO) -> "Live":
    """What draws lines again; nothing but the stream tells it how."""
    from rich.console import Console
    from rich.live import Live

    class Terminal(Console):
        def show_cursor(self, show: bool = True) -> bool:
            # Hidden, it would stay so in the terminal if this process were killed.
            return False

    console = Terminal(
        file=stream,
        force_terminal=True,
        force_interactive=True,
        color_system=None,
        markup=False,
        emoji=False,
        highlight=False,
    )
    return Live(
        console=console,
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )


def _size(stream: TextIO) -> tuple[int, int]:
    """Columns and rows of a terminal; 80 and 24 if it does not say."""
    try:
        columns, rows = os.get_terminal_size(stream.fileno())
    except OSError:
        columns, rows = 0, 0
    return columns or 80, rows or 24
