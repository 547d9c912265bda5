"""Text files that users write with any program, and names in them.

An editor may put a byte order mark at the start, end lines as Unix, Windows or old
Macs do, and write UTF-16. A Mac writes an accent as a character of its own (NFD),
other systems write one character for both (NFC).
"""

import codecs
import pathlib
import unicodedata

from yosinski_tf.system.errors import UserError

_MARK = "\ufeff"


def read_lines(
    path: pathlib.Path, kind: str, remedy: str, any_bytes: bool = False
) -> list[str]:
    """Reads the lines of a text file, without the spaces at their ends.

    The text is UTF-8, or UTF-16 with a byte order mark.

    Args:
      path: The file.
      kind: What it is, for messages, for example `split file`.
      remedy: What to do if it cannot be read.
      any_bytes: Whether to take bytes other than UTF-8, as file names may have them,
        in the form of `os.fsdecode`.

    Raises:
      UserError: If it cannot be read, or is no such text.
    """
    try:
        data = path.read_bytes()
    # ValueError: the path has a zero byte.
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"cannot read {kind} {path} ({reason}): {remedy}") from None
    marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    encoding = "utf-16" if data.startswith(marks) else "utf-8"
    try:
        text = data.decode(encoding, "surrogateescape" if any_bytes else "strict")
        wrong, place = "\0" in text, data.find(0)
    except UnicodeDecodeError as error:
        wrong, place = True, error.start
    if wrong:
        line = 1 + data.count(b"\n", 0, place)
        raise UserError(
            f"{kind} {path} needs UTF-8 text, found the byte 0x{data[place]:02x} in"
            f" line {line}: save it as UTF-8"
        )
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    # Files that were joined have a mark in the middle.
    return [line.removeprefix(_MARK).strip() for line in lines]


def same_name(name: str) -> str:
    """A form of a name that is the same however its accents are written (NFC)."""
    return unicodedata.normalize("NFC", name)
