"""Flags in files: `--flagfile=FILE`, one flag to a line, read as any text of a user."""

import os
import pathlib
from collections.abc import Iterator, Sequence

from yosinski_tf.system.errors import UserError
from yosinski_tf.system.user_text import read_lines

_NAMES = ("--flagfile", "-flagfile")


def expanded(
    arguments: Sequence[str], within: tuple[pathlib.Path, ...] = ()
) -> Iterator[str]:
    """Yields arguments, those of flag files in the place of the files' names.

    Blank lines, and lines that begin with `#` or `//`, are left out. absl has no way
    to say how its own reading of such files decodes them.

    Args:
      arguments: What the user typed, or the lines of a flag file.
      within: The flag files that are being read.

    Raises:
      UserError: If a file cannot be read, is not text, or contains itself.
    """
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if name not in _NAMES:
            yield argument
            continue
        value = value if equals else next(rest, "")
        if not value:
            raise UserError("--flagfile needs a file, found none: name one")
        path = pathlib.Path(os.path.expanduser(value))
        if path in within:
            raise UserError(
                f"flag file {path} needs other flags, found itself in it: remove the"
                " line"
            )
        lines = read_lines(path, "flag file", "give another file")
        flags = [line for line in lines if line and not line.startswith(("#", "//"))]
        yield from expanded(flags, (*within, path))
