"""The text that `--help` prints, as wide as the terminal."""

import shutil
import textwrap
from collections.abc import Iterable, Sequence

from absl import flags

FLAGS = flags.FLAGS
# Longer lines are hard to read.
_MOST_COLUMNS = 96
# With fewer columns, what a flag means, and an example, stand below their names.
_BESIDE = 60
_NAME_COLUMNS = 23
_EXAMPLE = "Example: "


def help_text(summary: str, groups: Sequence[tuple[str, Iterable[str]]]) -> str:
    """A summary, and flags in groups with titles.

    It is at most as wide as the terminal, or `COLUMNS`, or 80 columns without either;
    longer words, such as a path, stick out.
    """
    lines = [wrapped(summary), ""]
    for title, names in groups:
        lines.append(wrapped(f"{title}:"))
        for name in names:
            lines += _flag(name)
        lines.append("")
    last = "Any flag may stand in a file, one to a line: --flagfile=FILE."
    return "\n".join([*lines, wrapped(last)])


def wrapped(text: str) -> str:
    """Paragraphs and examples, as `help_text` writes them.

    A command of an example that takes several lines can still be copied.
    """
    lines: list[str] = []
    for paragraph in text.strip().split("\n\n"):
        prose, start, examples = paragraph.partition(_EXAMPLE)
        lines += _wrap(prose)
        indent = " " * len(_EXAMPLE)
        if start and _columns() < _BESIDE:
            lines.append(start.rstrip())
            start = indent = "  "
        for example in examples.splitlines():
            parts = _wrap(example.strip(), start, indent, spare=len(" \\"))
            lines.append(" \\\n".join(parts))
            start = indent
        lines.append("")
    return "\n".join(lines[:-1])


def _flag(name: str) -> list[str]:
    flag = FLAGS[name]
    default = flag.default
    if isinstance(default, list):
        default = ",".join(default)
    text = flag.help if default in (None, "") else f"{flag.help} [{default}]"
    if _columns() < _BESIDE:
        return [f"  --{name}", *_wrap(text, " " * 6, " " * 6)]
    return _wrap(text, f"  --{name}".ljust(_NAME_COLUMNS), " " * _NAME_COLUMNS)


def _wrap(text: str, first: str = "", others: str = "", spare: int = 0) -> list[str]:
    return textwrap.wrap(
        text,
        max(1, _columns() - spare),
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        # A name with a hyphen could not be copied, or searched for.
        break_on_hyphens=False,
    )


def _columns() -> int:
    return min(shutil.get_terminal_size().columns, _MOST_COLUMNS)
